//! `headwater demo`.

use std::process::Command;

use headwater_common::clock::Stopwatch;
use headwater_tests::server;

use crate::process::{Running, program, run};

#[test]
fn the_demo_answers_its_questions_and_is_quick_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let first = run(&["demo", "--no-serve", "--dir", folder]);
    assert_eq!(first.code, Some(0), "{first:?}");
    for part in [
        "writing",
        "JOIN",
        "OVER (",
        "FORECAST((",
        "ETS(",
        "date_bin(",
        "EXPLAIN",
        "Björn Bauer 0",
        "time: ",
        "-- physical plan",
    ] {
        assert!(first.out.contains(part), "{part} in {}", first.out);
    }
    for (name, part) in [("forecast.svg", "class=\"band\""), ("anomalies.svg", "class=\"mark\"")] {
        let picture = std::fs::read_to_string(std::path::Path::new(folder).join(name)).unwrap();
        assert!(picture.contains(part) && picture.ends_with("</svg>\n"), "{name}");
    }
    let watch = Stopwatch::start();
    let second = run(&["demo", "--no-serve", "--dir", folder]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert!(watch.elapsed_ms() < 30_000 && !second.out.contains("writing"), "{}", second.out);
    let answers = |text: &str| text.lines().filter(|l| l.starts_with('|')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(answers(&first.out), answers(&second.out));
    assert!(answers(&first.out).len() > 20);
}

#[test]
fn the_three_lines_for_python_run_as_they_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(program().args(["demo", "--port", "0", "--dir"]).arg(folder.path()));
    let text = demo.out_until("In another terminal");
    let lines: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("import ")).take(3).collect();
    assert!(lines.len() == 3 && lines[2].starts_with("print("), "{text}");
    let python = Command::new(server("TEST_PYTHON")).args(["-c", &lines.join("\n")]).output().unwrap();
    let printed = String::from_utf8(python.stdout).unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    assert!(printed.contains("customer_id") && printed.contains("ordered_at: timestamp[us, tz=UTC]"), "{printed}");
    demo.signal("INT");
    let (code, rest) = demo.end();
    assert_eq!(code, Some(0), "{rest}");
}

#[test]
fn a_taken_port_and_a_folder_without_access_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(&["demo", "--port", &port, "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(&port) && ended.err.contains("--port"), "{}", ended.err);
    let ended = run(&["demo", "--no-serve", "--dir", "/proc/nowhere"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("/proc/nowhere") && ended.err.contains("--dir"), "{}", ended.err);
}

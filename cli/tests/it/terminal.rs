//! `headwater sql` in a terminal, as a person uses it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use headwater_tests::TestDatabase;
use serde_json::{Value, json};

use crate::process::{Running, config, postgres, program};

/// A program in a pseudo terminal of 80 columns.
struct Terminal {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Terminal {
    fn start(arguments: &[&str], home: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(env!("CARGO_BIN_EXE_headwater")).args(arguments);
        command.env("XDG_STATE_HOME", home).env("EDITOR", home.join("editor")).env_remove("VISUAL");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    fn step(&mut self, step: &Value) -> Value {
        writeln!(self.to, "{step}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn send(&mut self, text: &str) {
        self.step(&json!({ "send": text }));
    }

    /// Waits for a pattern; the text up to it.
    fn expect(&mut self, pattern: &str) -> String {
        let answer = self.step(&json!({ "expect": pattern }));
        let text = answer["text"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer["ok"], true, "no {pattern:?} in\n{text}");
        text
    }

    /// Types a line and waits for a pattern and the next prompt.
    fn says(&mut self, line: &str, pattern: &str) -> String {
        self.send(&format!("{line}\r"));
        self.expect(&format!("(?s){pattern}.*> [\\r\\n]*$"))
    }

    /// Types a line of a longer statement and waits for the prompt that says what is open.
    fn goes_on(&mut self, line: &str, prompt: &str) {
        self.send(&format!("{line}\r"));
        self.expect(&format!("{prompt}[\\r\\n]*$"));
    }

    fn ends(mut self) -> i64 {
        let answer = self.step(&json!({ "end": 20 }));
        assert_eq!(answer["ok"], true, "{answer}");
        answer["code"].as_i64().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A failed test leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SHOP: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'first'), (2, NULL); \
    CREATE TABLE wide (a text, b text, c text, d text, e text, f text, g text, h text, i text, j text); \
    INSERT INTO wide SELECT w, w, w, w, w, w, w, w, w, w FROM (SELECT repeat('0123456789', 2) AS w FROM generate_series(1, 2)) r; \
    CREATE VIEW slow AS SELECT i AS id FROM generate_series(1, 1000) i, pg_sleep(60)";

#[tokio::test(flavor = "multi_thread")]
async fn control_c_stops_the_query_at_the_source_and_keeps_the_session() {
    let database = TestDatabase::create("TEST_PG15_URL", SHOP).await;
    let home = tempfile::tempdir().unwrap();
    let path = config(home.path(), &postgres("shop", &database.url()));
    let mut terminal = Terminal::start(&["sql", "--config", &path], home.path());
    terminal.expect("headwater> ");
    terminal.send("select id from shop.public.slow;\r");
    // The progress line says how to stop.
    terminal.expect(r"0 rows \(Ctrl-C cancels\)");
    let active = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'headwater' \
        AND state = 'active' AND query LIKE '%slow%'";
    assert_eq!(database.texts(active).await.len(), 1);
    terminal.send("\u{3}");
    terminal.expect("cancelled");
    for _ in 0..100 {
        if database.texts(active).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(database.texts(active).await.is_empty(), "the source still works");
    terminal.says("select id + 41 as answer from shop.public.orders where id = 1;", r"\| +42 \|");
    terminal.send("\\q\r");
    assert_eq!(terminal.ends(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_look_around_and_change_how_results_look() {
    let database = TestDatabase::create("TEST_PG15_URL", SHOP).await;
    let home = tempfile::tempdir().unwrap();
    let path = config(home.path(), &postgres("shop", &database.url()));
    let mut terminal = Terminal::start(&["sql", "--config", &path], home.path());
    terminal.expect("headwater> ");
    terminal.says("\\?", r"Ctrl-C cancels it");
    let listed = terminal.says("\\d", r"\(3 rows\)");
    assert!(listed.contains("shop.public.orders") && listed.contains("view"), "{listed}");
    let listed = terminal.says("\\dt or*", r"\(1 row\)");
    assert!(listed.contains("shop.public.orders"), "{listed}");
    let described = terminal.says("\\d orders", "primary key");
    assert!(described.contains("integer") && described.contains("| no"), "{described}");
    terminal.says("\\dn", r"shop.public +\| +3");
    terminal.says("\\l", r"postgres");
    terminal.says("\\ds", r"ready");
    terminal.says("\\c shop", "default is shop.*shop");
    // Several lines, the prompt says what is open.
    terminal.goes_on("select note as \"the", "\"> ");
    terminal.goes_on(" note\" from orders", "-> ");
    terminal.says("where id = 1;", "first");
    terminal.says("select note from orders order by id;", r"NULL");
    terminal.says("\\null <none>", "");
    terminal.says("select note from orders order by id;", r"\| <none> ");
    terminal.says("\\x", "format is vertical");
    terminal.says("select * from orders where id = 1;", r"-\[ row 1 \]-\r\nid   \| 1\r\nnote \| first");
    terminal.says("\\x", "format is table");
    terminal.says("\\format csv", "format is csv");
    terminal.says("select id from orders order by id;", r"id\r\n1\r\n2\r\n");
    terminal.says("\\format table", "format is table");
    let wide = terminal.says("select * from wide;", r"columns have no room, \\x shows all");
    let lines: Vec<&str> = wide.lines().filter(|l| l.starts_with(['|', '+'])).collect();
    assert!(lines.len() == 6 && lines.iter().all(|l| l.chars().count() <= 80), "{wide}");
    terminal.says("\\timing on", "timing is on");
    terminal.says("select 1;", r"time: [0-9.]+ (ms|s)");
    terminal.says("\\timing off", "timing is off");
    let unknown = terminal.says("\\timin", "unknown command");
    assert!(!unknown.contains("panicked"));
    terminal.send("\u{4}");
    assert_eq!(terminal.ends(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_show_their_place_and_files_and_the_editor_bring_statements() {
    let home = tempfile::tempdir().unwrap();
    let sql = home.path().join("some.sql");
    std::fs::write(&sql, "-- a file\nselect 'from' || ' file' as x;\nselect 2 as y").unwrap();
    let editor = home.path().join("editor");
    std::fs::write(&editor, "#!/bin/sh\necho \"select 'edit' || 'ed' as z;\" > \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let out = home.path().join("out.txt");
    let mut terminal = Terminal::start(&["sql"], home.path());
    terminal.expect("headwater> ");
    let wrong = terminal.says("select 1 +* 2;", r"LINE 1: select 1 \+\* 2\r\n +\^");
    assert!(wrong.contains("error: "), "{wrong}");
    terminal.says(&format!("\\i {}", sql.display()), r"from file.*\| 2 \|");
    terminal.says("\\e", r"edited \|");
    terminal.says("\\i /nowhere.sql", "cannot read /nowhere.sql");
    terminal.says(&format!("\\o {}", out.display()), "");
    terminal.says("select 'in the' || ' file' as w;", "");
    terminal.says("\\o", "");
    terminal.says("select 'syn' || 'chronous' as s;", "synchronous");
    assert!(std::fs::read_to_string(&out).unwrap().contains("in the file"));
    // Ctrl-C while typing forgets the line, and leaves the session alone.
    terminal.send("select 'forgotten'\u{3}");
    terminal.expect(r"(?s)forgotten.*headwater> ");
    terminal.says("select 'kept' || ' on' as k;", "kept on");
    terminal.send("\\q\r");
    assert_eq!(terminal.ends(), 0);
    // The next session knows the lines of this one.
    let mut terminal = Terminal::start(&["sql"], home.path());
    terminal.expect("headwater> ");
    terminal.send("\u{1b}[A\u{1b}[A\r");
    terminal.expect("kept on");
    terminal.send("\\q\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let text = "[server]\nflight_listen = \"127.0.0.1:0\"\n[server.auth.users]\nann = \"s3cret-word\"\n";
    let path = config(home.path(), text);
    let mut server = Running::start(program().args(["serve", "--config", &path]));
    let log = server.err_until("Flight SQL is ready");
    let address = log.rsplit_once("address=").unwrap().1.split_whitespace().next().unwrap();
    let url = format!("grpc://{address}");
    for (password, answer) in [("s3cret-word", "headwater> "), ("wr0ng-word", "wrong user name, password or token")] {
        let mut terminal = Terminal::start(&["sql", "--url", &url, "--user", "ann"], home.path());
        terminal.expect("Password for ann: ");
        terminal.send(&format!("{password}\r"));
        let shown = terminal.expect(answer);
        assert!(!shown.contains(password), "{shown}");
        if answer.starts_with("headwater") {
            terminal.says("select 40 + 2 as x;", r"\| 42 \|");
            terminal.send("\\q\r");
            assert_eq!(terminal.ends(), 0);
        } else {
            assert_eq!(terminal.ends(), 1);
        }
    }
    server.signal("TERM");
    assert_eq!(server.end().0, Some(0));
}

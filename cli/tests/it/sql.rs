//! `headwater sql` without a terminal: texts, files and pipes in, every format out.

use std::process::Stdio;

use headwater_tests::TestDatabase;

use crate::process::{config, postgres, program, run, run_with};

const ROWS: &str = "SELECT * FROM (VALUES (1, 'a|b', NULL), (2, 'ü', 1.5)) t(id, name, x) ORDER BY id";

#[test]
fn every_text_format_is_written_to_the_byte() {
    let cases = [
        ("csv", "id,name,x\n1,a|b,\n2,ü,1.5\n"),
        ("tsv", "id\tname\tx\n1\ta|b\t\\N\n2\tü\t1.5\n"),
        ("json", "[{\"id\":1,\"name\":\"a|b\",\"x\":null},{\"id\":2,\"name\":\"ü\",\"x\":1.5}]\n"),
        ("ndjson", "{\"id\":1,\"name\":\"a|b\",\"x\":null}\n{\"id\":2,\"name\":\"ü\",\"x\":1.5}\n"),
        (
            "table",
            "+----+------+------+\n| id | name | x    |\n+----+------+------+\n|  1 | a|b  | NULL |\n|  2 | ü    |  1.5 |\n\
             +----+------+------+\n(2 rows)\n",
        ),
        (
            "markdown",
            "| id  | name | x    |\n| --: | ---- | ---: |\n|   1 | a\\|b | NULL |\n|   2 | ü    |  1.5 |\n\n(2 rows)\n",
        ),
        (
            "vertical",
            "-[ row 1 ]-\nid   | 1\nname | a|b\nx    | NULL\n-[ row 2 ]-\nid   | 2\nname | ü\nx    | 1.5\n(2 rows)\n",
        ),
    ];
    for (format, want) in cases {
        let ended = run(&["sql", "--format", format, "-c", ROWS]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(0), want), "{format}: {ended:?}");
    }
}

#[test]
fn parquet_and_arrow_files_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for (format, file) in [("parquet", "one.parquet"), ("arrow", "two.arrow")] {
        let path = folder.path().join(file).display().to_string();
        let ended = run(&["sql", "--format", format, "-o", &path, "-c", ROWS]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    let source = format!("[sources.files]\nkind = \"files\"\nroot = \"{}\"\n", folder.path().display());
    let path = config(folder.path(), &source);
    let sql = "SELECT id, name, x FROM files.public.one ORDER BY id";
    let ended = run(&["sql", "--config", &path, "--format", "csv", "-c", sql]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "id,name,x\n1,a|b,\n2,ü,1.5\n"), "{ended:?}");
    let two = std::fs::read(folder.path().join("two.arrow")).unwrap();
    assert!(two.len() > 100);
    let refused = run(&["sql", "--format", "parquet", "-c", "SELECT 1", "-c", "SELECT 2"]);
    assert!(refused.code == Some(1) && refused.err.contains("one result only"), "{}", refused.err);
}

#[test]
fn statements_come_from_texts_files_and_pipes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.sql");
    std::fs::write(&file, "SELECT ';' AS a; -- c;\nSELECT\n 2 AS b;\n\\format csv\nSELECT 3 AS c").unwrap();
    let ended = run(&["sql", "--format", "csv", "-f", file.to_str().unwrap()]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "a\n;\nb\n2\nc\n3\n"), "{ended:?}");
    let ended = run(&["sql", "--format", "csv", "-c", "SELECT 1 AS a; SELECT 2 AS b", "-c", "SELECT 3 AS c"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "a\n1\nb\n2\nc\n3\n"), "{ended:?}");
    let ended = run_with(program().args(["sql", "--format", "csv", "-f", "-"]), "SELECT 4 AS d");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "d\n4\n"), "{ended:?}");
    let ended = run_with(program().args(["sql", "--format", "csv"]), "SELECT 5\n AS e;\nSELECT 6 AS f");
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "e\n5\nf\n6\n"), "{ended:?}");
}

#[test]
fn the_first_error_ends_a_script_and_shows_in_the_exit_code() {
    let script = "SELECT 1 AS a;\nSELECT 1 +* 2;\nSELECT 3 AS c;";
    let ended = run_with(program().args(["sql", "--format", "csv"]), script);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "a\n1\n"), "{ended:?}");
    assert!(ended.err.contains("LINE 1: SELECT 1 +* 2\n") && ended.err.contains('^'), "{}", ended.err);
    let ended = run(&["sql", "--format", "csv", "-c", script]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), "a\n1\n"), "{ended:?}");
    for arguments in
        [vec!["sql", "--keep-going", "--format", "csv"], vec!["sql", "--keep-going", "--format", "csv", "-f", "-"]]
    {
        let ended = run_with(program().args(arguments), script);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), "a\n1\nc\n3\n"), "{ended:?}");
    }
    let ended = run(&["sql", "-f", "/nowhere.sql"]);
    assert!(ended.code == Some(1) && ended.err.contains("/nowhere.sql"), "{ended:?}");
    let ended = run(&["sql", "--format", "jsn", "-c", "SELECT 1"]);
    assert!(ended.code == Some(2) && ended.err.contains("json"), "{ended:?}");
    let ended = run(&["sql", "--url", "localhost:1", "-c", "SELECT 1"]);
    assert!(ended.code == Some(1) && ended.err.contains("grpc+tls://host:port"), "{ended:?}");
    let ended = run(&["sql", "--url", "grpc://127.0.0.1:1", "-c", "SELECT 1"]);
    assert!(ended.code == Some(1) && ended.err.contains("is the server running?"), "{ended:?}");
}

#[test]
fn a_failed_run_leaves_the_old_output_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    std::fs::write(&path, "old").unwrap();
    let name = path.to_str().unwrap();
    let ended = run(&["sql", "--format", "csv", "-o", name, "-c", "SELECT 10 / (value - 5) FROM generate_series(1, 9)"]);
    assert_eq!((ended.code, std::fs::read_to_string(&path).unwrap().as_str()), (Some(1), "old"), "{ended:?}");
    let ended = run(&["sql", "--format", "csv", "-o", name, "-c", "SELECT 1 AS a"]);
    assert_eq!((ended.code, std::fs::read_to_string(&path).unwrap().as_str()), (Some(0), "a\n1\n"), "{ended:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = program()
        .args(["sql", "--format", "csv", "-c", "SELECT value FROM generate_series(1, 3000000)"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_say_their_number_of_rows() {
    let database = TestDatabase::create("TEST_PG15_URL", "CREATE TABLE t (id int, name text)").await;
    let folder = tempfile::tempdir().unwrap();
    let path = config(folder.path(), &postgres("pg", &database.url()));
    let sql = "INSERT INTO pg.public.t VALUES (1, 'a'), (2, 'b'); UPDATE pg.public.t SET name = 'c' WHERE id = 2; \
        DELETE FROM pg.public.t WHERE id = 9; SET limits.terms = 10;";
    let ended = run(&["sql", "--config", &path, "-c", sql]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(0), "2 rows changed\n1 row changed\n0 rows changed\ndone\n"),
        "{ended:?}"
    );
    assert_eq!(database.texts("SELECT name FROM t ORDER BY id").await, [Some("a".to_owned()), Some("c".to_owned())]);
}

//! CSV without surprises.

use headwater_common::config::Options;
use headwater_tests::table;

use super::{columns, error, folder, ordered, over, over_with};

#[tokio::test(flavor = "multi_thread")]
async fn inferred_types_keep_what_is_written() {
    let dir = folder(&[
        (
            "codes.csv",
            "zip,phone,long,price,rate\n00123,+4912345,12345678901234567890,1.10,0.12345678901234567891\n04109,+1,1,20,1\n",
        ),
        ("times.csv", "d,ts,tz,t,us\n2024-02-29,2024-01-01 10:00:00,2024-01-01T10:00:00+02:00,10:20:30,01/02/2024\n"),
        ("odd.csv", "b,n,mix,space\nTrue,NaN,1, 5\nfalse,1.5,x,7\n"),
        ("nulls.csv", "a,b,c\n1,,x\n,2,\"\"\n"),
    ]);
    let session = over(dir.path()).await;
    assert_eq!(columns(&session, "f.public.codes").await, "zip Utf8, phone Utf8, long Utf8, price Float64, rate Utf8");
    let rows = ordered(&session, "SELECT * FROM f.public.codes").await;
    assert_eq!(rows, ["00123|+4912345|12345678901234567890|1.1|0.12345678901234567891", "04109|+1|1|20.0|1"]);
    let types = "d Date32, ts Timestamp(µs), tz Timestamp(µs, \"UTC\"), t Time64(µs), us Utf8";
    assert_eq!(columns(&session, "f.public.times").await, types);
    let rows = ordered(&session, "SELECT d, ts, tz = TIMESTAMP '2024-01-01T08:00:00Z', t, us FROM f.public.times").await;
    assert_eq!(rows, ["2024-02-29|2024-01-01T10:00:00|true|10:20:30|01/02/2024"]);
    assert_eq!(columns(&session, "f.public.odd").await, "b Boolean, n Float64, mix Utf8, space Utf8");
    assert_eq!(columns(&session, "f.public.nulls").await, "a Int64, b Int64, c Utf8");
    assert_eq!(ordered(&session, "SELECT * FROM f.public.nulls").await, ["1|NULL|x", "NULL|2|NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_value_that_does_not_fit_is_an_error_with_its_place() {
    let good: String = (0..30_000).map(|i| format!("{i},{i}.5,2024-01-01\n")).collect();
    for (bad, column) in [
        ("x,1.5,2024-01-01", "a"),
        ("7,0.12345678901234567891,2024-01-01", "b"),
        ("7,1,2024-02-30", "c"),
        ("007,1,2024-01-01", "a"),
    ] {
        let dir = folder(&[("t.csv", &format!("a,b,c\n{good}{bad}\n"))]);
        let session = over(dir.path()).await;
        let e = error(&session, &format!("SELECT max({column}) FROM f.public.t")).await.to_string();
        let expected = format!("t.csv: line 30002: the value of column \"{column}\"");
        assert!(e.contains(&expected) && e.contains("csv_sample_rows") && e.contains("declare"), "{e}");
        assert!(!e.contains("0.1234"), "a value is told: {e}");
    }
    let dir = folder(&[("t.csv", &format!("a,b,c\n{good}x,1.5,2024-01-01\n"))]);
    let session = over_with(dir.path(), Options::new().with("csv_sample_rows", "100000")).await;
    assert_eq!(columns(&session, "f.public.t").await, "a Utf8, b Float64, c Date32");
    let session = over_with(dir.path(), Options::new().with("columns.t", "a TEXT")).await;
    assert_eq!(table(&session, "SELECT count(*), max(a) FROM f.public.t").await, ["30001|x"]);
    let session = over_with(dir.path(), Options::new().with("csv_sample_rows", "0")).await;
    assert_eq!(columns(&session, "f.public.t").await, "a Utf8, b Utf8, c Utf8");
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_files_are_read_whole_or_refused() {
    let dir = folder(&[
        ("bom.csv", "\u{feff}a,b\r\n1,\"x\r\ny\"\r\n2,\"q\"\"q\"\r\n"),
        ("header.csv", "a,b\n"),
        ("blank.csv", "a,b\n\n1,2\n\n\n3,4"),
        ("single.csv", "a\n1\n\n3\n"),
        ("trailing.csv", "a,b\n1,2,\n"),
        ("short.csv", "a,b\n1,2\n3\n"),
        ("unclosed.csv", "a,b\n1,\"x\n2,y\n"),
        ("nameless.csv", "a,,c\n1,2,3\n"),
        ("tabs.tsv", "a\tb\n1\tx,y\n"),
    ]);
    std::fs::write(dir.path().join("latin.csv"), b"a\ncaf\xe9\n").unwrap();
    std::fs::write(dir.path().join("utf16.csv"), b"\xff\xfea\0\n\0").unwrap();
    let session = over(dir.path()).await;
    assert_eq!(
        ordered(&session, "SELECT a, replace(replace(b, chr(13), 'R'), chr(10), 'N') FROM f.public.bom").await,
        ["1|xRNy", "2|q\"q"]
    );
    assert_eq!(columns(&session, "f.public.header").await, "a Utf8, b Utf8");
    assert_eq!(table(&session, "SELECT count(*) FROM f.public.header").await, ["0"]);
    assert_eq!(ordered(&session, "SELECT * FROM f.public.blank").await, ["1|2", "3|4"]);
    assert_eq!(ordered(&session, "SELECT * FROM f.public.single").await, ["1", "NULL", "3"]);
    assert_eq!(ordered(&session, "SELECT * FROM f.public.tabs").await, ["1|x,y"]);
    assert_eq!(columns(&session, "f.public.nameless").await, "a Int64, column1 Int64, c Int64");
    for (name, message) in [
        ("trailing", "trailing.csv: line 2: 3 fields, but there are 2 columns"),
        ("short", "short.csv: line 3: 1 fields, but there are 2 columns; set csv_null_padding"),
        ("unclosed", "unclosed.csv: line 2: a quote is opened and never closed"),
        ("latin", "latin.csv: line 2: field 1 is not UTF-8"),
        ("utf16", "utf16.csv: the file is UTF-16"),
    ] {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await.to_string();
        assert!(e.contains(message), "{name}: {e}");
    }
    let padded = over_with(dir.path(), Options::new().with("csv_null_padding", "true")).await;
    assert_eq!(ordered(&padded, "SELECT * FROM f.public.short").await, ["1|2", "3|NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_say_how_files_are_written() {
    let dir = folder(&[("t.csv", "# made by hand\n1;'it''s; so';NA\n2;'x';3\n")]);
    let options = Options::new()
        .with("csv_header", "false")
        .with("csv_delimiter", ";")
        .with("csv_quote", "'")
        .with("csv_comment", "#")
        .with("csv_null", "NA");
    let session = over_with(dir.path(), options.clone()).await;
    assert_eq!(columns(&session, "f.public.t").await, "column0 Int64, column1 Utf8, column2 Int64");
    assert_eq!(ordered(&session, "SELECT * FROM f.public.t").await, ["1|it's; so|NULL", "2|x|3"]);
    let session = over_with(dir.path(), options.with("columns.T", "id INTEGER, note TEXT, n DECIMAL(10, 2)")).await;
    assert_eq!(columns(&session, "f.public.t").await, "id Int32, note Utf8, n Decimal128(10, 2)");
    assert_eq!(ordered(&session, "SELECT * FROM f.public.t").await, ["1|it's; so|NULL", "2|x|3.00"]);
    let dir = folder(&[("t.csv", "a|b\n\"x\\\"y\"|1\n")]);
    let session = over_with(dir.path(), Options::new().with("csv_delimiter", "|").with("csv_escape", "\\")).await;
    assert_eq!(ordered(&session, "SELECT * FROM f.public.t").await, ["x\"y|1"]);
}

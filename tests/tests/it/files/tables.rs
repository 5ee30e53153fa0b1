//! Which files are which tables.

use headwater_common::ErrorKind;
use headwater_common::config::Options;
use headwater_tests::table;

use super::{columns, error, folder, numbers, over, over_with, parquet, write};

#[tokio::test(flavor = "multi_thread")]
async fn files_folders_and_hive_partitions_are_tables() {
    let dir = folder(&[
        ("orders.csv", "id,amount\n1,2.5\n2,3.5\n"),
        ("events/a.json", "{\"x\":1}\n{\"x\":2}\n"),
        ("events/deep/er/b.json", "[{\"x\":3},{\"y\":true}]"),
        ("events/_SUCCESS", ""),
        ("events/.a.json.crc", "xx"),
        ("events/_temporary/0/c.json", "{\"x\":9}"),
        ("Odd Name.csv", "Mixed Case,\"a\"\"b\"\n1,2\n"),
        ("log/year=2024/month=01/a.csv", "v\n1\n"),
        ("log/year=2024/month=02/a.csv", "v\n2\n"),
        ("log/year=__HIVE_DEFAULT_PARTITION__/month=02/a.csv", "v\n3\n"),
        ("days/day=2024-05-01/kind=a%2Fb/x.csv", "v\n1\n"),
        ("readme.txt", "no table"),
    ]);
    let session = over(dir.path()).await;
    assert_eq!(columns(&session, "f.public.orders").await, "id Int64, amount Float64");
    assert_eq!(table(&session, "SELECT * FROM f.public.events").await, ["1|NULL", "2|NULL", "3|NULL", "NULL|true"]);
    assert_eq!(table(&session, "SELECT \"Mixed Case\", \"a\"\"b\" FROM f.public.\"Odd Name\"").await, ["1|2"]);
    assert_eq!(columns(&session, "f.public.log").await, "v Int64, year Int64, month Int64");
    let rows = table(&session, "SELECT v, year, month FROM f.public.log").await;
    assert_eq!(rows, ["1|2024|1", "2|2024|2", "3|NULL|2"]);
    assert_eq!(table(&session, "SELECT v FROM f.public.log WHERE year IS NULL").await, ["3"]);
    // Statistics take values of folders for never null.
    let sql = "SELECT count(*), count(year), min(year), max(year) FROM f.public.log";
    assert_eq!(table(&session, sql).await, ["3|2|2024|2024"]);
    assert_eq!(table(&session, "SELECT v FROM f.public.log WHERE year IS NULL OR v = 1").await, ["1", "3"]);
    assert_eq!(columns(&session, "f.public.days").await, "v Int64, day Date32, kind Utf8");
    assert_eq!(table(&session, "SELECT kind FROM f.public.days WHERE day = DATE '2024-05-01'").await, ["a/b"]);
    let plan = table(&session, "EXPLAIN SELECT v FROM f.public.log WHERE month = 2 AND year = 2024").await.join("\n");
    assert!(plan.contains("month=02/a.csv") && !plan.contains("month=01") && !plan.contains("HIVE"), "{plan}");
    assert!(!plan.contains("FilterExec"), "{plan}");
    assert_eq!(table(&session, "SELECT name, tables FROM system.sources").await, ["f|5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_schemas_when_asked() {
    let dir = folder(&[("sales/orders.csv", "a\n1\n"), ("sales/lines/1.csv", "b\n2\n"), ("top.csv", "c\n3\n")]);
    let session = over_with(dir.path(), Options::new().with("schemas", "folders")).await;
    let sql = "SELECT a, b, c FROM f.sales.orders, f.sales.lines, f.public.top";
    assert_eq!(table(&session, sql).await, ["1|2|3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_table_leaves_the_others_alone() {
    let dir = folder(&[
        ("ok.csv", "a\n1\n"),
        ("mixed/1.csv", "a\n1\n"),
        ("mixed/2.json", "{}"),
        ("twice.csv", "a,b,a\n1,2,3\n"),
        ("packed.csv.bz2", "x"),
        ("empty.csv", ""),
        ("corrupt.parquet", "PAR1 this is no Parquet file PAR1"),
    ]);
    write(dir.path(), "cut.parquet", &parquet(&numbers(0, 100), 100)[..700]);
    let session = over(dir.path()).await;
    assert_eq!(table(&session, "SELECT * FROM f.public.ok").await, ["1"]);
    for (name, reason) in [
        ("mixed", "mixed/1.csv is CSV but mixed/2.json is JSON"),
        ("twice", "column \"a\" is there twice"),
        ("packed", "use gzip or zstd"),
        ("empty", "is empty"),
        ("corrupt", "corrupt.parquet"),
        ("cut", "cut.parquet"),
    ] {
        let e = error(&session, &format!("SELECT * FROM f.public.{name}")).await;
        assert_eq!(e.kind(), ErrorKind::SourceFailed, "{e}");
        assert!(e.to_string().contains(reason), "{name}: {e}");
        let sql = format!("SELECT reason FROM system.unavailable_tables WHERE source = 'f' AND name = '{name}'");
        let told = table(&session, &sql).await.join("");
        assert!(told.contains(reason), "{name}: {told}");
    }
    assert_eq!(table(&session, "SELECT count(*) FROM f.information_schema.columns WHERE table_name = 'ok'").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_folder_are_united_by_name() {
    use arrow::array::RecordBatch;
    use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray};
    use std::sync::Arc;
    let small: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let wide: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let dir = folder(&[("c/1.csv", "a,b\n1,2\n"), ("c/2.csv", "b,d\n2.5,z\n")]);
    write(dir.path(), "p/1.parquet", &parquet(&RecordBatch::try_from_iter([("a", small.clone())]).unwrap(), 10));
    write(
        dir.path(),
        "p/2.parquet",
        &parquet(&RecordBatch::try_from_iter([("b", text.clone()), ("a", wide)]).unwrap(), 10),
    );
    write(dir.path(), "bad/1.parquet", &parquet(&RecordBatch::try_from_iter([("a", small)]).unwrap(), 10));
    write(dir.path(), "bad/2.parquet", &parquet(&RecordBatch::try_from_iter([("a", text)]).unwrap(), 10));
    let session = over(dir.path()).await;
    assert_eq!(columns(&session, "f.public.p").await, "a Int64, b Utf8");
    let rows = table(&session, "SELECT a, b FROM f.public.p").await;
    assert_eq!(rows, ["1|NULL", "2|NULL", "9223372036854775807|x"]);
    let sql = "SELECT count(*), min(a), max(a), count(b), min(b), max(b) FROM f.public.p";
    assert_eq!(table(&session, sql).await, ["3|1|9223372036854775807|1|x|x"]);
    assert_eq!(columns(&session, "f.public.c").await, "a Int64, b Float64, d Utf8");
    assert_eq!(table(&session, "SELECT * FROM f.public.c").await, ["1|2.0|NULL", "NULL|2.5|z"]);
    let e = error(&session, "SELECT * FROM f.public.bad").await.to_string();
    assert!(e.contains("is Int32 in bad/1.parquet but Utf8 in bad/2.parquet"), "{e}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_configuration_answers_its_query() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let text = std::fs::read_to_string(format!("{folder}/files.toml")).unwrap();
    let text = text.replace("\"examples/", &format!("\"{folder}/"));
    let config = headwater_common::config::Config::load(&text, &[]).unwrap();
    let session = super::configured(config.sources[0].options.clone(), headwater_common::Limits::default()).await;
    let sql = "SELECT year, count(*) FROM f.public.events GROUP BY year";
    assert_eq!(table(&session, sql).await, ["2024|2", "2025|1"]);
    assert_eq!(table(&session, "SELECT zip FROM f.public.orders WHERE ordered = DATE '2024-03-01'").await, ["00123"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_only_read() {
    let dir = folder(&[("t.csv", "a\n1\n")]);
    let session = over(dir.path()).await;
    for sql in ["INSERT INTO f.public.t VALUES (2)", "DELETE FROM f.public.t WHERE a = 1", "UPDATE f.public.t SET a = 2"] {
        let e = error(&session, sql).await;
        assert_eq!(e.kind(), ErrorKind::Unsupported, "{sql}: {e}");
        assert!(e.to_string().contains("only read"), "{sql}: {e}");
    }
    let copy = error(&session, "COPY (SELECT 1) TO '/tmp/headwater-copy.csv'").await;
    assert_eq!(copy.kind(), ErrorKind::PermissionDenied, "{copy}");
    assert_eq!(std::fs::read_to_string(dir.path().join("t.csv")).unwrap(), "a\n1\n");
}

//! What is not read.

use headwater_tests::table;

use super::{folder, numbers, over, parquet, write};

/// The value of a metric in an EXPLAIN ANALYZE text, summed over its mentions.
fn metric(plan: &str, name: &str) -> Vec<String> {
    plan.split(&format!("{name}="))
        .skip(1)
        .map(|rest| rest.split([',', ']']).next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_projections_filters_and_limits_reach_parquet() {
    let dir = folder(&[]);
    write(dir.path(), "big.parquet", &parquet(&numbers(0, 200_000), 10_000));
    for part in 0..4_i64 {
        let bytes = parquet(&numbers(part * 1000, part * 1000 + 1000), 1000);
        write(dir.path(), &format!("parts/{part}.parquet"), &bytes);
    }
    let session = over(dir.path()).await;
    let explain = |sql: &'static str| {
        let session = session.clone();
        async move { table(&session, &format!("EXPLAIN {sql}")).await.join("\n") }
    };
    // Counts and extremes of whole columns come from the footers.
    let plan = explain("SELECT count(*), min(id), max(id) FROM f.public.big").await;
    assert!(!plan.contains("DataSourceExec") && plan.contains("PlaceholderRowExec"), "{plan}");
    assert_eq!(table(&session, "SELECT count(*), min(id), max(id) FROM f.public.big").await, ["200000|0|199999"]);
    let plan = explain("SELECT id FROM f.public.big").await;
    assert!(plan.contains("projection=[id]") && plan.contains("file_groups={4 groups"), "{plan}");
    let analyzed = table(&session, "EXPLAIN ANALYZE SELECT note FROM f.public.big WHERE id = 123456").await.join("\n");
    let groups = metric(&analyzed, "row_groups_pruned_statistics");
    assert!(groups.iter().any(|g| g.starts_with("20 total") && g.contains("1 matched")), "{analyzed}");
    assert_eq!(table(&session, "SELECT note FROM f.public.big WHERE id = 123456").await, ["text 123456"]);
    // A file whose largest value is below the filter is not opened.
    let analyzed = table(&session, "EXPLAIN ANALYZE SELECT note FROM f.public.parts WHERE id >= 3500").await.join("\n");
    let files = metric(&analyzed, "files_ranges_pruned_statistics");
    assert!(files.iter().any(|f| f.contains("4 total") && f.contains("1 matched")), "{analyzed}");
    assert_eq!(table(&session, "SELECT count(*) FROM f.public.parts WHERE id >= 3500").await, ["500"]);
    let plan = explain("SELECT note FROM f.public.big LIMIT 3").await;
    assert!(plan.contains("limit=3"), "{plan}");
    assert_eq!(table(&session, "SELECT note FROM f.public.big LIMIT 3").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_scans_read_every_row_once() {
    let dir = folder(&[]);
    write(dir.path(), "one.parquet", &parquet(&numbers(0, 3_000_000), 50_000));
    for part in 0..7_i64 {
        let rows: String = (part * 1000..part * 1000 + 1000).map(|i| format!("{i}\n")).collect();
        write(dir.path(), &format!("many/{part}.csv"), format!("id\n{rows}").as_bytes());
    }
    let session = over(dir.path()).await;
    let plan = table(&session, "EXPLAIN SELECT sum(id) FROM f.public.one").await.join("\n");
    assert!(plan.contains("file_groups={4 groups"), "{plan}");
    assert_eq!(
        table(&session, "SELECT count(id), count(DISTINCT id), sum(id) FROM f.public.one").await,
        ["3000000|3000000|4499998500000"]
    );
    let plan = table(&session, "EXPLAIN SELECT sum(id) FROM f.public.many").await.join("\n");
    assert!(plan.contains("file_groups={4 groups"), "{plan}");
    assert_eq!(
        table(&session, "SELECT count(*), count(DISTINCT id), sum(id) FROM f.public.many").await,
        ["7000|7000|24496500"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_the_reading_of_text_files() {
    let rows: String = (0..2_000_000).map(|i| format!("{i},some text to make it longer {i}\n")).collect();
    let dir = folder(&[("t.csv", &format!("id,note\n{rows}"))]);
    let session = over(dir.path()).await;
    let analyzed = table(&session, "EXPLAIN ANALYZE SELECT * FROM f.public.t LIMIT 5").await.join("\n");
    let scanned = metric(&analyzed, "bytes_scanned");
    let scanned = scanned.first().unwrap_or_else(|| panic!("{analyzed}"));
    // The file has some 80 MB; a few pieces of a megabyte are read.
    assert!(!scanned.contains("0.0") && (scanned.ends_with(" M") || scanned.ends_with(" K")), "{scanned}: {analyzed}");
    let megabytes: f64 = scanned.split(' ').next().unwrap().parse().unwrap();
    assert!(scanned.ends_with(" K") || megabytes < 8.0, "{scanned}");
}

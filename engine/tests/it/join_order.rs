//! The order of joins over sources whose statistics are known.

use datafusion::arrow::array::AsArray;
use headwater_common::config::Config;
use headwater_engine::{Engine, Session};

use crate::sketch::{explain, session_of};

/// The joins and tables of the plan after the rule, one a line; `None` when it left the plan as it was.
async fn ordered(session: &Session, sql: &str) -> Option<Vec<String>> {
    let batches = session.query(&format!("EXPLAIN (REWRITES) {sql}")).await.unwrap().collect().await.unwrap();
    for batch in batches {
        let text = |column: usize, row: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
        if let Some(row) = (0..batch.num_rows()).find(|row| text(2, *row) == "join_order") {
            let lines = text(4, row);
            let shown = lines.lines().filter(|l| l.contains("Join") || l.contains("TableScan"));
            let short = |line: &str| line.split(" projection=").next().unwrap_or_default().replace(".public.", ".");
            return Some(shown.map(short).collect());
        }
    }
    None
}

async fn session_with(join_order: bool) -> Session {
    let mut config = Config::default();
    config.optimizer.join_order = join_order;
    session_of(Engine::builder().config(config)).await
}

const STAR: &str = "SELECT s.id, p.brand FROM a.public.sale s JOIN b.public.product p ON s.product = p.id \
     JOIN b.public.store t ON s.store = t.id JOIN b.public.city c ON t.city = c.id WHERE c.name = 'x' AND p.brand = 3";

/// Queries in whose order of FROM a large table meets a small one last.
const REORDERED: &[&str] = &[
    STAR,
    "SELECT count(*) FROM a.public.sale s, b.public.product p, b.public.store t, b.public.city c \
     WHERE s.product = p.id AND s.store = t.id AND t.city = c.id AND c.name = 'x'",
    "SELECT s.id, p.brand, c.name FROM a.public.sale s LEFT JOIN b.public.product p ON s.product = p.id \
     JOIN b.public.store t ON s.store = t.id JOIN b.public.city c ON t.city = c.id WHERE c.name = 'x'",
    "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product = p.id \
     WHERE s.store IN (SELECT id FROM b.public.store WHERE city = 3)",
];

#[tokio::test]
async fn small_tables_of_one_source_are_joined_there_before_a_large_one() {
    let (with, without) = (session_with(true).await, session_with(false).await);
    for sql in REORDERED {
        let order = ordered(&with, sql).await;
        println!("{sql}\n{order:#?}\n{:#?}", explain(&with, sql).await.0);
        assert!(order.is_some(), "{sql}");
        assert_eq!(ordered(&without, sql).await, None, "{sql}");
    }
    let together = |texts: &[String]| texts.iter().any(|t| t.contains("store") && t.contains("city where 1"));
    assert!(together(&explain(&with, STAR).await.0) && !together(&explain(&without, STAR).await.0));
    // The statement keeps the columns and their order.
    let columns = "SELECT s.*, p.*, t.*, c.* FROM a.public.sale s JOIN b.public.product p ON s.product = p.id \
                   JOIN b.public.store t ON s.store = t.id JOIN b.public.city c ON t.city = c.id WHERE c.name = 'x'";
    assert!(ordered(&with, columns).await.is_some());
    assert_eq!(with.prepare(columns).await.unwrap().schema(), without.prepare(columns).await.unwrap().schema());
}

#[tokio::test]
async fn an_order_stays_where_statistics_lack_and_where_a_join_may_not_move() {
    let session = session_with(true).await;
    for sql in [
        // A source that does not know its rows.
        "SELECT s.id FROM a.public.sale s JOIN b.public.label l ON s.product = l.tag JOIN b.public.draft d ON l.draft = d.id",
        // Full joins, conditions that may fail, nulls that are equal.
        "SELECT s.id FROM a.public.sale s FULL JOIN b.public.product p ON s.product = p.id FULL JOIN b.public.store t ON s.store = t.id",
        "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product + 1 = p.id JOIN b.public.store t ON s.store * 2 = t.id \
         WHERE t.city = 3",
        "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product IS NOT DISTINCT FROM p.id \
         JOIN b.public.store t ON s.store IS NOT DISTINCT FROM t.id WHERE t.city = 3",
        // One source, and two tables.
        "SELECT s.id FROM a.public.sale s JOIN a.public.product p ON s.product = p.id JOIN a.public.store t ON s.store = t.id",
        "SELECT s.id FROM a.public.sale s JOIN b.public.product p ON s.product = p.id WHERE p.brand = 3",
    ] {
        let order = ordered(&session, sql).await;
        assert_eq!(order, None, "{sql}: {order:#?}");
    }
}

//! Queries whose parts MongoDB computes, and why others stay here.

use bson::{Bson, Document, doc};
use headwater_tests::mongodb::MongoDatabase;
use headwater_tests::table;

/// Orders with nulls and missing fields.
pub(crate) fn orders() -> Vec<Document> {
    let order = |i: i64| {
        let city = ["Oslo", "Rome", "", "oslo"][(i % 4) as usize];
        let mut order = doc! {
            "_id": i, "customer": i % 7, "city": city, "cents": i * 3 - 50,
            "at": bson::DateTime::from_millis(i * 86_400_000 * 5), "paid": i % 3 == 0, "price": i as f64 / 8.0,
            "address": { "zip": format!("{:03}", i % 11), "floor": i % 5 },
        };
        if i % 10 == 0 {
            order.remove("cents");
        }
        if i % 9 == 0 {
            order.insert("city", Bson::Null);
        }
        order
    };
    (0..200).map(order).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_rows_are_the_same_there_and_here() {
    let database = MongoDatabase::create(&[("orders", orders())]).await;
    let (session, name) = (database.session().await, database.name());
    for order in
        ["cents", "cents DESC", "cents NULLS FIRST", "cents DESC NULLS LAST", "city DESC, cents", "at DESC", "paid, cents"]
    {
        let keyed = format!("SELECT _id, cents FROM mg.{name}.orders ORDER BY {order}, _id LIMIT 7");
        let plan = table(&session, &format!("EXPLAIN {keyed}")).await.join("\n");
        assert!(plan.contains("$sort"), "{order}: {plan}");
        let all =
            format!("SELECT _id, cents FROM (SELECT * FROM mg.{name}.orders LIMIT 1000000) ORDER BY {order}, _id LIMIT 7");
        assert_eq!(table(&session, &keyed).await, table(&session, &all).await, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_here_has_a_reason() {
    let database = MongoDatabase::create(&[("orders", orders())]).await;
    let (session, name) = (database.session().await, database.name());
    for (sql, reason) in [
        ("SELECT city, sum(price) FROM {} GROUP BY city", "floating point"),
        ("SELECT city, avg(cents) FROM {} GROUP BY city", "average"),
        ("SELECT price, count(*) FROM {} GROUP BY price", "zeros"),
        ("SELECT city, stddev(cents) FROM {} GROUP BY city", "stddev"),
        ("SELECT upper(city), count(*) FROM {} GROUP BY upper(city)", "computed here"),
    ] {
        let sql = sql.replace("{}", &format!("mg.{name}.orders"));
        let told = table(&session, &format!("EXPLAIN (PUSHDOWN) {sql}")).await.join("\n");
        assert!(told.contains(reason), "{sql}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_that_does_not_fit_is_an_error() {
    let documents = (0..3).map(|i| doc! { "_id": i, "n": i64::MAX - 1 }).collect();
    let database = MongoDatabase::create(&[("t", documents)]).await;
    let (session, name) = (database.session().await, database.name());
    let result = session.query(&format!("SELECT sum(n) FROM mg.{name}.t")).await;
    let error = match result {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(e) => e,
    };
    assert!(!error.to_string().contains("9223372036854775806"), "{error}");
    assert_eq!(table(&session, &format!("SELECT sum(n) FROM mg.{name}.t WHERE _id = 1")).await, ["9223372036854775806"]);
}

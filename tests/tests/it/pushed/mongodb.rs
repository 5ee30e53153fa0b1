//! MongoDB computes sub-plans.

use bson::doc;
use headwater_tests::mongodb::MongoDatabase;

use super::Both;
use crate::mongodb_pushed::orders;

/// Queries that go as a whole.
const WHOLE: &[&str] = &[
    "SELECT city, count(*), count(cents), sum(cents), min(cents), max(cents) FROM orders GROUP BY city",
    "SELECT customer, paid, count(*) FROM orders GROUP BY customer, paid",
    "SELECT city, count(*) FROM orders WHERE cents > 100 GROUP BY city HAVING count(*) > 5",
    "SELECT city, sum(cents) FROM orders GROUP BY city HAVING sum(cents) > 100 AND city <> 'Rome'",
    "SELECT city FROM orders GROUP BY city HAVING max(cents) IS NULL OR min(at) < '1971-01-01T00:00:00Z'",
    "SELECT DISTINCT city FROM orders",
    "SELECT DISTINCT city, paid FROM orders WHERE customer <> 3",
    "SELECT city, count(DISTINCT customer) FROM orders GROUP BY city",
    "SELECT count(DISTINCT city) FROM orders",
    "SELECT sum(cents), min(at), max(city), count(*) FROM orders WHERE customer = 3",
    "SELECT sum(cents), min(at), max(city), count(*), count(cents) FROM orders WHERE customer = 99",
    "SELECT count(DISTINCT city) FROM orders WHERE customer = 99",
    "SELECT address['zip'], count(*), max(address['floor']) FROM orders GROUP BY address['zip']",
    "SELECT date_trunc('month', at), count(*) FROM orders GROUP BY date_trunc('month', at)",
    "SELECT date_trunc('week', at), max(cents) FROM orders GROUP BY date_trunc('week', at)",
    "SELECT date_trunc('quarter', at), min(_id) FROM orders WHERE at IS NOT NULL GROUP BY 1",
    "SELECT date_part('year', at), date_part('month', at), count(*) FROM orders GROUP BY 1, 2",
    "SELECT customer, sum(cents) FROM orders GROUP BY customer ORDER BY sum(cents) DESC, customer LIMIT 3",
    "SELECT max(c) FROM (SELECT customer, count(*) AS c FROM orders GROUP BY customer) AS x",
    "SELECT c, count(*) FROM (SELECT city, count(*) AS c FROM orders GROUP BY city) AS x GROUP BY c",
    "SELECT _id, city, cents FROM orders ORDER BY cents DESC NULLS LAST, _id LIMIT 7",
    "SELECT _id, address['zip'] FROM orders WHERE paid ORDER BY address['zip'], _id LIMIT 9",
    "SELECT address['zip'] FROM orders WHERE address['floor'] = 3",
    "SELECT count(*) FROM (SELECT _id FROM orders LIMIT 10) AS x",
    "SELECT x.city, y.cents, y.city FROM orders x JOIN orders y ON x.cents = y._id",
    "SELECT y.city, count(*), sum(x.cents) FROM orders x JOIN orders y ON y._id = x.cents WHERE y.paid GROUP BY y.city",
    "SELECT _id FROM orders WHERE customer IN (SELECT _id FROM orders WHERE city = 'Rome')",
    "SELECT x.at, y.address['zip'] FROM orders x JOIN orders y ON x.customer = y._id WHERE x.paid AND y.cents IS NULL",
    "SELECT city, cents FROM orders UNION ALL SELECT address['zip'], cents FROM orders WHERE paid",
    "SELECT c, count(*) FROM (SELECT city AS c FROM orders UNION ALL SELECT city FROM orders WHERE customer = 3) x GROUP BY c",
    "SELECT x.c FROM (SELECT cents AS c FROM orders WHERE paid UNION ALL SELECT _id FROM orders) x JOIN orders y ON x.c = y._id",
    "SELECT city, count(*) FROM orders WHERE NOT (city LIKE 'O%' OR cents IS NULL) GROUP BY city",
];

/// Queries that stay here, with words of the reason.
const KEPT: &[(&str, &str)] = &[
    ("SELECT city, sum(price) FROM orders GROUP BY city", "order of its rows"),
    ("SELECT city, avg(cents) FROM orders GROUP BY city", "average"),
    ("SELECT price, count(*) FROM orders GROUP BY price", "zeros"),
    ("SELECT max(price) FROM orders", "zeros and NaN"),
    ("SELECT city, stddev(cents) FROM orders GROUP BY city", "stddev"),
    ("SELECT upper(city), count(*) FROM orders GROUP BY upper(city)", "computed here"),
    ("SELECT cents + 1 FROM orders", "computed here"),
    ("SELECT customer, paid, count(*) FROM orders GROUP BY ROLLUP (customer, paid)", "grouping sets"),
    ("SELECT count(DISTINCT city), count(*) FROM orders", "distinct values"),
    ("SELECT x.city FROM orders x JOIN orders y ON x.customer = y.cents", "with the _id"),
    ("SELECT x.city, y.city FROM orders x LEFT JOIN orders y ON x.cents = y._id", "inner joins"),
    ("SELECT x.city FROM orders x JOIN (SELECT _id FROM orders LIMIT 5) y ON x.cents = y._id", "with the _id"),
    (
        "SELECT city FROM orders UNION ALL SELECT address['zip'] FROM (SELECT * FROM orders LIMIT 3) x WHERE cents > 3",
        "left",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_of_sub_plans_return_what_the_plans_return_here() {
    let database = MongoDatabase::create(&[("orders", orders())]).await;
    let session = database.session().await;
    let both = Both::new(&session, "mg", database.name(), &["orders"]).await;
    both.all(WHOLE, KEPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_overflows_is_an_error() {
    let documents = (0..3).map(|i| doc! { "_id": i, "n": i64::MAX - 1 }).collect();
    let database = MongoDatabase::create(&[("o", documents)]).await;
    let session = database.session().await;
    let both = Both::new(&session, "mg", database.name(), &["o"]).await;
    assert!(both.fails("SELECT sum(n) FROM o").await);
    assert!(!both.fails("SELECT sum(n) FROM o WHERE _id = 1").await);
}

//! Texts as they are written.

use super::*;
use crate::{Operator, Order, Postgres};

fn write(expr: &Expr) -> String {
    Writer::new(&Postgres, Mode::Inline).expr(expr).unwrap().finish().text
}

fn id_is(value: i64) -> Expr {
    Expr::compare(Expr::column("id"), Operator::Eq, Expr::Value(ScalarValue::Int64(Some(value))))
}

#[test]
fn every_part_stands_in_parentheses() {
    let both = Expr::Any(vec![Expr::All(vec![id_is(1), id_is(2)]), Expr::Not(Box::new(id_is(3)))]);
    let want = r#"((("id" = '1'::int8) AND ("id" = '2'::int8)) OR (NOT ("id" = '3'::int8)))"#;
    assert_eq!(write(&both), want);
    assert_eq!(write(&Expr::All(vec![])), "TRUE");
    assert_eq!(write(&Expr::InList { expr: Box::new(Expr::column("a")), list: vec![], negated: true }), "TRUE");
}

#[test]
fn a_value_is_a_parameter_where_parameters_exist() {
    let name = Expr::compare(Expr::column("name"), Operator::Eq, Expr::Value(ScalarValue::from("x'; --")));
    let filters = vec![name, id_is(7)];
    let delete = Statement::Delete { schema: "s".into(), table: "t".into(), filters };
    let sql = Writer::new(&Postgres, Mode::Bind).statement(&delete).unwrap().finish();
    assert_eq!(sql.text, r#"DELETE FROM "s"."t" WHERE ("name" = $1::text) AND ("id" = $2::text::int8)"#);
    assert_eq!(sql.parameters, vec![Some("x'; --".to_owned()), Some("7".to_owned())]);
}

#[test]
fn a_block_has_all_its_clauses() {
    let mut select = Select::from_table("public", "we\"ird");
    select.columns = vec![Expr::column("id"), Expr::column("j").cast("text")];
    select.only = true;
    select.filters = vec![Expr::Blocks(0, Some(10))];
    let key = Expr::column("name").byte_order();
    select.order = vec![Order { expr: key, descending: true, nulls_first: true }];
    select.limit = Some(5);
    let copy = Statement::CopyOut(select);
    let text = Writer::new(&Postgres, Mode::Inline).statement(&copy).unwrap().finish().text;
    let want = "COPY (SELECT \"id\", CAST(\"j\" AS text) FROM ONLY \"public\".\"we\"\"ird\" \
                WHERE (ctid >= '(0,0)'::tid AND ctid < '(10,0)'::tid) \
                ORDER BY (\"name\" COLLATE \"C\") DESC NULLS FIRST LIMIT 5) TO STDOUT (FORMAT binary)";
    assert_eq!(text, want);
    assert!(Writer::new(&Postgres, Mode::Bind).statement(&copy).is_err());
}

#[test]
fn ten_thousand_terms_fit_and_deep_nesting_is_refused() {
    let wide = Expr::Any((0..10_000).map(id_is).collect());
    assert!(write(&wide).len() > 100_000);
    let deep = (0..500).fold(id_is(1), |e, _| Expr::Not(Box::new(e)));
    assert!(Writer::new(&Postgres, Mode::Inline).expr(&deep).is_err());
}

#[test]
fn what_the_server_would_refuse_is_refused_here() {
    let like = |pattern: &str| Expr::Like {
        expr: Box::new(Expr::column("a")),
        pattern: pattern.to_owned(),
        escape: '\\',
        negated: false,
    };
    let written = |e: &Expr, mode| Writer::new(&Postgres, mode).expr(e).map(|w| w.finish());
    assert!(written(&like(r"a\\"), Mode::Inline).is_ok());
    assert!(written(&like(r"a\"), Mode::Inline).is_err());
    let many = Expr::Any((0..70_000).map(id_is).collect());
    assert!(written(&many, Mode::Bind).is_err());
}

#[test]
fn the_types_of_columns_are_asked_for_without_a_read() {
    let mut select = Select::from_table("s", "t");
    select.columns = vec![Expr::column("a"), Expr::column("b\"c")];
    select.limit = Some(0);
    let text = |s: &Statement| Writer::new(&Postgres, Mode::Inline).statement(s).map(|w| w.finish().text);
    let want = "SELECT pg_catalog.pg_typeof(p.\"a\")::pg_catalog.oid, pg_catalog.pg_typeof(p.\"b\"\"c\")::pg_catalog.oid \
                FROM (SELECT) o LEFT JOIN (SELECT \"a\", \"b\"\"c\" FROM \"s\".\"t\" LIMIT 0) p ON TRUE";
    assert_eq!(text(&Statement::ColumnTypes(select.clone())).unwrap(), want);
    select.columns = vec![Expr::CountRows];
    assert!(text(&Statement::ColumnTypes(select.clone())).is_err());
    assert_eq!(
        text(&Statement::Explain(select)).unwrap(),
        "EXPLAIN (FORMAT JSON) SELECT count(*) FROM \"s\".\"t\" LIMIT 0"
    );
}

//! Texts as they are written.

use super::*;
use crate::{Aggregate, Bound, Frame, From, Group, Join, JoinKind, Operator, Order, Postgres, Table, Window};

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
    let table = Table { schema: "public".into(), name: "we\"ird".into(), only: true, merged: false };
    let mut select = Select { from: From::Table(table, None), ..Select::default() };
    select.columns = vec![Expr::column("id"), Expr::column("j").cast("text")];
    select.filters = vec![Expr::Blocks { item: None, from: 0, to: Some(10) }];
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
fn more_rows_than_a_server_counts_are_no_limit() {
    let rows = |limit: u64, offset: u64| {
        let mut select = Select::from_table("s", "t");
        select.columns = vec![Expr::column("a")];
        (select.limit, select.offset) = (Some(limit), offset);
        let written = Writer::new(&Postgres, Mode::Inline).statement(&Statement::Select(select)).unwrap().finish().text;
        written.trim_start_matches("SELECT \"a\" FROM \"s\".\"t\"").to_owned()
    };
    let most = i64::MAX as u64;
    assert_eq!(rows(most - 3, 3), " LIMIT 9223372036854775804 OFFSET 3");
    assert_eq!(rows(most - 3, 4), " OFFSET 4");
    assert_eq!(rows(u64::MAX, u64::MAX), " OFFSET 9223372036854775807");
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

fn table(name: &str, item: usize) -> From {
    From::Table(Table { schema: "s".into(), name: name.into(), ..Table::default() }, Some(item))
}

fn field(item: usize, name: &str) -> Expr {
    Expr::Field(item, name.into())
}

fn query(select: &Select) -> String {
    Writer::new(&Postgres, Mode::Inline).query(&Query::Block(select.clone())).unwrap().finish().text
}

#[test]
fn joins_name_their_items_and_nested_ones_have_parentheses() {
    let equal = |a, b| Expr::compare(field(a, "k"), Operator::Eq, field(b, "k"));
    let inner = Join { kind: JoinKind::Inner, left: table("b", 1), right: table("c", 2), on: vec![equal(1, 2)] };
    let right = From::Join(Box::new(inner));
    let on = vec![equal(0, 1), Expr::compare(field(0, "x"), Operator::Lt, field(2, "y"))];
    let from = From::Join(Box::new(Join { kind: JoinKind::Left, left: table("a", 0), right, on }));
    let select = Select { columns: vec![field(0, "c0"), field(2, "y")], named: true, from, ..Select::default() };
    let want = r#"SELECT "t0"."c0" AS "c0", "t2"."y" AS "c1" FROM "s"."a" AS "t0" LEFT JOIN ("s"."b" AS "t1" INNER JOIN "s"."c" AS "t2" ON ("t1"."k" = "t2"."k")) ON ("t0"."k" = "t1"."k") AND ("t0"."x" < "t2"."y")"#;
    assert_eq!(query(&select), want);
    let all = Join { kind: JoinKind::Inner, left: table("a", 0), right: table("b", 1), on: Vec::new() };
    let select = Select { columns: vec![Expr::CountRows], from: From::Join(Box::new(all)), ..Select::default() };
    assert_eq!(query(&select), r#"SELECT count(*) FROM "s"."a" AS "t0" INNER JOIN "s"."b" AS "t1" ON TRUE"#);
}

#[test]
fn groups_have_sets_filters_and_having() {
    let filter = Some(Expr::IsTrue(Box::new(field(0, "b"))));
    let sum = Aggregate { function: "sum", arguments: vec![field(0, "x")], distinct: true, filter };
    let sum = Expr::Aggregate(Box::new(sum));
    let mut select = Select { columns: vec![field(0, "k"), sum.clone()], from: table("a", 0), ..Select::default() };
    select.group = Group::Sets(vec![vec![field(0, "k"), field(0, "l")], vec![field(0, "k")], Vec::new()]);
    select.having = vec![Expr::IsNotNull(Box::new(sum))];
    let want = r#"SELECT "t0"."k", sum(DISTINCT "t0"."x") FILTER (WHERE ("t0"."b" IS TRUE)) FROM "s"."a" AS "t0" GROUP BY GROUPING SETS (("t0"."k", "t0"."l"), ("t0"."k"), ()) HAVING (sum(DISTINCT "t0"."x") FILTER (WHERE ("t0"."b" IS TRUE)) IS NOT NULL)"#;
    assert_eq!(query(&select), want);
}

#[test]
fn windows_have_explicit_orders_and_frames() {
    let order = vec![Order { expr: field(0, "d"), descending: true, nulls_first: false }];
    let frame = Frame { rows: true, start: Bound::Preceding(2), end: Bound::CurrentRow };
    let function = Expr::Call("pg_catalog.last_value", vec![field(0, "x")]);
    let window = Window { function, partition: vec![field(0, "k")], order, frame: Some(frame) };
    let text = write(&Expr::Window(Box::new(window)));
    let want = r#"pg_catalog.last_value("t0"."x") OVER (PARTITION BY "t0"."k" ORDER BY "t0"."d" DESC NULLS LAST ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)"#;
    assert_eq!(text, want);
}

#[test]
fn queries_stand_in_expressions_and_in_from() {
    let one = |name: &str| Select { columns: vec![field(1, name)], named: true, from: table("b", 1), ..Select::default() };
    let union = Query::UnionAll(vec![Query::Block(one("x")), Query::Block(Select { limit: Some(1), ..one("y") })]);
    let exists = Expr::Exists { query: Box::new(Query::Block(Select { columns: Vec::new(), ..one("x") })), negated: true };
    let within = Expr::InQuery { exprs: vec![Expr::Output(2, 0)], query: Box::new(Query::Block(one("x"))), negated: false };
    let branches = vec![(exists, Expr::Scalar(Box::new(Query::Block(one("y")))))];
    let case = Expr::Case { branches, otherwise: Some(Box::new(Expr::Output(2, 0))) };
    let from = From::Query(Box::new(union), 2);
    let select =
        Select { distinct: true, columns: vec![case], from, filters: vec![within], offset: 3, ..Select::default() };
    let want = r#"SELECT DISTINCT (CASE WHEN (NOT EXISTS (SELECT FROM "s"."b" AS "t1")) THEN (SELECT "t1"."y" AS "c0" FROM "s"."b" AS "t1") ELSE "t2"."c0" END) FROM ((SELECT "t1"."x" AS "c0" FROM "s"."b" AS "t1") UNION ALL (SELECT "t1"."y" AS "c0" FROM "s"."b" AS "t1" LIMIT 1)) AS "t2" WHERE (("t2"."c0") IN (SELECT "t1"."x" AS "c0" FROM "s"."b" AS "t1")) OFFSET 3"#;
    assert_eq!(query(&select), want);
}

#[test]
fn a_comment_at_the_end_of_a_native_text_ends_there() {
    let from = From::Native { text: "SELECT 1 -- x".into(), columns: 1, item: 0 };
    let select = Select { columns: vec![Expr::Output(0, 0)], named: true, from, ..Select::default() };
    assert_eq!(query(&select), "SELECT \"t0\".\"c0\" AS \"c0\" FROM (SELECT 1 -- x\n) AS \"t0\" (\"c0\")");
}

#[test]
fn many_values_are_one_array() {
    let list = |values: Vec<ScalarValue>, negated| {
        let list = values.into_iter().map(Expr::Value).collect();
        write(&Expr::InList { expr: Box::new(Expr::column("a")), list, negated })
    };
    let numbers = |n: i64| (0..n).map(|i| ScalarValue::Int64(Some(i))).collect::<Vec<_>>();
    assert!(list(numbers(31), false).starts_with(r#"("a" IN ('0'::int8, "#));
    let long = list(numbers(32), false);
    assert!(long.starts_with(r#"("a" = ANY ('{"0","1","#) && long.ends_with(r#","31"}'::int8[]))"#), "{long}");
    let texts = [r#"q"'"#, r"b\", "{,}", ""]
        .map(ScalarValue::from)
        .into_iter()
        .chain((0..30).map(|i| ScalarValue::from(i.to_string())));
    let long = list(texts.collect(), true);
    assert!(long.starts_with(r#"("a" <> ALL ( E'{"q\\"''","b\\\\","{,}","","0","#), "{long}");
    let mut with_null = numbers(40);
    with_null.push(ScalarValue::Int64(None));
    assert!(list(with_null, false).contains(" IN ("));
}

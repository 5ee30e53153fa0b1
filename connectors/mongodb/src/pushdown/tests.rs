//! Conditions as they are sent.

use datafusion::prelude::{col, lit};

use super::*;
use crate::types::kind::parse_columns;

struct Columns {
    columns: Vec<(String, Kind)>,
    misfit_is_null: bool,
}

impl Scope for Columns {
    fn column(&self, column: &Column) -> Result<Field, String> {
        let name = column.name.as_str();
        let found = self.columns.iter().find(|(known, _)| known == name);
        let (name, kind) = found.ok_or_else(|| format!("no column {name}"))?;
        Ok(Field::new(vec![name.clone()], kind.clone()))
    }

    fn compares_bytes(&self) -> bool {
        true
    }

    fn misfit_is_null(&self) -> bool {
        self.misfit_is_null
    }
}

fn found(filter: Expr) -> Result<Translated, String> {
    let columns =
        parse_columns("id objectId, n long, d double, m decimal(10, 2), s string, a array<long>, j json").unwrap();
    translate(&Columns { columns, misfit_is_null: true }, &filter)
}

fn sent(filter: Expr) -> Document {
    let found = found(filter).unwrap();
    assert!(found.exact);
    found.condition
}

#[test]
fn a_null_never_passes_what_the_server_would_let_pass() {
    let string = doc! { "s": { "$type": ["string", "symbol"], "$not": { "$type": "array" } } };
    let differs = doc! { "s": { "$ne": "x", "$not": { "$type": "array" } } };
    assert_eq!(sent(col("s").not_eq(lit("x"))), doc! { "$and": [string.clone(), differs] });
    let outside = doc! { "s": { "$nin": ["x"], "$not": { "$type": "array" } } };
    assert_eq!(sent(col("s").in_list(vec![lit("x")], true)), doc! { "$and": [string.clone(), outside] });
    let null = Expr::Literal(ScalarValue::Utf8(None), None);
    assert_eq!(sent(col("s").in_list(vec![lit("x"), null], true)), never());
    let regex = Bson::RegularExpression(super::pattern::regex("x%").unwrap().regex);
    let unlike = doc! { "$nor": [{ "s": { "$regex": regex } }] };
    assert_eq!(sent(col("s").not_like(lit("x%"))), doc! { "$and": [string, unlike] });
}

#[test]
fn not_is_the_opposite_comparison() {
    let numbers = |operators: Document| {
        let mut operators = operators;
        operators.insert("$type", vec!["int", "long"]);
        operators.insert("$not", doc! { "$type": "array" });
        doc! { "n": operators }
    };
    assert_eq!(sent(Expr::Not(Box::new(col("n").lt(lit(5_i64))))), numbers(doc! { "$gte": 5_i64 }));
    let both = Expr::Not(Box::new(col("n").lt(lit(5_i64)).and(col("n").gt(lit(1_i64)))));
    assert_eq!(sent(both), doc! { "$or": [numbers(doc! { "$gte": 5_i64 }), numbers(doc! { "$lte": 1_i64 })] });
    assert_eq!(sent(lit(5_i64).lt(col("n"))), numbers(doc! { "$gt": 5_i64 }));
}

#[test]
fn values_stand_in_their_own_place_only() {
    let hostile = "{\"$gt\": \"\"}";
    let condition = sent(col("s").eq(lit(hostile)));
    assert_eq!(condition, doc! { "s": { "$eq": hostile, "$not": { "$type": "array" } } });
    let id = "65f0c0ffee65f0c0ffee65f0";
    let condition = sent(col("id").eq(lit(id)));
    let expected = bson::oid::ObjectId::parse_str(id).unwrap();
    assert_eq!(condition, doc! { "id": { "$eq": expected, "$not": { "$type": "array" } } });
}

#[test]
fn what_is_not_exact_is_a_superset_or_stays_here() {
    assert!(!found(col("d").lt(lit(0.0))).unwrap().exact);
    assert!(found(col("d").lt(lit(1.5))).unwrap().exact);
    let greater = sent(col("d").gt(lit(1.5)));
    assert!(greater.to_string().contains("NaN"), "{greater}");
    let decimal = Expr::Literal(ScalarValue::Decimal128(Some(150), 10, 2), None);
    assert!(!found(col("m").gt(decimal)).unwrap().exact);
    for filter in [
        col("d").eq(lit(f64::NAN)),
        col("d").not_eq(lit(0.0)),
        col("j").eq(lit("x")),
        col("id").eq(lit("no id")),
        col("s").like(lit("%a%b")),
        col("s").ilike(lit("a%")),
        col("n").eq(lit(1.5)),
        col("n").eq(col("n")),
        Expr::Not(Box::new(col("s").like(lit("a%b")))),
    ] {
        assert!(found(filter.clone()).is_err(), "{filter}");
    }
}

#[test]
fn documents_that_do_not_fit_pass_when_they_are_errors() {
    let columns = parse_columns("n long").unwrap();
    let found = translate(&Columns { columns, misfit_is_null: false }, &col("n").eq(lit(1_i64))).unwrap();
    let sent = or_misfits(&found);
    let alternatives = sent.get_array("$or").unwrap();
    assert_eq!(alternatives.len(), 2);
    let other = alternatives[1].as_document().unwrap().get_document("n").unwrap().get_array("$type").unwrap();
    assert!(other.contains(&Bson::from("string")) && !other.contains(&Bson::from("long")));
}

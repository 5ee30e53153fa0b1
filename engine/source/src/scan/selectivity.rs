//! Which share of rows a filter keeps.

use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Operator};
use datafusion::prelude::Expr;

/// Share of rows that a filter keeps when nothing better is known (Selinger et al., "Access Path Selection in a Relational
/// Database Management System", SIGMOD 1979: 1/10 for equality, 1/3 for ranges).
const EQUAL_DEFAULT: f64 = 0.1;
const RANGE_DEFAULT: f64 = 1.0 / 3.0;

/// What is known of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnFacts {
    /// Number of distinct values.
    pub distinct: Option<f64>,
    /// Share of rows that are null.
    pub null_share: Option<f64>,
    /// Smallest value of a number or date.
    pub least: Option<f64>,
    /// Greatest value of a number or date.
    pub greatest: Option<f64>,
}

impl ColumnFacts {
    /// The facts that a source's statistics of a column hold, for a table with so many rows.
    pub fn new(statistics: &ColumnStatistics, rows: Option<u64>) -> Self {
        let nulls = statistics.null_count.get_value().map(|n| *n as f64);
        let null_share = match (nulls, rows) {
            (Some(nulls), Some(rows)) if rows > 0 => Some((nulls / rows as f64).clamp(0.0, 1.0)),
            _ => None,
        };
        let bound = |value: &Precision<ScalarValue>| value.get_value().and_then(number);
        Self {
            distinct: statistics.distinct_count.get_value().map(|n| *n as f64),
            null_share,
            least: bound(&statistics.min_value),
            greatest: bound(&statistics.max_value),
        }
    }
}

/// The share of rows, from 0 to 1, that pass a filter; `facts` knows its columns.
pub fn selectivity(filter: &Expr, facts: &dyn Fn(&Column) -> Option<ColumnFacts>) -> f64 {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => selectivity(left, facts) * selectivity(right, facts),
            Operator::Or => {
                let (a, b) = (selectivity(left, facts), selectivity(right, facts));
                (a + b - a * b).clamp(0.0, 1.0)
            }
            Operator::Eq => equality(&[left, right], 1, facts),
            Operator::NotEq => 1.0 - equality(&[left, right], 1, facts),
            Operator::Lt | Operator::LtEq => range(left, right, true, facts),
            Operator::Gt | Operator::GtEq => range(left, right, false, facts),
            _ => RANGE_DEFAULT,
        },
        Expr::InList(list) => {
            let share = equality(&[&list.expr], list.list.len(), facts);
            if list.negated { 1.0 - share } else { share }
        }
        Expr::IsNull(inner) => null_share(inner, facts),
        Expr::IsNotNull(inner) => 1.0 - null_share(inner, facts),
        Expr::Not(inner) => 1.0 - selectivity(inner, facts),
        Expr::Literal(ScalarValue::Boolean(value), _) => f64::from(u8::from(*value == Some(true))),
        Expr::Alias(alias) => selectivity(&alias.expr, facts),
        _ => RANGE_DEFAULT,
    }
}

fn column<'a>(sides: &[&'a Expr]) -> Option<&'a Column> {
    sides.iter().find_map(|side| match side {
        Expr::Column(column) => Some(column),
        _ => None,
    })
}

fn equality(sides: &[&Expr], values: usize, facts: &dyn Fn(&Column) -> Option<ColumnFacts>) -> f64 {
    let distinct = column(sides).and_then(facts).and_then(|f| f.distinct);
    let each = distinct.map_or(EQUAL_DEFAULT, |n| 1.0 / n.max(1.0));
    (each * values as f64).clamp(0.0, 1.0)
}

/// `left < right` when `below`, else `left > right`, with values spread evenly between the bounds.
fn range(left: &Expr, right: &Expr, below: bool, facts: &dyn Fn(&Column) -> Option<ColumnFacts>) -> f64 {
    let (column, value, below) = match (left, right) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, value, below),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, value, !below),
        _ => return RANGE_DEFAULT,
    };
    let Some(ColumnFacts { least: Some(least), greatest: Some(greatest), .. }) = facts(column) else {
        return RANGE_DEFAULT;
    };
    let Some(value) = number(value).filter(|_| greatest > least) else { return RANGE_DEFAULT };
    let share = ((value - least) / (greatest - least)).clamp(0.0, 1.0);
    if below { share } else { 1.0 - share }
}

fn null_share(inner: &Expr, facts: &dyn Fn(&Column) -> Option<ColumnFacts>) -> f64 {
    column(&[inner]).and_then(facts).and_then(|f| f.null_share).unwrap_or(EQUAL_DEFAULT)
}

/// A whole number or a date as a number.
fn number(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Int8(v) => v.map(f64::from),
        ScalarValue::Int16(v) => v.map(f64::from),
        ScalarValue::Int32(v) | ScalarValue::Date32(v) => v.map(f64::from),
        ScalarValue::Int64(v) => v.map(|v| v as f64),
        ScalarValue::UInt8(v) => v.map(f64::from),
        ScalarValue::UInt16(v) => v.map(f64::from),
        ScalarValue::UInt32(v) => v.map(f64::from),
        ScalarValue::UInt64(v) => v.map(|v| v as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn filters_keep_the_share_that_statistics_say() {
        let facts = |column: &Column| {
            let known =
                ColumnFacts { distinct: Some(50.0), null_share: Some(0.2), least: Some(0.0), greatest: Some(100.0) };
            (column.name == "a").then_some(known)
        };
        let share = |filter: Expr| (selectivity(&filter, &facts) * 1000.0).round() / 1000.0;
        assert_eq!(share(col("a").eq(lit(3))), 0.02);
        assert_eq!(share(col("b").eq(lit(3))), 0.1);
        assert_eq!(share(col("a").lt(lit(25))), 0.25);
        assert_eq!(share(lit(25).lt(col("a"))), 0.75);
        assert_eq!(share(col("a").gt(lit(1000))), 0.0);
        assert_eq!(share(col("a").is_not_null()), 0.8);
        assert_eq!(share(col("a").in_list(vec![lit(1), lit(2)], false)), 0.04);
        assert_eq!(share(col("a").eq(lit(1)).or(col("b").lt(lit(1)))), 0.347);
    }
}

//! The values that columns may have where a filter is true.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, ExprSchemable, Operator};
use datafusion::prelude::Expr;

/// Whether no row makes all of the filters true.
pub(super) fn is_never_true<'a>(filters: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> bool {
    let mut domains: Vec<(&Expr, Domain)> = Vec::new();
    let mut parts: Vec<&Expr> = filters.into_iter().collect();
    while let Some(part) = parts.pop() {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = part {
            parts.extend([left.as_ref(), right.as_ref()]);
            continue;
        }
        if never(part, schema) {
            return true;
        }
        for (of, restriction) in restrictions(part) {
            let place = domains.iter().position(|(known, _)| *known == of);
            let place = place.unwrap_or_else(|| {
                domains.push((of, Domain::default()));
                domains.len() - 1
            });
            if let Some((_, domain)) = domains.get_mut(place) {
                domain.restrict(restriction);
            }
        }
    }
    domains.iter().any(|(_, domain)| domain.is_empty())
}

/// Whether one part is never true.
fn never(part: &Expr, schema: &DFSchema) -> bool {
    match part {
        Expr::Literal(ScalarValue::Boolean(value), _) => *value != Some(true),
        Expr::Literal(ScalarValue::Null, _) => true,
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            is_never_true([left.as_ref()], schema) && is_never_true([right.as_ref()], schema)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => is_null(left) || is_null(right),
        Expr::InList(InList { expr, list, negated }) => {
            let null = if *negated { list.iter().any(is_null) } else { list.iter().all(is_null) };
            (is_null(expr) && !list.is_empty()) || null
        }
        Expr::IsNull(inner) => is_place(inner) && matches!(inner.nullable(schema), Ok(false)),
        _ => false,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// A column, or a cast of one.
fn is_place(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Cast(cast) => is_place(&cast.expr),
        _ => false,
    }
}

/// What one part says of a column.
enum Restriction<'a> {
    Null,
    NotNull,
    Compared(Operator, &'a ScalarValue),
    OneOf(Vec<&'a ScalarValue>),
}

fn restrictions(part: &Expr) -> Vec<(&Expr, Restriction<'_>)> {
    match part {
        Expr::IsNull(inner) if is_place(inner) => vec![(inner, Restriction::Null)],
        Expr::IsNotNull(inner) if is_place(inner) => vec![(inner, Restriction::NotNull)],
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) => {
            let (of, op, value) = match (left.as_ref(), right.as_ref()) {
                (of, Expr::Literal(value, _)) => (of, Some(*op), value),
                (Expr::Literal(value, _), of) => (of, op.swap(), value),
                _ => return Vec::new(),
            };
            let Some(op) = op.filter(|_| is_place(of) && has_one_order(value)) else { return Vec::new() };
            vec![(of, Restriction::Compared(op, value))]
        }
        Expr::Between(Between { expr, negated: false, low, high }) if is_place(expr) => {
            let ends = [(Operator::GtEq, low.as_ref()), (Operator::LtEq, high.as_ref())];
            ends.into_iter()
                .filter_map(|(op, end)| match end {
                    Expr::Literal(value, _) if has_one_order(value) => {
                        Some((expr.as_ref(), Restriction::Compared(op, value)))
                    }
                    _ => None,
                })
                .collect()
        }
        Expr::InList(InList { expr, list, negated: false }) if is_place(expr) => {
            let values: Option<Vec<&ScalarValue>> = list
                .iter()
                .filter(|e| !is_null(e))
                .map(|e| match e {
                    Expr::Literal(value, _) if has_one_order(value) => Some(value),
                    _ => None,
                })
                .collect();
            values.map(|values| (expr.as_ref(), Restriction::OneOf(values))).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Types whose values are equal and ordered in one way only.
fn has_one_order(value: &ScalarValue) -> bool {
    !value.is_null()
        && (value.data_type().is_integer()
            || matches!(
                value.data_type(),
                DataType::Utf8 | DataType::Boolean | DataType::Date32 | DataType::Decimal128(..) | DataType::Timestamp(..)
            ))
}

/// The values that a column may have.
#[derive(Debug, Default)]
struct Domain {
    null: bool,
    not_null: bool,
    /// Value, and whether it is one of them.
    low: Option<(ScalarValue, bool)>,
    high: Option<(ScalarValue, bool)>,
    one_of: Option<Vec<ScalarValue>>,
    none_of: Vec<ScalarValue>,
}

impl Domain {
    fn restrict(&mut self, restriction: Restriction<'_>) {
        let one_of = match restriction {
            Restriction::Null => {
                self.null = true;
                return;
            }
            Restriction::NotNull => {
                self.not_null = true;
                return;
            }
            Restriction::OneOf(values) => values,
            Restriction::Compared(Operator::Eq, value) => vec![value],
            Restriction::Compared(op, value) => {
                self.not_null = true;
                self.compare(op, value);
                return;
            }
        };
        self.not_null = true;
        self.one_of = Some(match self.one_of.take() {
            None => one_of.into_iter().cloned().collect(),
            // Values of two types are not compared.
            Some(known) if !are_of_one_type(&known, &one_of) => known,
            Some(known) => known.into_iter().filter(|v| one_of.contains(&v)).collect(),
        });
    }

    fn compare(&mut self, op: Operator, value: &ScalarValue) {
        let (place, wanted, included) = match op {
            Operator::Gt => (&mut self.low, Ordering::Greater, false),
            Operator::GtEq => (&mut self.low, Ordering::Greater, true),
            Operator::Lt => (&mut self.high, Ordering::Less, false),
            Operator::LtEq => (&mut self.high, Ordering::Less, true),
            _ => {
                self.none_of.push(value.clone());
                return;
            }
        };
        let tighter = match place {
            None => true,
            Some((known, known_included)) => match value.partial_cmp(known) {
                Some(Ordering::Equal) => *known_included && !included,
                found => found == Some(wanted),
            },
        };
        if tighter {
            *place = Some((value.clone(), included));
        }
    }

    fn is_empty(&self) -> bool {
        if self.null && self.not_null {
            return true;
        }
        if let Some(values) = &self.one_of {
            return values.iter().all(|v| self.excludes(v));
        }
        match (&self.low, &self.high) {
            (Some((low, low_included)), Some((high, high_included))) => {
                if let (Some(low), Some(high)) = (whole(low), whole(high)) {
                    return low + i128::from(!low_included) > high - i128::from(!high_included);
                }
                match low.partial_cmp(high) {
                    Some(Ordering::Greater) => true,
                    Some(Ordering::Equal) => !(*low_included && *high_included) || self.none_of.contains(low),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn excludes(&self, value: &ScalarValue) -> bool {
        let outside = |end: &Option<(ScalarValue, bool)>, beyond: Ordering| match end {
            None => false,
            Some((end, included)) => match value.partial_cmp(end) {
                Some(Ordering::Equal) => !included,
                found => found == Some(beyond),
            },
        };
        outside(&self.low, Ordering::Less) || outside(&self.high, Ordering::Greater) || self.none_of.contains(value)
    }
}

fn are_of_one_type(known: &[ScalarValue], others: &[&ScalarValue]) -> bool {
    let mut types = known.iter().chain(others.iter().copied()).map(ScalarValue::data_type);
    let first = types.next();
    types.all(|t| Some(t) == first)
}

/// A whole number or a day.
fn whole(value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::Int8(Some(v)) => i128::from(*v),
        ScalarValue::Int16(Some(v)) => i128::from(*v),
        ScalarValue::Int32(Some(v)) | ScalarValue::Date32(Some(v)) => i128::from(*v),
        ScalarValue::Int64(Some(v)) => i128::from(*v),
        ScalarValue::UInt8(Some(v)) => i128::from(*v),
        ScalarValue::UInt16(Some(v)) => i128::from(*v),
        ScalarValue::UInt32(Some(v)) => i128::from(*v),
        ScalarValue::UInt64(Some(v)) => i128::from(*v),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::prelude::{col, lit};

    use super::*;

    fn never_passes(filter: &Expr) -> bool {
        let fields = vec![
            Field::new("a", DataType::Int32, true),
            Field::new("k", DataType::Int32, false),
            Field::new("t", DataType::Utf8, true),
            Field::new("f", DataType::Float64, true),
        ];
        let schema = DFSchema::try_from(Schema::new(fields)).unwrap();
        is_never_true([filter], &schema)
    }

    #[test]
    fn contradictions_are_found() {
        let null = || Expr::Literal(ScalarValue::Int32(None), None);
        for filter in [
            col("a").gt(lit(5)).and(col("a").lt(lit(3))),
            col("a").gt(lit(5)).and(col("a").lt(lit(6))),
            col("a").gt_eq(lit(5)).and(lit(5).gt(col("a"))),
            col("a").eq(lit(1)).and(col("a").eq(lit(2))),
            col("a").eq(lit(1)).and(col("a").not_eq(lit(1))),
            col("a").in_list(vec![lit(1), lit(2)], false).and(col("a").gt(lit(2))),
            col("a").in_list(vec![lit(1), null()], false).and(col("a").eq(lit(2))),
            col("a").in_list(vec![lit(1), null()], true),
            col("a").between(lit(7), lit(3)),
            col("a").is_null().and(col("a").gt(lit(1))),
            col("k").is_null(),
            col("a").eq(null()),
            col("t").gt(lit("x")).and(col("t").lt_eq(lit("a"))),
            col("a").gt(lit(5)).and(col("a").lt(lit(3))).or(col("t").eq(lit("x")).and(col("t").eq(lit("y")))),
            lit(false),
        ] {
            assert!(never_passes(&filter), "{filter}");
        }
    }

    #[test]
    fn what_some_row_passes_is_left_alone() {
        for filter in [
            col("a").gt(lit(5)).and(col("a").lt(lit(7))),
            col("a").gt_eq(lit(5)).and(col("a").lt_eq(lit(5))),
            col("a").eq(lit(1)).and(col("k").eq(lit(2))),
            col("a").eq(lit(1)).or(col("a").eq(lit(2))),
            col("a").is_null(),
            col("a").in_list(vec![], true),
            col("a").gt(lit(5)).and(col("a").lt(lit(3))).or(col("t").eq(lit("x"))),
            col("f").eq(lit(0.0)).and(col("f").eq(lit(-0.0))),
            (col("a") + lit(1)).gt(lit(5)).and((col("a") + lit(1)).lt(lit(3))),
            col("t").gt(lit("a")).and(col("t").lt(lit("b"))),
        ] {
            assert!(!never_passes(&filter), "{filter}");
        }
    }
}

//! Comparisons of rows, `(a, b) = (c, d)`: column by column, so that a null makes them unknown and sources can compute them.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use headwater_common::{Error, Result};

use super::{call, nested, placeholder};

/// Writes comparisons, IN lists and OVERLAPS of rows as those of their columns. DataFusion compares rows as records, in which a
/// null equals a null.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let (Some(l), Some(r)) = (tuple(left), tuple(right)) else { return Ok(()) };
            if l.len() != r.len() {
                return Err(Error::invalid("rows of different numbers of columns are compared"));
            }
            if let Some(made) = compared(l, op, r)? {
                *expr = made;
            }
            Ok(())
        }
        Expr::InList { expr: row, list, negated } => {
            let Some(columns) = tuple(row) else { return Ok(()) };
            let mut equal = Vec::with_capacity(list.len());
            for item in list.iter() {
                let Some(item) = tuple(item).filter(|item| item.len() == columns.len()) else {
                    return Err(Error::invalid("each value of the list behind IN must be a row of as many columns"));
                };
                equal.extend(compared(columns, &BinaryOperator::Eq, item)?);
            }
            let found = joined(equal, &BinaryOperator::Or);
            *expr = if *negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) } } else { found };
            Ok(())
        }
        _ => Ok(()),
    }
}

fn tuple(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(items) if items.len() > 1 => Some(items),
        Expr::Nested(inner) => tuple(inner),
        _ => None,
    }
}

fn compared(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Result<Option<Expr>> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    Ok(Some(match op {
        Eq | NotEq => {
            let each = left.iter().zip(right).map(|(l, r)| binary(l.clone(), op.clone(), r.clone())).collect();
            joined(each, &if *op == Eq { BinaryOperator::And } else { BinaryOperator::Or })
        }
        Lt | LtEq | Gt | GtEq => {
            let strict = if matches!(op, Lt | LtEq) { Lt } else { Gt };
            ordered(left, right, &strict, op)
        }
        BinaryOperator::Overlaps => {
            let [first, last] = left else { return Err(periods()) };
            let [other_first, other_last] = right else { return Err(periods()) };
            call("overlaps", [first, last, other_first, other_last].map(Clone::clone).to_vec())
        }
        _ => return Ok(None),
    }))
}

fn periods() -> Error {
    Error::invalid("OVERLAPS compares two periods, as in (start, end) OVERLAPS (start, length)")
}

/// `(a, b) < (c, d)` is `a < c OR (a = c AND b < d)`; the last columns are compared as the rows are.
fn ordered(left: &[Expr], right: &[Expr], strict: &BinaryOperator, op: &BinaryOperator) -> Expr {
    match (left, right) {
        ([l], [r]) => binary(l.clone(), op.clone(), r.clone()),
        ([l, left @ ..], [r, right @ ..]) => {
            let rest = ordered(left, right, strict, op);
            let equal = binary(l.clone(), BinaryOperator::Eq, r.clone());
            let tie = nested(binary(equal, BinaryOperator::And, rest));
            nested(binary(binary(l.clone(), strict.clone(), r.clone()), BinaryOperator::Or, tie))
        }
        _ => placeholder(),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn joined(terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let all = terms.into_iter().reduce(|left, right| binary(left, op.clone(), right));
    nested(all.unwrap_or_else(|| Expr::Value(Value::Boolean(false).into())))
}

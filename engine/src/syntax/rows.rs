//! Comparisons of rows, `(a, b) = (c, d)` and `ROW(a, b) = ROW(c, d)`: column by column, so that a null makes them unknown and sources can
//! compute them.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use headwater_common::{Error, Result};

use super::calls::arguments_of;
use super::{binary, call, nested, normalized, placeholder};

/// Writes comparisons, IN lists, BETWEEN, IS NULL and OVERLAPS of rows as those of their columns. DataFusion compares rows as records,
/// in which a null equals a null.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    let made = match expr {
        Expr::BinaryOp { left, op, right } => match (tuple(left), tuple(right)) {
            (Some(left), Some(right)) => compared(&left, op, &right)?,
            _ => None,
        },
        Expr::InList { expr: row, list, negated } => {
            let Some(row) = tuple(row) else { return Ok(()) };
            let mut equal = Vec::with_capacity(list.len());
            for item in list.iter() {
                let Some(item) = tuple(item).filter(|item| item.len() == row.len()) else {
                    return Err(Error::invalid("each value of the list behind IN must be a row of as many columns"));
                };
                equal.extend(compared(&row, &BinaryOperator::Eq, &item)?);
            }
            Some(negated_if(*negated, joined(equal, &BinaryOperator::Or)))
        }
        Expr::Between { expr: row, negated, low, high } => match (tuple(row), tuple(low), tuple(high)) {
            (Some(row), Some(low), Some(high)) => {
                let bounds = [(BinaryOperator::GtEq, low), (BinaryOperator::LtEq, high)];
                let mut both = Vec::new();
                for (op, bound) in bounds {
                    both.extend(compared(&row, &op, &bound)?);
                }
                Some(negated_if(*negated, joined(both, &BinaryOperator::And)))
            }
            _ => None,
        },
        Expr::IsNull(row) => tuple(row).map(|row| each(row, Expr::IsNull)),
        Expr::IsNotNull(row) => tuple(row).map(|row| each(row, Expr::IsNotNull)),
        _ => None,
    };
    if let Some(made) = made {
        *expr = made;
    }
    Ok(())
}

/// The columns of `(a, b)` and `ROW(a, b)`.
pub(super) fn tuple(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(items) if items.len() > 1 => Some(items.clone()),
        Expr::Nested(inner) => tuple(inner),
        Expr::Function(function) => match function.name.0.as_slice() {
            [name] if name.as_ident().is_some_and(|name| normalized(name) == "row") => arguments_of(function),
            _ => None,
        },
        _ => None,
    }
}

fn each(row: Vec<Expr>, test: fn(Box<Expr>) -> Expr) -> Expr {
    joined(row.into_iter().map(|column| test(Box::new(column))).collect(), &BinaryOperator::And)
}

fn negated_if(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

/// The comparison of two rows; `None` for an operator that does not compare rows.
pub(super) fn compared(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Result<Option<Expr>> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    if left.len() != right.len() {
        return Err(Error::invalid("rows of different numbers of columns are compared"));
    }
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

fn joined(terms: Vec<Expr>, op: &BinaryOperator) -> Expr {
    let all = terms.into_iter().reduce(|left, right| binary(left, op.clone(), right));
    nested(all.unwrap_or_else(|| Expr::Value(Value::Boolean(*op == BinaryOperator::And).into())))
}

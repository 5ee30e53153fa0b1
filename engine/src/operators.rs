//! Operators that DataFusion does not have, or computes otherwise than Postgres.
//!
//! | operator | becomes |
//! |---|---|
//! | `a ^ b` | `power(a, b)` of doubles |
//! | `array && array` | whether they have an element in common |
//! | `interval * number`, `number * interval`, `interval / number` | that part of the interval |
//! | `time - time` | the interval between them: whole days and the rest of a day |
//! | `date - date` | the number of days between them |
//! | `date + interval`, `interval + date`, `date - interval` | a timestamp, moved from the beginning of that day |
//! | `time + $1`, `time - $1` | arithmetic by the value of the parameter |
//! | `decimal * decimal`, `decimal / decimal` | the same in 76 digits where 38 would not hold the product, or a number on the way to the quotient |

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::math::power;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{ExprSchemable, Operator, binary_expr, cast};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{
    DAYS_BETWEEN, INTERVAL_BETWEEN, INTERVAL_DIVIDE, INTERVAL_MULTIPLY, Known, LISTS_OVERLAP, is_list, shifted,
};

/// Plans such operators.
#[derive(Debug)]
pub(crate) struct Operators {
    functions: Known,
}

impl Operators {
    pub(crate) fn new() -> Self {
        let wanted = [DAYS_BETWEEN, INTERVAL_BETWEEN, INTERVAL_DIVIDE, INTERVAL_MULTIPLY, LISTS_OVERLAP];
        Self { functions: Known::of(&wanted) }
    }

    fn planned(&self, expr: &RawBinaryExpr, left: &DataType, right: &DataType) -> Option<Expr> {
        use BinaryOperator::{BitwiseXor, Divide, Minus, Multiply, PGOverlap, Plus};
        let interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let number = |t: &DataType| t.is_numeric();
        let (l, r) = (expr.left.clone(), expr.right.clone());
        match expr.op {
            BitwiseXor if number(left) && number(right) => {
                Some(power().call(vec![cast(l, DataType::Float64), cast(r, DataType::Float64)]))
            }
            PGOverlap if is_list(left) && is_list(right) => self.functions.call(LISTS_OVERLAP, vec![l, r]),
            Multiply if interval(left) && number(right) => self.functions.call(INTERVAL_MULTIPLY, vec![l, r]),
            Multiply if number(left) && interval(right) => self.functions.call(INTERVAL_MULTIPLY, vec![r, l]),
            Divide if interval(left) && number(right) => self.functions.call(INTERVAL_DIVIDE, vec![l, r]),
            Minus if is_date(left) && is_date(right) => self.functions.call(DAYS_BETWEEN, vec![l, r]),
            Minus if have_difference(left, right) => self.functions.call(INTERVAL_BETWEEN, vec![l, r]),
            Plus if is_date(left) && interval(right) => Some(binary_expr(midnight(l), Operator::Plus, r)),
            Minus if is_date(left) && interval(right) => Some(binary_expr(midnight(l), Operator::Minus, r)),
            Plus if interval(left) && is_date(right) => Some(binary_expr(midnight(r), Operator::Plus, l)),
            Multiply => wide_product(l, r, digits(left)?, digits(right)?),
            Divide => wide_quotient(l, r, digits(left)?, digits(right)?),
            _ => None,
        }
    }
}

/// Precision and scale of a number that arithmetic of decimals takes as one.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal128(precision, scale) => Some((*precision, *scale)),
        DataType::Int8 | DataType::UInt8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt16 => Some((5, 0)),
        DataType::Int32 | DataType::UInt32 => Some((10, 0)),
        DataType::Int64 | DataType::UInt64 => Some((20, 0)),
        _ => None,
    }
}

/// Digits before the point that a product of 38 digits has to leave.
const WHOLE_DIGITS: u8 = 18;

/// A product whose digits after the point leave too few of 38 before it.
fn wide_product(left: Expr, right: Expr, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Option<Expr> {
    let scale = u8::try_from(s1.checked_add(s2)?).ok()?;
    let is_wide = p1 + p2 >= DECIMAL128_MAX_PRECISION && scale + WHOLE_DIGITS > DECIMAL128_MAX_PRECISION;
    let wide = |expr, p, s| cast(expr, DataType::Decimal256(p, s));
    is_wide.then(|| binary_expr(wide(left, p1, s1), Operator::Multiply, wide(right, p2, s2)))
}

/// A quotient of decimals for which the dividend gets more digits than 38 on the way. It has the type that it has otherwise.
fn wide_quotient(left: Expr, right: Expr, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Option<Expr> {
    if s1 == 0 && s2 == 0 {
        // Whole numbers, or nothing to gain.
        return None;
    }
    let types = (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2));
    let of = BinaryTypeCoercer::new(&types.0, &Operator::Divide, &types.1).get_result_type().ok()?;
    let DataType::Decimal128(_, scale) = of else { return None };
    let shifted = i16::from(p1) + i16::from(scale) - i16::from(s1) + i16::from(s2);
    let wide = |expr, p, s| cast(expr, DataType::Decimal256(p, s));
    let quotient = || binary_expr(wide(left, p1, s1), Operator::Divide, wide(right, p2, s2));
    (shifted > i16::from(DECIMAL128_MAX_PRECISION)).then(|| cast(quotient(), of))
}

fn is_date(data_type: &DataType) -> bool {
    *data_type == DataType::Date32
}

/// Whether two times, one of which may be a date, are both points in time or both without a zone.
fn have_difference(left: &DataType, right: &DataType) -> bool {
    match (left, right) {
        (DataType::Timestamp(_, zone), DataType::Timestamp(_, other)) => zone.is_some() == other.is_some(),
        (DataType::Timestamp(..), DataType::Date32) | (DataType::Date32, DataType::Timestamp(..)) => true,
        _ => false,
    }
}

/// The beginning of a day.
fn midnight(date: Expr) -> Expr {
    cast(date, DataType::Timestamp(TimeUnit::Microsecond, None))
}

/// A sum or difference of a time and a parameter whose type nothing says.
fn with_parameter(expr: &RawBinaryExpr, schema: &DFSchema) -> Option<Expr> {
    let untyped = |side: &Expr| matches!(side, Expr::Placeholder(Placeholder { field: None, .. }));
    let is_time =
        |side: &Expr| side.get_type(schema).is_ok_and(|t| matches!(t, DataType::Timestamp(..) | DataType::Date32));
    let (left, right) = (&expr.left, &expr.right);
    match expr.op {
        BinaryOperator::Plus if is_time(left) && untyped(right) => {
            Some(shifted(left.clone(), Operator::Plus, right.clone()))
        }
        BinaryOperator::Plus if untyped(left) && is_time(right) => {
            Some(shifted(right.clone(), Operator::Plus, left.clone()))
        }
        BinaryOperator::Minus if is_time(left) && untyped(right) => {
            Some(shifted(left.clone(), Operator::Minus, right.clone()))
        }
        _ => None,
    }
}

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if let Some(planned) = with_parameter(&expr, schema) {
            return Ok(PlannerResult::Planned(planned));
        }
        // An expression without a type yet, such as a parameter, is left to DataFusion.
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        Ok(match self.planned(&expr, &left, &right) {
            Some(planned) => PlannerResult::Planned(planned),
            None => PlannerResult::Original(expr),
        })
    }
}

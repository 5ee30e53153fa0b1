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

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::math::power;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
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
            _ => None,
        }
    }
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

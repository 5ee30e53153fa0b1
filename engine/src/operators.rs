//! Operators that DataFusion does not have, or computes otherwise than Postgres.
//!
//! | operator | becomes |
//! |---|---|
//! | `a ^ b` | `power(a, b)` of doubles |
//! | `array && array` | whether they have an element in common |
//! | `interval * number`, `number * interval`, `interval / number` | that part of the interval |
//! | `date + interval`, `date - interval` | a time, unless the interval is a constant of whole days |
//! | `time + $1`, `time - $1` | arithmetic by the value of the parameter |
//! | comparisons of intervals | comparisons of their lengths, a month of 30 days and a day of 24 hours |

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::functions::math::power;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, Operator, ScalarUDF, cast};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{self, INTERVAL_DIVIDE, INTERVAL_LENGTH, INTERVAL_MULTIPLY, LISTS_OVERLAP, is_list, shifted};

/// Plans such operators.
#[derive(Debug)]
pub(crate) struct Operators {
    functions: Vec<Arc<ScalarUDF>>,
}

impl Operators {
    pub(crate) fn new() -> Self {
        let wanted = [INTERVAL_DIVIDE, INTERVAL_LENGTH, INTERVAL_MULTIPLY, LISTS_OVERLAP];
        let all = functions::all().into_iter().filter(|f| wanted.contains(&f.name()));
        Self { functions: all.map(Arc::new).collect() }
    }

    /// A call of one of the functions; `None` when there is no such function.
    fn call(&self, name: &str, arguments: Vec<Expr>) -> Option<Expr> {
        self.functions.iter().find(|f| f.name() == name).map(|f| f.call(arguments))
    }

    fn planned(&self, expr: &RawBinaryExpr, left: &DataType, right: &DataType) -> Option<Expr> {
        use BinaryOperator::{BitwiseXor, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Multiply, NotEq, PGOverlap, Plus};
        let timed = |date: Expr| cast(date, DataType::Timestamp(TimeUnit::Microsecond, None));
        let interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let number = |t: &DataType| t.is_numeric();
        let (l, r) = (expr.left.clone(), expr.right.clone());
        match expr.op {
            BitwiseXor if number(left) && number(right) => {
                Some(power().call(vec![cast(l, DataType::Float64), cast(r, DataType::Float64)]))
            }
            PGOverlap if is_list(left) && is_list(right) => self.call(LISTS_OVERLAP, vec![l, r]),
            Multiply if interval(left) && number(right) => self.call(INTERVAL_MULTIPLY, vec![l, r]),
            Multiply if number(left) && interval(right) => self.call(INTERVAL_MULTIPLY, vec![r, l]),
            Divide if interval(left) && number(right) => self.call(INTERVAL_DIVIDE, vec![l, r]),
            Plus if *left == DataType::Date32 && interval(right) && !is_whole_days(&r) => Some(timed(l) + r),
            Plus if interval(left) && *right == DataType::Date32 && !is_whole_days(&l) => Some(l + timed(r)),
            Minus if *left == DataType::Date32 && interval(right) && !is_whole_days(&r) => Some(timed(l) - r),
            Eq | NotEq | Lt | LtEq | Gt | GtEq if interval(left) && interval(right) => {
                let (l, r) = (self.call(INTERVAL_LENGTH, vec![l])?, self.call(INTERVAL_LENGTH, vec![r])?);
                Some(match expr.op {
                    Eq => l.eq(r),
                    NotEq => l.not_eq(r),
                    Lt => l.lt(r),
                    LtEq => l.lt_eq(r),
                    Gt => l.gt(r),
                    _ => l.gt_eq(r),
                })
            }
            _ => None,
        }
    }
}

/// Whether an interval is a constant of months and days, which moves a date to another date.
fn is_whole_days(interval: &Expr) -> bool {
    match interval {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), _) => value.nanoseconds == 0,
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => true,
        Expr::Negative(inner) => is_whole_days(inner),
        _ => false,
    }
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

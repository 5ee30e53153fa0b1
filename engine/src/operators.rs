//! Operators that DataFusion does not have, or computes otherwise than Postgres.
//!
//! | operator | becomes |
//! |---|---|
//! | `a ^ b` | `power(a, b)` of doubles |
//! | `array && array` | whether they have an element in common |
//! | `interval * number`, `number * interval`, `interval / number` | that part of the interval |
//! | comparisons of intervals | comparisons of their lengths, a month of 30 days and a day of 24 hours |

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::functions::math::power;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, ScalarUDF, cast};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{self, INTERVAL_DIVIDE, INTERVAL_LENGTH, INTERVAL_MULTIPLY, LISTS_OVERLAP, is_list};

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
        use BinaryOperator::{BitwiseXor, Divide, Eq, Gt, GtEq, Lt, LtEq, Multiply, NotEq, PGOverlap};
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

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
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

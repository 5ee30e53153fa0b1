//! Whole-number arithmetic fails instead of wrapping around.

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{BinaryExpr, ExprSchemable, Operator};
use datafusion::prelude::Expr;
use headwater_source::arithmetic::{checked_binary, checked_negative};

/// Puts checked arithmetic in the place of `+`, `-` and `*` of whole numbers.
#[derive(Debug, Default)]
pub struct CheckArithmetic;

impl FunctionRewrite for CheckArithmetic {
    fn name(&self) -> &str {
        "check_arithmetic"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
                right,
            }) => {
                let (left_type, right_type) = (left.get_type(schema)?, right.get_type(schema)?);
                let coerced = BinaryTypeCoercer::new(&left_type, &op, &right_type).get_input_types();
                if coerced.is_ok_and(|(left, right)| left.is_integer() && right.is_integer())
                    && let Some(checked) = checked_binary(left.as_ref().clone(), op, right.as_ref().clone())
                {
                    return Ok(Transformed::yes(checked));
                }
                Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })))
            }
            Expr::Negative(inner) if inner.get_type(schema)?.is_signed_integer() => {
                Ok(Transformed::yes(checked_negative(*inner)))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

//! Operators and functions that are others for bytes, lists and records.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{Between, BinaryExpr, ExprSchemable, Operator, binary_expr, lit};
use datafusion::prelude::Expr;

use crate::functions::{Known, LIST_HAS_NULL, LIST_ORDER, OCTET_LENGTH, is_list};

/// Compares lists and records as ORDER BY sorts them, and counts the bytes of bytes.
#[derive(Debug)]
pub(crate) struct ByType {
    functions: Known,
}

impl ByType {
    pub(crate) fn new() -> Self {
        Self { functions: Known::of(&[LIST_HAS_NULL, LIST_ORDER, OCTET_LENGTH]) }
    }

    fn rewritten(&self, expr: &Expr, schema: &DFSchema) -> Option<Expr> {
        // Their nulls inside are the largest values, as ORDER BY has it.
        let list = |e: &Expr| e.get_type(schema).is_ok_and(|t| is_list(&t) || matches!(t, DataType::Struct(_)));
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_order(*op) && list(left) && list(right) => {
                let order = self.functions.call(LIST_ORDER, vec![left.as_ref().clone(), right.as_ref().clone()])?;
                Some(binary_expr(order, *op, lit(0_i32)))
            }
            Expr::Between(Between { expr, negated, low, high }) if list(expr) && list(low) && list(high) => {
                let low = self.functions.call(LIST_ORDER, vec![expr.as_ref().clone(), low.as_ref().clone()])?;
                let high = self.functions.call(LIST_ORDER, vec![expr.as_ref().clone(), high.as_ref().clone()])?;
                let between = low.gt_eq(lit(0_i32)).and(high.lt_eq(lit(0_i32)));
                Some(if *negated { Expr::Not(Box::new(between)) } else { between })
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "character_length" => {
                let [value] = args.as_slice() else { return None };
                let bytes = value.get_type(schema).is_ok_and(|t| t.is_binary());
                if bytes { self.functions.call(OCTET_LENGTH, vec![value.clone()]) } else { None }
            }
            // A null is in no list.
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "array_has_all" => {
                let [_, part] = args.as_slice() else { return None };
                let has_null = self.functions.call(LIST_HAS_NULL, vec![part.clone()])?;
                Some(Expr::Not(Box::new(has_null)).and(expr.clone()))
            }
            _ => None,
        }
    }
}

impl FunctionRewrite for ByType {
    fn name(&self) -> &str {
        "by_type"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match self.rewritten(&expr, schema) {
            Some(made) => Transformed::yes(made),
            None => Transformed::no(expr),
        })
    }
}

fn is_order(op: Operator) -> bool {
    matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

//! NULLS FIRST and NULLS LAST of lists and records are about the value itself.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, SortExpr};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

/// Rewrites `ORDER BY list DESC NULLS LAST` to `ORDER BY list IS NULL, list DESC NULLS FIRST`, and ASC NULLS FIRST alike.
///
/// Arrow puts a null inside of a list or record where the option puts the null of the whole. In SQL it is the largest element, as
/// comparisons and `max` have it, whatever the option says.
#[derive(Debug, Default)]
pub struct OrderNestedNulls;

impl AnalyzerRule for OrderNestedNulls {
    fn name(&self) -> &str {
        "order_nested_nulls"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Sort(mut sort) => {
                let keys = split(&sort.expr, sort.input.schema());
                let found = keys.len() > sort.expr.len();
                sort.expr = keys;
                Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), found))
            }
            LogicalPlan::Window(window) => {
                let schema = Arc::clone(window.input.schema());
                let plan = LogicalPlan::Window(window);
                let names = NamePreserver::new(&plan);
                plan.map_expressions(|expr| {
                    let name = names.save(&expr);
                    let made = expr.transform_up(|e| match e {
                        Expr::WindowFunction(mut function) => {
                            let keys = split(&function.params.order_by, &schema);
                            let found = keys.len() > function.params.order_by.len();
                            function.params.order_by = keys;
                            Ok(Transformed::new_transformed(Expr::WindowFunction(function), found))
                        }
                        other => Ok(Transformed::no(other)),
                    })?;
                    Ok(made.update_data(|expr| name.restore(expr)))
                })
            }
            other => Ok(Transformed::no(other)),
        })
        .data()
    }
}

fn split(keys: &[SortExpr], schema: &DFSchema) -> Vec<SortExpr> {
    let mut made = Vec::with_capacity(keys.len());
    for key in keys {
        let nested = key.asc == key.nulls_first && key.expr.get_type(schema).is_ok_and(|t| t.is_nested());
        if nested {
            made.push(key.expr.clone().is_null().sort(!key.nulls_first, false));
        }
        made.push(SortExpr { nulls_first: if nested { !key.asc } else { key.nulls_first }, ..key.clone() });
    }
    made
}

//! Casts that drop digits are not taken back in comparisons.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, InList, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, ExprSchemable, LogicalPlan, Operator, WriteOp};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;
use headwater_source::arrow_types::units_per_second;
use headwater_source::transparent::{narrowed, narrows};

/// Hides from DataFusion's simplifier the casts that it may not take back.
///
/// It takes `CAST(x AS t) op value` for `x op value` whenever the value is one of `x`'s type. That is the same only if no two values
/// of `x` become one and none becomes NULL: `CAST(5.5 AS BIGINT) = 5` is true, `5.5 = 5.00` is not. And it cuts a time to the unit
/// of `x`: a column of whole seconds is never `10:00:00.5`, but it may be `10:00:00`.
#[derive(Debug, Default)]
pub struct KeepNarrowingCasts;

impl AnalyzerRule for KeepNarrowingCasts {
    fn name(&self) -> &str {
        "keep_narrowing_casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // The new values of an UPDATE are cast to their columns' types; sources take them as they are.
        if matches!(&plan, LogicalPlan::Dml(change) if change.op == WriteOp::Update) {
            return Ok(plan);
        }
        plan.transform_up_with_subqueries(rewrite_plan).data()
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let (names, schema) = (NamePreserver::new(&plan), merge_schema(&plan.inputs()));
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(|e| rewrite(e, &schema))?.update_data(|expr| name.restore(expr)))
    })?;
    if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::Cast(_) | Expr::TryCast(_) => match cast(&expr, schema) {
            Some((from, to)) if narrows(&from, &to) => Transformed::yes(narrowed(expr)),
            _ => Transformed::no(expr),
        },
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let (cut_left, cut_right) = (is_cut(&left, &right, schema), is_cut(&right, &left, schema));
            let side = |side: Box<Expr>, cut| if cut { Box::new(narrowed(*side)) } else { side };
            let expr = BinaryExpr { left: side(left, cut_left), op, right: side(right, cut_right) };
            Transformed::new_transformed(Expr::BinaryExpr(expr), cut_left || cut_right)
        }
        Expr::Between(between)
            if is_cut(&between.expr, &between.low, schema) || is_cut(&between.expr, &between.high, schema) =>
        {
            Transformed::yes(Expr::Between(Between { expr: Box::new(narrowed(*between.expr)), ..between }))
        }
        Expr::InList(list) if list.list.iter().any(|value| is_cut(&list.expr, value, schema)) => {
            Transformed::yes(Expr::InList(InList { expr: Box::new(narrowed(*list.expr)), ..list }))
        }
        other => Transformed::no(other),
    })
}

fn compares(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::Eq | O::NotEq | O::Lt | O::LtEq | O::Gt | O::GtEq | O::IsDistinctFrom | O::IsNotDistinctFrom)
}

/// The types of a cast of something that is no literal.
fn cast(expr: &Expr, schema: &DFSchema) -> Option<(DataType, DataType)> {
    let (Expr::Cast(Cast { expr: inner, field, .. }) | Expr::TryCast(TryCast { expr: inner, field, .. })) = expr else {
        return None;
    };
    if matches!(inner.as_ref(), Expr::Literal(..)) {
        return None;
    }
    Some((inner.get_type(schema).ok()?, field.data_type().clone()))
}

/// Whether `value` is a time that loses digits in the unit of what is cast to compare with it.
fn is_cut(expr: &Expr, value: &Expr, schema: &DFSchema) -> bool {
    let Some((DataType::Timestamp(from, _), DataType::Timestamp(to, _))) = cast(expr, schema) else { return false };
    let literal = match value {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(Cast { expr, field, .. }) => match expr.as_ref() {
            Expr::Literal(value, _) => value.cast_to(field.data_type()).ok(),
            _ => None,
        },
        _ => None,
    };
    let ticks = literal.and_then(|value| match value {
        ScalarValue::TimestampSecond(t, _)
        | ScalarValue::TimestampMillisecond(t, _)
        | ScalarValue::TimestampMicrosecond(t, _)
        | ScalarValue::TimestampNanosecond(t, _) => t,
        _ => None,
    });
    let coarser = units_per_second(to) / units_per_second(from);
    coarser > 1 && ticks.is_some_and(|ticks| ticks % coarser != 0)
}

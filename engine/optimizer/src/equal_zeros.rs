//! Both zeros of floating point are equal wherever values are compared.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, Case, InList, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

use crate::exact_in_lists::constant;

/// Makes lists, CASE, `nullif`, windows and `count(DISTINCT x)` compare floating point as `=` does.
///
/// DataFusion's `=` takes -0.0 and 0.0 for equal, as SQL and IEEE 754 do. Its lists of more than three values, `CASE x WHEN y` and
/// `nullif(x, y)` compare bits. So
///
/// - a list with one zero gets the other one too;
/// - `CASE x WHEN y THEN ...` becomes `CASE WHEN x = y THEN ...`;
/// - `nullif(x, y)` becomes `CASE WHEN x = y THEN NULL ELSE x END`;
/// - keys of windows and what `count(DISTINCT x)` counts become `x + 0.0`, which has one zero only.
#[derive(Debug, Default)]
pub struct EqualZeros;

impl AnalyzerRule for EqualZeros {
    fn name(&self) -> &str {
        "equal_zeros"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite_plan).data()
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut compares = false;
    plan.apply_expressions(|expr| {
        compares |= expr.exists(|expr| Ok(is_comparison(expr)))?;
        Ok(if compares { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if !compares {
        return Ok(Transformed::no(plan));
    }
    let schema = match plan.inputs().as_slice() {
        [] => plan.schema().as_ref().clone(),
        inputs => merge_schema(inputs),
    };
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(|expr| rewrite(expr, &schema))?.update_data(|expr| name.restore(expr)))
    })?;
    if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
}

fn is_comparison(expr: &Expr) -> bool {
    match expr {
        Expr::InList(_) | Expr::Case(Case { expr: Some(_), .. }) => true,
        Expr::ScalarFunction(call) => is_nullif(call),
        Expr::WindowFunction(call) => !call.params.partition_by.is_empty() || !call.params.order_by.is_empty(),
        Expr::AggregateFunction(call) => counts_distinct(call),
        _ => false,
    }
}

fn counts_distinct(call: &AggregateFunction) -> bool {
    call.params.distinct && call.func.name() == "count"
}

fn is_nullif(call: &ScalarFunction) -> bool {
    call.name() == "nullif" && call.args.len() == 2
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    // An expression whose type is not known is left as it is.
    let is_float = |expr: &Expr| expr.get_type(schema).is_ok_and(|t| t.is_floating()) && !expr.is_volatile();
    Ok(match expr {
        Expr::InList(list) => with_both_zeros(list),
        Expr::Case(Case { expr: Some(base), when_then_expr, else_expr }) if is_float(&base) => {
            let compared = |(when, then): (Box<Expr>, Box<Expr>)| (Box::new(base.as_ref().clone().eq(*when)), then);
            let branches = when_then_expr.into_iter().map(compared).collect();
            Transformed::yes(Expr::Case(Case::new(None, branches, else_expr)))
        }
        Expr::ScalarFunction(call) if is_nullif(&call) && call.args.first().is_some_and(is_float) => {
            let [value, other] = call.args.as_slice() else { return Ok(Transformed::no(Expr::ScalarFunction(call))) };
            let null = Expr::Literal(ScalarValue::try_from(&value.get_type(schema)?)?, None);
            let branches = vec![(Box::new(value.clone().eq(other.clone())), Box::new(null))];
            Transformed::yes(Expr::Case(Case::new(None, branches, Some(Box::new(value.clone())))))
        }
        Expr::WindowFunction(mut call) => {
            let keys = call.params.order_by.iter_mut().map(|key| &mut key.expr);
            let changed = with_one_zero(call.params.partition_by.iter_mut().chain(keys), schema)?;
            Transformed::new_transformed(Expr::WindowFunction(call), changed)
        }
        Expr::AggregateFunction(mut call) if counts_distinct(&call) => {
            let changed = with_one_zero(call.params.args.iter_mut(), schema)?;
            Transformed::new_transformed(Expr::AggregateFunction(call), changed)
        }
        other => Transformed::no(other),
    })
}

/// Adds zero to floating point: the sum of both zeros is 0.0, and every other value stays.
fn with_one_zero<'a>(values: impl Iterator<Item = &'a mut Expr>, schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for value in values {
        let zero = match value.get_type(schema) {
            Ok(DataType::Float32) => ScalarValue::Float32(Some(0.0)),
            Ok(DataType::Float64) => ScalarValue::Float64(Some(0.0)),
            _ => continue,
        };
        let zero = Expr::Literal(zero, None);
        if !matches!(value, Expr::BinaryExpr(sum) if sum.op == Operator::Plus && *sum.right == zero) {
            *value = std::mem::take(value) + zero;
            changed = true;
        }
    }
    Ok(changed)
}

/// A list that has both zeros when it has one of them.
fn with_both_zeros(list: InList) -> Transformed<Expr> {
    let zeros: Vec<ScalarValue> = list.list.iter().filter_map(constant).filter(is_zero).collect();
    let missing = zeros.first().map(|zero| (zero.clone(), negative(zero))).map(|(zero, other)| {
        let has = |wanted: &ScalarValue| zeros.iter().any(|known| known == wanted);
        [zero, other].into_iter().filter(|zero| !has(zero)).collect::<Vec<_>>()
    });
    match missing {
        Some(missing) if !missing.is_empty() => {
            let added = missing.into_iter().map(|zero| Expr::Literal(zero, None));
            Transformed::yes(Expr::InList(InList { list: list.list.into_iter().chain(added).collect(), ..list }))
        }
        _ => Transformed::no(Expr::InList(list)),
    }
}

fn is_zero(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float32(Some(v)) => *v == 0.0,
        ScalarValue::Float64(Some(v)) => *v == 0.0,
        _ => false,
    }
}

/// The value with the other sign.
fn negative(value: &ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float32(Some(v)) => ScalarValue::Float32(Some(-v)),
        ScalarValue::Float64(Some(v)) => ScalarValue::Float64(Some(-v)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::functions::core::expr_fn::nullif;
    use datafusion::prelude::{col, lit, when};

    use super::*;

    fn rewritten(expr: Expr) -> String {
        let fields = vec![Field::new("x", DataType::Float64, true), Field::new("n", DataType::Int64, true)];
        let schema = DFSchema::try_from(Schema::new(fields)).unwrap();
        expr.transform_up(|expr| rewrite(expr, &schema)).unwrap().data.to_string()
    }

    #[test]
    fn a_list_with_one_zero_has_both() {
        let list = |values: &[f64], negated: bool| col("x").in_list(values.iter().map(|v| lit(*v)).collect(), negated);
        assert_eq!(rewritten(list(&[0.0, 1.0], false)), "x IN ([Float64(0), Float64(1), Float64(-0)])");
        assert_eq!(rewritten(list(&[-0.0], true)), "x NOT IN ([Float64(-0), Float64(0)])");
        assert_eq!(rewritten(list(&[-0.0, 0.0], false)), "x IN ([Float64(-0), Float64(0)])");
        assert_eq!(rewritten(list(&[1.0, 2.0], false)), "x IN ([Float64(1), Float64(2)])");
        assert_eq!(rewritten(col("n").in_list(vec![lit(0_i64)], false)), "n IN ([Int64(0)])");
    }

    #[test]
    fn case_and_nullif_compare_as_equality_does() {
        let case = |base: Expr, value: Expr| {
            let Expr::Case(found) = when(value, lit("a")).otherwise(lit("b")).unwrap() else { panic!("no CASE") };
            Expr::Case(Case { expr: Some(Box::new(base)), ..found })
        };
        let shown = rewritten(case(col("x"), lit(0.0)));
        assert_eq!(shown, "CASE WHEN x = Float64(0) THEN Utf8(\"a\") ELSE Utf8(\"b\") END");
        assert!(rewritten(case(col("n"), lit(0_i64))).starts_with("CASE n WHEN"));
        let shown = rewritten(nullif(col("x"), lit(0.0)));
        assert_eq!(shown, "CASE WHEN x = Float64(0) THEN Float64(NULL) ELSE x END");
        assert!(rewritten(nullif(col("n"), lit(0_i64))).starts_with("nullif"));
    }
}

//! Dates that are compared with a time are compared with a date.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Cast, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;
use headwater_source::arrow_types::units_per_second;

/// Compares `CAST(date AS TIMESTAMP)` and a constant as dates.
///
/// A date and an interval are a timestamp, so `day <= DATE '1998-12-01' - INTERVAL '90 days'` compares timestamps. The same days
/// are found by a comparison of dates, which sources and the statistics of files know: a date is before noon of a day when it
/// is that day or one before. Equality with a time that no day begins with stays as it is.
#[derive(Debug, Default)]
pub struct DateBounds;

impl OptimizerRule for DateBounds {
    fn name(&self) -> &str {
        "date_bounds"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut found = false;
        plan.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(sides(expr).is_some()))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !found {
            return Ok(Transformed::no(plan));
        }
        let schema = match plan.inputs().as_slice() {
            [] => plan.schema().as_ref().clone(),
            inputs => merge_schema(inputs),
        };
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(|expr| {
                Ok(match bounded(&expr, &schema) {
                    Some(made) => Transformed::yes(made),
                    None => Transformed::no(expr),
                })
            })?;
            Ok(rewritten.update_data(|expr| name.restore(expr)))
        })
    }
}

/// What is cast, the operator, and the constant that it is compared with.
fn sides(expr: &Expr) -> Option<(&Expr, Operator, &ScalarValue)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    let (cast, op, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::Cast(cast), Expr::Literal(value, _)) => (cast, *op, value),
        (Expr::Literal(value, _), Expr::Cast(cast)) => (cast, op.swap()?, value),
        _ => return None,
    };
    let Cast { expr, field } = cast;
    let same = matches!(field.data_type(), DataType::Timestamp(_, None)) && value.data_type() == *field.data_type();
    (same && !value.is_null()).then_some((expr, op, value))
}

fn bounded(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let (date, op, value) = sides(expr)?;
    if !date.get_type(schema).is_ok_and(|t| t == DataType::Date32) {
        return None;
    }
    let (ticks, unit) = match value {
        ScalarValue::TimestampSecond(Some(ticks), _) => (*ticks, TimeUnit::Second),
        ScalarValue::TimestampMillisecond(Some(ticks), _) => (*ticks, TimeUnit::Millisecond),
        ScalarValue::TimestampMicrosecond(Some(ticks), _) => (*ticks, TimeUnit::Microsecond),
        ScalarValue::TimestampNanosecond(Some(ticks), _) => (*ticks, TimeUnit::Nanosecond),
        _ => return None,
    };
    let (op, day) = day(op, ticks, unit)?;
    let day = Expr::Literal(ScalarValue::Date32(Some(day)), None);
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(date.clone()), op, Box::new(day))))
}

/// The operator and the day that say the same of dates.
fn day(op: Operator, ticks: i64, unit: TimeUnit) -> Option<(Operator, i32)> {
    let of_day = 86_400 * units_per_second(unit);
    let day = i32::try_from(ticks.div_euclid(of_day)).ok()?;
    let op = match op {
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
            if ticks.rem_euclid(of_day) == 0 =>
        {
            op
        }
        Operator::Lt | Operator::LtEq => Operator::LtEq,
        Operator::Gt | Operator::GtEq => Operator::Gt,
        _ => return None,
    };
    Some((op, day))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::prelude::{cast, col, lit};

    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn shown(op: Operator, micros: i64, turned: bool) -> Option<String> {
        let fields = vec![Field::new("d", DataType::Date32, true), Field::new("t", DataType::Utf8, true)];
        let schema = DFSchema::try_from(Schema::new(fields)).unwrap();
        let date = Box::new(cast(col("d"), DataType::Timestamp(TimeUnit::Microsecond, None)));
        let time = Box::new(lit(ScalarValue::TimestampMicrosecond(Some(micros), None)));
        let expr = match turned {
            true => BinaryExpr::new(time, op, date),
            false => BinaryExpr::new(date, op, time),
        };
        bounded(&Expr::BinaryExpr(expr), &schema).map(|expr| expr.to_string())
    }

    #[test]
    fn dates_are_compared_with_the_day_of_a_time() {
        let show = |op, micros| shown(op, micros, false).unwrap_or_default();
        assert_eq!(show(Operator::Lt, DAY), "d < Date32(\"1970-01-02\")");
        assert_eq!(show(Operator::Eq, -DAY), "d = Date32(\"1969-12-31\")");
        assert_eq!(show(Operator::Lt, 1), "d <= Date32(\"1970-01-01\")");
        assert_eq!(show(Operator::GtEq, -1), "d > Date32(\"1969-12-31\")");
        assert_eq!(shown(Operator::Lt, 1, true).unwrap(), "d > Date32(\"1970-01-01\")");
        assert_eq!(shown(Operator::Eq, 1, false), None);
        assert_eq!(shown(Operator::Lt, i64::MAX, false).unwrap(), "d <= Date32(\"\")");
    }
}

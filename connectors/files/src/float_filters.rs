//! Filters on floats stay out of the pruning of Parquet files: writers leave NaN out of the smallest and largest values, so these
//! say nothing about rows that are NaN, which is greater than all numbers (or, with a sign, less).

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Literal};
use datafusion::physical_expr::utils::collect_columns;

/// Whether the statistics of a file can decide this filter.
pub(crate) fn can_prune(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> bool {
    let float = |data_type: &DataType| matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64);
    let reads_float = collect_columns(filter)
        .iter()
        .any(|c| schema.fields().get(c.index()).is_some_and(|f| float(f.data_type()) || f.data_type().is_nested()));
    // No number equals NaN, and only numbers are within the smallest and largest values.
    let equals_number = filter.downcast_ref::<BinaryExpr>().is_some_and(|b| {
        *b.op() == Operator::Eq
            && [b.left(), b.right()].into_iter().any(|side| side.downcast_ref::<Literal>().is_some_and(is_number))
    });
    !reads_float || equals_number
}

fn is_number(literal: &Literal) -> bool {
    match literal.value() {
        ScalarValue::Float16(Some(v)) => !v.is_nan(),
        ScalarValue::Float32(Some(v)) => !v.is_nan(),
        ScalarValue::Float64(Some(v)) => !v.is_nan(),
        _ => false,
    }
}

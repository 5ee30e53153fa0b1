//! A statement as the leaf of a plan.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{Column, ColumnStatistics, Result, Statistics, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, Projection, TableScanBuilder};
use datafusion::prelude::Expr;
use headwater_source::{RemoteQuery, RemoteQueryTable};

use super::estimate::Estimate;

/// A scan of the result of `query`, which computes `plan`, under a projection to exactly the fields of `plan`. The number makes
/// the table's name its own: DataFusion takes scans of one name and one schema for equal.
pub(super) fn leaf(plan: &LogicalPlan, mut query: RemoteQuery, estimate: &Estimate, number: usize) -> Result<LogicalPlan> {
    let schema = plan.schema();
    for (column, field) in query.columns.iter_mut().zip(schema.fields()) {
        column.field = Arc::clone(field);
    }
    let name = TableReference::bare(format!("{}_query_{number}", query.source));
    let table = RemoteQueryTable::new(query).with_statistics(statistics(estimate)).with_plan(plan.clone());
    let columns = table.query().schema();
    let scan = TableScanBuilder::new(name.clone(), provider_as_source(Arc::new(table))).build()?;
    let restored = schema.iter().zip(columns.fields()).map(|((qualifier, field), column)| {
        let column = Expr::Column(Column::new(Some(name.clone()), column.name()));
        column.alias_qualified(qualifier.cloned(), field.name())
    });
    let restored: Vec<Expr> = restored.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(restored, Arc::new(LogicalPlan::TableScan(scan)))?))
}

fn statistics(estimate: &Estimate) -> Statistics {
    let count = |n: Option<f64>| n.map_or(Precision::Absent, |n| Precision::Inexact(n.round() as usize));
    let column = |column: &super::estimate::ColumnEstimate| ColumnStatistics {
        distinct_count: count(column.facts.distinct),
        ..ColumnStatistics::new_unknown()
    };
    Statistics {
        num_rows: count(estimate.rows),
        total_byte_size: count(estimate.bytes()),
        column_statistics: estimate.columns.iter().map(column).collect(),
    }
}

//! `count(*)` over a remote table is counted by its source.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection, TableScan, TableScanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::prelude::Expr;
use headwater_source::RemoteTable;

/// Replaces `SELECT count(*) FROM remote WHERE filters` by one row that the source counts.
///
/// The rule fires only when there is no GROUP BY, every aggregate counts rows (no column, DISTINCT or FILTER), the scan has no
/// limit and the source computes every filter exactly. Filters that are checked again here stand in a `Filter` node above the
/// scan, so they keep the rule from firing. Both sides then count the same rows of the same table, and `count(*)` is never null.
#[derive(Debug, Default)]
pub struct PushDownCount;

impl OptimizerRule for PushDownCount {
    fn name(&self) -> &str {
        "push_down_count"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        match counted(aggregate)? {
            Some(counted) => Ok(Transformed::yes(counted)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

fn counted(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let counts =
        aggregate.group_expr.is_empty() && !aggregate.aggr_expr.is_empty() && aggregate.aggr_expr.iter().all(counts_rows);
    let Some(scan) = scan_below(&aggregate.input).filter(|scan| counts && scan.fetch.is_none()) else { return Ok(None) };
    let Ok(provider) = source_as_provider(&scan.source) else { return Ok(None) };
    let Some(table) = provider.downcast_ref::<RemoteTable>() else { return Ok(None) };
    let Some(count) = table.counted(&scan.filters)? else { return Ok(None) };
    let provider: Arc<dyn TableProvider> = Arc::new(count);
    let source = provider_as_source(provider);
    let counting = TableScanBuilder::new(scan.table_name.clone(), source).build()?;
    let count = Expr::Column(Column::new(Some(scan.table_name.clone()), "count"));
    let names = aggregate
        .schema
        .iter()
        .map(|(qualifier, field)| count.clone().alias_qualified(qualifier.cloned(), field.name().clone()));
    let columns: Vec<Expr> = names.collect();
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::TableScan(counting)))?)))
}

/// The scan below plain column projections and aliases, which do not change the number of rows.
fn scan_below(plan: &LogicalPlan) -> Option<&TableScan> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(scan),
        LogicalPlan::Projection(projection) if projection.expr.iter().all(|e| matches!(e, Expr::Column(_))) => {
            scan_below(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => scan_below(&alias.input),
        _ => None,
    }
}

fn counts_rows(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => counts_rows(&alias.expr),
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            func.name() == "count"
                && !params.distinct
                && params.filter.is_none()
                && params.args.iter().all(|a| matches!(a, Expr::Literal(value, _) if !value.is_null()))
        }
        _ => false,
    }
}

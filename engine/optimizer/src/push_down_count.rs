//! `count(*)` over a remote table is counted by its source.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, LogicalPlan, Projection, TableScan, TableScanBuilder};
use datafusion::prelude::Expr;
use headwater_source::RemoteTable;

/// Replaces `SELECT count(*) FROM remote WHERE filters` by one row that the source counts.
///
/// The rule fires only when there is no GROUP BY, every aggregate counts rows (no column, DISTINCT or FILTER), the scan has no
/// limit and the source computes every filter exactly. Filters that are checked again here stand in a `Filter` node above the
/// scan, so they keep the rule from firing. Both sides then count the same rows of the same table, and `count(*)` is never null.
///
/// It runs after [`crate::PushDownPlan`], for sources that count but compute no sub-plans.
#[derive(Debug, Default)]
pub struct PushDownCount;

impl PushDownCount {
    /// Name of the rule.
    pub const NAME: &'static str = "push_down_count";

    /// The plan with its counts, also those in sub-queries, made at their sources.
    pub fn apply(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let count = |plan: LogicalPlan| {
            let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
            Ok(counted(aggregate)?.map_or_else(|| Transformed::no(plan), Transformed::yes))
        };
        Ok(plan.transform_up_with_subqueries(count)?.data)
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
    // DataFusion takes scans of one name for equal, so the name says what is counted.
    let filters = scan.filters.iter().map(ToString::to_string).collect::<Vec<_>>().join(" AND ");
    let name = TableReference::bare(format!("count of {} where [{filters}]", scan.table_name));
    let counting = TableScanBuilder::new(name.clone(), source).build()?;
    let count = Expr::Column(Column::new(Some(name), "count"));
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

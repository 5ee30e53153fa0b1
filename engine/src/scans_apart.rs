//! Scans of different tables under one name get names of their own.
//!
//! DataFusion takes two scans for equal when their names and columns are, and computes equal sub-queries once. All calls of a
//! table function have one name: without this, the second of two different calls would get the rows of the first.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, SubqueryAlias, TableScan, TableSource};

use crate::label::numbered;

/// Renames every scan but the first of those that share a name and not a table. Columns keep their names.
pub(crate) fn make(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut known: HashMap<TableReference, Vec<Arc<dyn TableSource>>> = HashMap::new();
    let renamed = plan.transform_up_with_subqueries(|plan| {
        let LogicalPlan::TableScan(scan) = plan else { return Ok(Transformed::no(plan)) };
        let sources = known.entry(scan.table_name.clone()).or_default();
        let number = sources.iter().position(|s| Arc::ptr_eq(s, &scan.source)).unwrap_or_else(|| {
            sources.push(Arc::clone(&scan.source));
            sources.len() - 1
        });
        if number == 0 {
            return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
        }
        renamed(scan, number).map(Transformed::yes)
    })?;
    Ok(renamed.data)
}

fn renamed(mut scan: TableScan, number: usize) -> Result<LogicalPlan> {
    let name = scan.table_name.clone();
    let own = TableReference::bare(numbered(&name.to_string(), number));
    scan.projected_schema = Arc::new(scan.projected_schema.as_ref().clone().replace_qualifier(own.clone()));
    scan.table_name = own;
    SubqueryAlias::try_new(Arc::new(LogicalPlan::TableScan(scan)), name).map(LogicalPlan::SubqueryAlias)
}

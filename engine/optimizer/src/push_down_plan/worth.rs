//! Whether a source should make groups of rows that a join here would take one by one.

use datafusion::common::{Column, Result};
use datafusion::logical_expr::LogicalPlan;

use super::gate::{Gate, gate};
use super::survey::{Node, source_of_all};

/// So many rows must be in a group on average.
const ROWS_PER_GROUP_MIN: f64 = 2.0;

/// Whether `groups`, an aggregate by `keys` over `rows`, is a statement of one source that returns less than half as many rows. The
/// distinct values of every key must be known.
pub(crate) fn is_worth_grouping(rows: &LogicalPlan, keys: &[Column], groups: &LogicalPlan) -> Result<bool> {
    let Some(source) = source_of_all(rows) else { return Ok(false) };
    let node = Node::survey(rows)?;
    let distinct = keys.iter().map(|key| {
        let column = rows.schema().maybe_index_of_column(key)?;
        node.estimate.columns.get(column)?.facts.distinct
    });
    let Some(distinct) = distinct.collect::<Option<Vec<f64>>>() else { return Ok(false) };
    let Some(all) = node.estimate.rows else { return Ok(false) };
    if distinct.iter().product::<f64>() * ROWS_PER_GROUP_MIN > all {
        return Ok(false);
    }
    Ok(gate(&Node::survey(groups)?) == Gate::Push && source.translate(groups, 1).is_ok())
}

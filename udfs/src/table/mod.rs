//! Table functions: from their syntax to the rows they give.
//!
//! ```text
//! planner    FORECAST((query), name => value, ...)  ->  node over the query's needed columns
//! exec       node  ->  partitioned by the ids, sorted by ids and time  ->  one group (series) at a time
//! function   group of rows  ->  rows of the result
//! ```

mod arguments;
mod exec;
mod groups;
mod node;
mod planner;
mod work;

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use headwater_common::Result;
use headwater_timeseries::Cancel;

pub(crate) use arguments::{Arguments, Constant, Spec};
pub(crate) use exec::GroupPlanner;
pub(crate) use groups::split;
pub(crate) use node::{GroupNode, check_names};
pub(crate) use planner::{TableFunctions, needed};

/// What a table function does with the rows of one group. The rows are sorted and hold the columns of [`Call::columns`].
pub(crate) trait GroupFunction: Debug + Send + Sync {
    /// The rows of the result for a group. An error is one of this group.
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch>;

    /// The rows of the result for a group that failed: they say why in their status.
    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch>;

    /// Whether one failed group is an error of the query.
    fn aborts(&self) -> bool;

    /// Memory that a fit takes for each row of its group, in bytes, beside the rows themselves.
    fn bytes_per_row(&self) -> usize;
}

/// A table function with its arguments, bound to the columns of its input.
#[derive(Debug)]
pub(crate) struct Call {
    /// Places of the columns it needs, the ids first.
    pub(crate) columns: Vec<usize>,
    /// How many of them are ids.
    pub(crate) ids: usize,
    /// How many of them, from the first on, the rows are sorted by.
    pub(crate) sorted: usize,
    /// Columns of the result; those of the ids have the names of the ids.
    pub(crate) schema: SchemaRef,
    /// The function.
    pub(crate) function: Arc<dyn GroupFunction>,
}

/// A table function by its name.
pub(crate) struct Definition {
    /// Name in upper case.
    pub(crate) name: &'static str,
    /// Its arguments.
    pub(crate) arguments: &'static [Spec],
    /// Whether a second table may follow the first; its rows are marked by a last column that is true.
    pub(crate) second_table: bool,
    /// Binds the arguments to the columns of the input.
    pub(crate) bind: fn(&Arguments, &[Arc<Field>]) -> Result<Call>,
}

/// Every table function.
pub(crate) const DEFINITIONS: &[Definition] = &[
    crate::series::forecast::DEFINITION,
    crate::series::backtest::DEFINITION,
    crate::series::decompose::DEFINITION,
    crate::series::anomalies::DEFINITION,
    crate::series::change_points::DEFINITION,
    crate::series::periods::DEFINITION,
    crate::rows::outliers::DEFINITION,
];

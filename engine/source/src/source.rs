//! What every source, and every remote database, can do.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};

use crate::diagnosis::Finding;
use crate::metadata::{Discovery, TableMeta, TableName};
use crate::pushdown::Support;
use crate::scan::{Kept, OpenQuery, OpenScan, PartitionBounds, RemoteQuery, RemoteText, ScanCommand, SortKey};

/// A store that a session sees as a catalog.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// Name of the source and of its catalog.
    fn name(&self) -> &str;

    /// Kind of its connector.
    fn kind(&self) -> &'static str;

    /// Where it is, without credentials.
    fn location(&self) -> String;

    /// Reaches the source; returns its product and version.
    async fn check(&self) -> Result<String>;

    /// Finds every schema and table.
    async fn discover(&self) -> Result<Discovery>;

    /// A number that changes when a table was created, altered or dropped; `None` when the source has no cheap one.
    async fn fingerprint(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Whether a reader has found that the last discovery no longer holds.
    fn is_stale(&self) -> bool {
        false
    }

    /// Looks for what is wrong or will be: encryption, missing privileges, old statistics, too few connections.
    async fn diagnose(&self) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// The table as DataFusion sees it.
    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>>;

    /// The source as a remote database, when it is one.
    fn remote(self: Arc<Self>) -> Option<Arc<dyn RemoteSource>> {
        None
    }

    /// Ends its connections.
    async fn close(&self) {}
}

/// A database that computes parts of a query.
///
/// A filter is [`Support::Exact`] only from an allow-list of operator, types and collation.
#[async_trait]
pub trait RemoteSource: Source {
    /// Whether the source computes this filter (columns without qualifier) exactly as Headwater does.
    fn filter_support(&self, table: &TableMeta, filter: &Expr) -> Support;

    /// Whether the source sorts by these keys exactly as Headwater does.
    fn sort_support(&self, table: &TableMeta, keys: &[SortKey]) -> Support;

    /// Whether the source counts rows for `count(*)`.
    fn counts(&self) -> bool {
        false
    }

    /// Splits a scan into at most `target` ranges that together hold every row once.
    async fn partitions(&self, command: &ScanCommand, target: usize) -> Result<Vec<PartitionBounds>>;

    /// The text the source would receive for one range.
    fn render(&self, command: &ScanCommand, bounds: &PartitionBounds) -> Result<RemoteText>;

    /// Starts reading. The stream cancels the work at the source when it is dropped, and ends in an error when the source
    /// breaks off.
    fn open(self: Arc<Self>, scan: OpenScan) -> Result<SendableRecordBatchStream>;

    /// Learns what [`Self::translate`] needs to split statements over these tables, such as the ranges of their keys. What it
    /// cannot learn makes statements slower, never wrong.
    async fn prepare(&self, _tables: &[TableName]) {}

    /// One statement that computes a sub-plan exactly as Headwater does, or every part of it that keeps it here. All scans of
    /// the plan read tables of this source; its column types are those of the plan's schema. `target` is the largest number
    /// of texts the statement is split into.
    fn translate(&self, plan: &LogicalPlan, _target: usize) -> Result<RemoteQuery, Vec<Kept>> {
        let reason = format!("{} sources compute no sub-plans", self.kind());
        Err(vec![Kept::new(plan.display().to_string(), reason)])
    }

    /// Starts one text of a [`RemoteQuery`]. As with [`Self::open`], a dropped stream cancels the work at the source, and a
    /// source that breaks off is an error.
    fn open_query(self: Arc<Self>, _query: OpenQuery) -> Result<SendableRecordBatchStream> {
        Err(Error::internal(format!("{} sources compute no sub-plans", self.kind())))
    }

    /// A text of the source's own language that returns rows, with the columns that the source says it has. It must be one
    /// statement that changes nothing.
    async fn describe(&self, _text: &str) -> Result<RemoteQuery> {
        Err(Error::unsupported(format!("query() is not supported by {} sources", self.kind())))
    }

    /// A view that has parameters, with the texts of its arguments (None is NULL) and the columns that it then has.
    async fn view(&self, _schema: &str, view: &str, _arguments: &[(String, Option<String>)]) -> Result<RemoteQuery> {
        let kind = self.kind();
        Err(Error::unsupported(format!(
            "view \"{view}\" cannot take arguments: {kind} sources have no views with parameters"
        )))
    }

    /// Whether the source gives columns that an INSERT leaves out their defaults. If so, the rows of [`Self::insert`] do not
    /// have these columns; otherwise they have them with nulls.
    fn fills_omitted_columns(&self) -> bool {
        false
    }

    /// Writes all rows in one transaction and returns their number; a failure leaves nothing. The rows have the table's
    /// schema, where every column may be null; see [`Self::fills_omitted_columns`].
    async fn insert(&self, table: &TableMeta, _rows: SendableRecordBatchStream) -> Result<u64> {
        Err(Error::unsupported(format!("INSERT into {} is not supported by {} sources", table.name, self.kind())))
    }

    /// Deletes the rows that pass all filters and returns their number.
    async fn delete(&self, table: &TableMeta, _filters: &[Expr]) -> Result<u64> {
        Err(Error::unsupported(format!("DELETE from {} is not supported by {} sources", table.name, self.kind())))
    }

    /// Updates the rows that pass all filters and returns their number.
    async fn update(&self, table: &TableMeta, _assignments: &[(String, Expr)], _filters: &[Expr]) -> Result<u64> {
        Err(Error::unsupported(format!("UPDATE of {} is not supported by {} sources", table.name, self.kind())))
    }
}

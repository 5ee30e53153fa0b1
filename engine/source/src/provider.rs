//! A table of a remote source as DataFusion sees it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Constraints, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;
use headwater_common::Error;

use crate::error::ErrorExt;
use crate::metadata::{TableKind, TableMeta};
use crate::scan::{PartitionBounds, RemoteScanExec, ScanCommand, limited_rows, sample_filters};
use crate::source::RemoteSource;
use crate::write::{OmittedColumns, RemoteChange, RemoteChangeExec, RemoteSink, assigned};

/// Fewer rows than this are read over one connection.
const ROWS_PER_PARTITION_MIN: u64 = 50_000;

/// A table of a remote source.
pub struct RemoteTable {
    source: Arc<dyn RemoteSource>,
    table: Arc<TableMeta>,
    constraints: Constraints,
    correction: f64,
}

impl fmt::Debug for RemoteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteTable({}.{})", self.source.name(), self.table.name)
    }
}

impl RemoteTable {
    /// The table as described by discovery.
    pub fn new(source: Arc<dyn RemoteSource>, table: Arc<TableMeta>) -> Self {
        let constraints = table.constraints();
        Self { source, table, constraints, correction: 1.0 }
    }

    /// The same table, whose filtered rows are so many times those that its statistics let expect.
    #[must_use]
    pub fn with_correction(&self, factor: f64) -> Self {
        let constraints = self.table.constraints();
        Self { source: Arc::clone(&self.source), table: Arc::clone(&self.table), constraints, correction: factor }
    }

    /// The same table, estimated by the statistics that another look at it found.
    #[must_use]
    pub fn with_statistics_of(&self, other: &TableMeta) -> Self {
        Self {
            correction: self.correction,
            ..Self::new(Arc::clone(&self.source), Arc::new(self.table.with_statistics_of(other)))
        }
    }

    /// What estimates of its filtered rows are to be multiplied by.
    pub fn correction(&self) -> f64 {
        self.correction
    }

    /// The table's description.
    pub fn meta(&self) -> &Arc<TableMeta> {
        &self.table
    }

    /// The source it belongs to.
    pub fn source(&self) -> &Arc<dyn RemoteSource> {
        &self.source
    }

    /// Whether the source finds rows by the values of a column as Headwater compares them.
    pub fn takes_keys(&self, column: &str) -> bool {
        let Ok(field) = self.table.schema.field_with_name(column) else { return false };
        let samples = sample_filters(&Expr::Column(Column::from_name(column)), field.data_type());
        samples.iter().any(|filter| !matches!(self.source.filter_support(&self.table, filter), crate::Support::No(_)))
    }

    /// A scan that returns the number of rows that pass `filters`, when the source counts and every filter is exact.
    pub fn count_scan(&self, filters: &[Expr]) -> Result<Option<RemoteScanExec>> {
        let filters = unqualified(filters)?;
        let exact = filters.iter().all(|f| self.source.filter_support(&self.table, f).is_exact());
        if !exact || !self.source.counts() {
            return Ok(None);
        }
        let command = ScanCommand { filters, count: true, ..self.command() };
        let text = self.source.render(&command, &PartitionBounds::Whole).map_err(ErrorExt::into_datafusion)?;
        RemoteScanExec::try_new(command, Arc::clone(&self.table), vec![PartitionBounds::Whole], text).map(Some)
    }

    /// A table of one row with the number of rows that pass `filters`; `None` when the source does not count them exactly.
    pub fn counted(&self, filters: &[Expr]) -> Result<Option<CountTable>> {
        let Some(scan) = self.count_scan(filters)? else { return Ok(None) };
        Ok(Some(CountTable { scan }))
    }

    fn command(&self) -> ScanCommand {
        ScanCommand {
            source: self.source.name().to_owned(),
            table: self.table.name.clone(),
            columns: Vec::new(),
            filters: Vec::new(),
            order: Vec::new(),
            fetch: None,
            count: false,
        }
    }

    fn check_exact(&self, filters: &[Expr], verb: &str) -> Result<()> {
        for filter in filters {
            match self.source.filter_support(&self.table, filter) {
                crate::Support::Exact => {}
                crate::Support::Superset => {
                    let message =
                        format!("{verb} {}: the source cannot compute the filter {filter} exactly", self.table.name);
                    return Err(Error::unsupported(message).into_datafusion());
                }
                crate::Support::No(reason) => {
                    let message =
                        format!("{verb} {}: the filter {filter} cannot run at the source: {reason}", self.table.name);
                    return Err(Error::unsupported(message).into_datafusion());
                }
            }
        }
        Ok(())
    }

    fn change(&self, change: RemoteChange) -> Arc<dyn ExecutionPlan> {
        Arc::new(RemoteChangeExec::new(self.source.name().to_owned(), Arc::clone(&self.table), change))
    }
}

/// One row with the number of rows of a table, counted by its source.
#[derive(Debug)]
pub struct CountTable {
    scan: RemoteScanExec,
}

#[async_trait]
impl TableProvider for CountTable {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let scan: Arc<dyn ExecutionPlan> = Arc::new(self.scan.clone());
        let Some(indices) = projection.filter(|p| p.as_slice() != [0]) else { return Ok(scan) };
        use datafusion::physical_plan::expressions::Column;
        use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
        let columns = indices.iter().map(|_| ProjectionExpr::new(Arc::new(Column::new("count", 0)), "count".to_owned()));
        Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), scan)?))
    }
}

/// Filters without the qualifiers of their columns.
pub(crate) fn unqualified(filters: &[Expr]) -> Result<Vec<Expr>> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    use datafusion::common::{Column, Spans};
    let strip = |expr: Expr| match expr {
        Expr::Column(c) if c.relation.is_some() => {
            Ok(Transformed::yes(Expr::Column(Column { relation: None, name: c.name, spans: Spans::new() })))
        }
        other => Ok(Transformed::no(other)),
    };
    filters.iter().map(|f| f.clone().transform(strip).map(|t| t.data)).collect()
}

#[async_trait]
impl TableProvider for RemoteTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        match self.table.kind {
            TableKind::View | TableKind::MaterializedView => TableType::View,
            _ => TableType::Base,
        }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        filters
            .iter()
            .map(|f| {
                let filter = unqualified(std::slice::from_ref(*f))?;
                let support = filter.first().map(|f| self.source.filter_support(&self.table, f).to_datafusion());
                Ok(support.unwrap_or(TableProviderFilterPushDown::Unsupported))
            })
            .collect()
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.table.statistics())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut command = self.command();
        let name = |i: usize| self.table.columns.get(i).map(|c| c.name().to_owned());
        command.columns = match projection {
            Some(indices) => indices.iter().filter_map(|i| name(*i)).collect(),
            None => self.table.columns.iter().map(|c| c.name().to_owned()).collect(),
        };
        // DataFusion offers a filter it was told is unsupported to nobody, but a scan must be right for any caller.
        let filters = unqualified(filters)?;
        let support: Vec<_> = filters.iter().map(|f| self.source.filter_support(&self.table, f)).collect();
        let exact = support.iter().all(crate::Support::is_exact);
        command.filters = filters
            .into_iter()
            .zip(&support)
            .filter(|(_, s)| !matches!(s, crate::Support::No(_)))
            .map(|(f, _)| f)
            .collect();
        // A limit counts rows after all filters, so it goes to the source only when the source computes all of them.
        command.fetch = limit.filter(|_| exact).and_then(limited_rows);
        let target = if command.fetch.is_some() { 1 } else { state.config().target_partitions() };
        let target = match self.table.row_count {
            Some(rows) => target.min(usize::try_from(rows / ROWS_PER_PARTITION_MIN + 1).unwrap_or(target)),
            None => target,
        };
        let bounds = match target {
            0 | 1 => vec![PartitionBounds::Whole],
            _ => self.source.partitions(&command, target).await.map_err(ErrorExt::into_datafusion)?,
        };
        let first = bounds.first().cloned().unwrap_or_default();
        let text = self.source.render(&command, &first).map_err(ErrorExt::into_datafusion)?;
        let scan = RemoteScanExec::try_new(command, Arc::clone(&self.table), bounds, text)?;
        Ok(Arc::new(scan.with_correction(self.correction)))
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if insert_op != InsertOp::Append {
            let message =
                format!("INSERT OVERWRITE and REPLACE INTO are not supported for {}; use INSERT INTO", self.table.name);
            return Err(Error::unsupported(message).into_datafusion());
        }
        let omitted = state.config().get_extension::<OmittedColumns>().filter(|_| self.source.fills_omitted_columns());
        let omitted = omitted.unwrap_or_default();
        let sink = RemoteSink::new(self.source.name().to_owned(), Arc::clone(&self.table), &omitted);
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }

    async fn delete_from(&self, _state: &dyn Session, filters: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        let filters = unqualified(&filters)?;
        self.check_exact(&filters, "DELETE from")?;
        Ok(self.change(RemoteChange::Delete { filters }))
    }

    async fn update(
        &self,
        _state: &dyn Session,
        assignments: Vec<(String, Expr)>,
        filters: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filters = unqualified(&filters)?;
        self.check_exact(&filters, "UPDATE of")?;
        let (names, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
        let values = unqualified(&values)?.into_iter().map(assigned);
        let assignments = names.into_iter().zip(values).collect();
        Ok(self.change(RemoteChange::Update { assignments, filters }))
    }
}

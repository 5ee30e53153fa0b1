//! A table of files as DataFusion sees it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics, TableReference};
use datafusion::datasource::TableType;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::Expr;
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_datasource::file_scan_config::FileScanConfigBuilder;
use datafusion_datasource::source::DataSourceExec;
use datafusion_datasource::{PartitionedFile, compute_all_files_statistics};
use headwater_common::Error;
use headwater_source::scan::width;
use headwater_source::{ErrorExt, QueryContext};

use crate::checked::{CheckedSource, ScanGuard};
use crate::infer::{ReadyFile, ReadyTable};
use crate::parquet_file;
use crate::partition;
use crate::source::FilesSource;
use crate::text::scan::TextSource;

/// A table of files.
pub(crate) struct FilesTable {
    source: Arc<FilesSource>,
    table: Arc<ReadyTable>,
}

impl fmt::Debug for FilesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilesTable({})", self.table.name)
    }
}

impl FilesTable {
    pub(crate) fn new(source: Arc<FilesSource>, table: Arc<ReadyTable>) -> Self {
        Self { source, table }
    }

    fn read_only<T>(&self, verb: &str) -> Result<T> {
        let message = format!("{verb} {} is not supported: tables of a files source are only read", self.table.name);
        Err(Error::unsupported(message).into_datafusion())
    }

    fn file_source(
        &self,
        state: &dyn Session,
        table: &ReadyTable,
        guard: Arc<ScanGuard>,
        ratio: u64,
    ) -> Arc<dyn FileSource> {
        let schema = table.schema.clone();
        let inner: Arc<dyn FileSource> = match &table.text {
            Some(format) => Arc::new(TextSource::new(format.clone(), ratio, schema)),
            None => {
                let mut options =
                    TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
                // INT96 counts days and nanoseconds; as microseconds every year of it fits.
                options.global.coerce_int96 = Some("us".to_owned());
                Arc::new(ParquetSource::new(schema).with_table_parquet_options(options))
            }
        };
        Arc::new(CheckedSource::new(inner, guard))
    }
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.table.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let fields: Vec<_> = self.table.schema.table_partition_cols().iter().map(Arc::clone).collect();
        let support = |filter: &&Expr| match partition::is_of(filter, &fields) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let files: Vec<&ReadyFile> = self.table.files.iter().collect();
        let groups = vec![FileGroup::new(partitioned(&self.table, files))];
        let merged = compute_all_files_statistics(groups, self.schema(), true, true);
        merged.ok().map(|(_, statistics)| statistics)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let query = state.config().get_extension::<QueryContext>();
        let limits = query.map_or_else(|| Arc::clone(self.source.limits()), |q| Arc::clone(&q.limits));
        let (table, store) = self.source.current(&self.table).await.map_err(ErrorExt::into_datafusion)?;
        let fields: Vec<_> = table.schema.table_partition_cols().iter().map(Arc::clone).collect();
        let values: Vec<_> = table.files.iter().map(|f| f.values.clone()).collect();
        let kept = partition::kept(state, &fields, &values, filters)?;
        let files: Vec<&ReadyFile> = table.files.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(f, _)| f).collect();
        let schema = Arc::clone(table.schema.table_schema());
        if files.is_empty() {
            let projected = projection.map(|p| schema.project(p)).transpose()?.map_or(schema, Arc::new);
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        check_intervals(&table, &files, projection)?;
        let groups = FileGroup::new(partitioned(&table, files)).split_files(state.config().target_partitions());
        let (groups, statistics) = compute_all_files_statistics(groups, schema, true, false)?;
        let url = ObjectStoreUrl::parse(self.source.store_url())?;
        state.runtime_env().register_object_store(url.as_ref(), store);
        let ratio = limits.decompression_ratio;
        let guard = Arc::new(ScanGuard::new(self.source.source_name(), limits, Arc::clone(self.source.stale())));
        let source = self.file_source(state, &table, guard, ratio);
        // A limit counts rows after all filters; those on other columns than the partitions' are computed above.
        let pruned = filters.iter().all(|f| partition::is_of(f, &fields));
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| pruned))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    async fn insert_into(&self, _: &dyn Session, _: Arc<dyn ExecutionPlan>, _: InsertOp) -> Result<Arc<dyn ExecutionPlan>> {
        self.read_only("INSERT into")
    }

    async fn delete_from(&self, _: &dyn Session, _: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        self.read_only("DELETE from")
    }

    async fn update(&self, _: &dyn Session, _: Vec<(String, Expr)>, _: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        self.read_only("UPDATE of")
    }
}

/// Refuses to read a column that would lose a part of its values.
fn check_intervals(table: &ReadyTable, files: &[&ReadyFile], projection: Option<&Vec<usize>>) -> Result<()> {
    let schema = table.schema.table_schema();
    let is_read = |name: &str| match (projection, schema.index_of(name)) {
        (Some(wanted), Ok(place)) => wanted.contains(&place),
        (_, found) => found.is_ok(),
    };
    let mut lossy = files.iter().filter_map(|file| file.footer.as_ref()).flat_map(parquet_file::intervals);
    let Some(column) = lossy.find(|name| is_read(name)) else { return Ok(()) };
    let message = format!(
        "column \"{column}\" of {} is an INTERVAL of Parquet, whose months cannot be read; leave it out, or write the file \
         with a text or numbers in its place",
        table.name
    );
    Err(Error::unsupported(message).into_datafusion())
}

fn partitioned(table: &ReadyTable, files: Vec<&ReadyFile>) -> Vec<PartitionedFile> {
    let reference = TableReference::partial(table.name.schema.clone(), table.name.table.clone());
    let file = |file: &ReadyFile| {
        let mut part = PartitionedFile::new_from_meta(file.meta.clone())
            .with_partition_values(file.values.clone())
            .with_table_reference(Some(reference.clone()))
            .with_extension(file.codec);
        if let Some(footer) = &file.footer {
            part = part.with_extension(footer.clone());
        }
        let guessed = || Arc::new(guessed(file, table.schema.file_schema()));
        part = part.with_statistics(file.statistics.as_ref().map_or_else(guessed, Arc::clone));
        correct_nulls(&mut part);
        part
    };
    files.into_iter().map(file).collect()
}

/// A file that does not say how many rows it has holds about as many as its bytes make.
fn guessed(file: &ReadyFile, schema: &SchemaRef) -> Statistics {
    let row_bytes: f64 = 1.0 + schema.fields().iter().map(|f| width(f.data_type())).sum::<f64>();
    let rows = (file.meta.size as f64 / row_bytes).ceil().max(1.0);
    Statistics { num_rows: Precision::Inexact(rows as usize), ..Statistics::new_unknown(schema) }
}

/// A folder that stands for null gives a column of nulls; DataFusion takes values of folders for never null.
fn correct_nulls(part: &mut PartitionedFile) {
    let Some(statistics) = part.statistics.as_mut().filter(|_| part.partition_values.iter().any(ScalarValue::is_null))
    else {
        return;
    };
    let statistics = Arc::make_mut(statistics);
    let rows = statistics.num_rows;
    let first = statistics.column_statistics.len().saturating_sub(part.partition_values.len());
    for (column, value) in statistics.column_statistics.iter_mut().skip(first).zip(&part.partition_values) {
        if value.is_null() {
            *column = ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() };
        }
    }
}

//! A file source that reads only the planned files, keeps the limits of a query, and names the file in every error.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_scan_config::FileScanConfig;
use datafusion_datasource::file_stream::FileOpener;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use datafusion_datasource::{PartitionedFile, TableSchema};
use futures::StreamExt;
use futures::stream::BoxStream;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Limits, Result};
use headwater_source::ErrorExt;
use object_store::ObjectStore;

use crate::error::wrap;
use crate::float_filters::can_prune;
use crate::parquet_file::FooterReaderFactory;
use crate::store::pinned::PinnedStore;

/// What all partitions of one scan share.
#[derive(Debug)]
pub(crate) struct ScanGuard {
    source: String,
    limits: Arc<Limits>,
    stale: Arc<AtomicBool>,
    started: Stopwatch,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl ScanGuard {
    pub(crate) fn new(source: &str, limits: Arc<Limits>, stale: Arc<AtomicBool>) -> Self {
        let (rows, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { source: source.to_owned(), limits, stale, started: Stopwatch::start(), rows, bytes }
    }

    fn admit(&self, batch: &RecordBatch) -> Result<()> {
        let (rows, bytes) = (batch.num_rows() as u64, batch.get_array_memory_size() as u64);
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let limits = &self.limits;
        Limits::check("rows read in one scan", rows, limits.source_rows, "source_rows")?;
        Limits::check("bytes read in one scan", bytes, limits.source_bytes, "source_bytes")?;
        if limits.source_time_ms > 0 && self.started.elapsed_ms() > limits.source_time_ms {
            let message = format!("reading took longer than {} ms", limits.source_time_ms);
            return Err(Error::timeout(message, "limits.source_time_ms"));
        }
        Ok(())
    }
}

/// Wraps the source of one format.
pub(crate) struct CheckedSource {
    inner: Arc<dyn FileSource>,
    guard: Arc<ScanGuard>,
}

impl CheckedSource {
    pub(crate) fn new(inner: Arc<dyn FileSource>, guard: Arc<ScanGuard>) -> Self {
        Self { inner, guard }
    }

    fn with(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, guard: Arc::clone(&self.guard) })
    }

    fn pinned(&self, store: Arc<dyn ObjectStore>, config: &FileScanConfig) -> Arc<dyn ObjectStore> {
        let files = config.file_groups.iter().flat_map(|g| g.iter().map(|f| f.object_meta.clone()));
        Arc::new(PinnedStore::new(store, files, Arc::clone(&self.guard.stale)))
    }
}

impl FileSource for CheckedSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(self.pinned(store, config), config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DataFusionResult<Box<dyn Morselizer>> {
        let store = self.pinned(store, config);
        let inner = match self.inner.downcast_ref::<ParquetSource>() {
            Some(parquet) => {
                let factory = Arc::new(FooterReaderFactory::new(Arc::clone(&store)));
                let parquet = parquet.clone().with_parquet_file_reader_factory(factory);
                parquet.create_morselizer(store, config, partition)?
            }
            None => self.inner.create_morselizer(store, config, partition)?,
        };
        Ok(Box::new(CheckedMorselizer { inner, guard: Arc::clone(&self.guard) }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.with(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> DataFusionResult<Option<FileScanConfig>> {
        self.inner.repartitioned(target_partitions, file_min_size, output_ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> DataFusionResult<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let schema = self.inner.table_schema().table_schema();
        let prunes: Vec<bool> = filters.iter().map(|f| can_prune(f, schema)).collect();
        let offered = filters.into_iter().zip(&prunes).filter(|(_, prunes)| **prunes).map(|(f, _)| f).collect();
        let pushed = self.inner.try_pushdown_filters(offered, config)?;
        let updated_node = pushed.updated_node.map(|inner| self.with(inner));
        let mut answers = pushed.filters.into_iter();
        let filters =
            prunes.into_iter().map(|prunes| if prunes { answers.next().unwrap_or(PushedDown::No) } else { PushedDown::No });
        Ok(FilterPushdownPropagation { filters: filters.collect(), updated_node })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> DataFusionResult<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        self.inner.try_pushdown_sort(order, properties)?.try_map(|inner| Ok(self.with(inner)))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.with(inner)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

#[derive(Debug)]
struct CheckedMorselizer {
    inner: Box<dyn Morselizer>,
    guard: Arc<ScanGuard>,
}

impl Morselizer for CheckedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> DataFusionResult<Box<dyn MorselPlanner>> {
        let place = Place { guard: Arc::clone(&self.guard), path: file.object_meta.location.to_string().into() };
        let inner = self.inner.plan_file(file).map_err(|e| place.named(e))?;
        Ok(place.planner(inner))
    }
}

/// The file that is read.
#[derive(Debug, Clone)]
struct Place {
    guard: Arc<ScanGuard>,
    path: Arc<str>,
}

impl Place {
    fn named(&self, error: DataFusionError) -> DataFusionError {
        wrap(&self.guard.source, &self.path, error)
    }

    fn planner(&self, inner: Box<dyn MorselPlanner>) -> Box<dyn MorselPlanner> {
        Box::new(CheckedPlanner { inner, place: self.clone() })
    }
}

#[derive(Debug)]
struct CheckedPlanner {
    inner: Box<dyn MorselPlanner>,
    place: Place,
}

impl MorselPlanner for CheckedPlanner {
    fn plan(self: Box<Self>) -> DataFusionResult<Option<MorselPlan>> {
        let place = self.place;
        let Some(mut plan) = self.inner.plan().map_err(|e| place.named(e))? else { return Ok(None) };
        let morsels = plan.take_morsels().into_iter();
        let morsels = morsels.map(|inner| Box::new(CheckedMorsel { inner, place: place.clone() }) as Box<dyn Morsel>);
        let mut checked = MorselPlan::new().with_morsels(morsels.collect());
        checked = checked.with_planners(plan.take_ready_planners().into_iter().map(|p| place.planner(p)).collect());
        if let Some(pending) = plan.take_pending_planner() {
            checked.set_pending_planner(async move {
                let inner = pending.await.map_err(|e| place.named(e))?;
                Ok(place.planner(inner))
            });
        }
        Ok(Some(checked))
    }
}

#[derive(Debug)]
struct CheckedMorsel {
    inner: Box<dyn Morsel>,
    place: Place,
}

impl Morsel for CheckedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, DataFusionResult<RecordBatch>> {
        let place = self.place;
        let checked = self.inner.into_stream().map(move |batch| {
            let batch = batch.map_err(|e| place.named(e))?;
            let admitted = place.guard.admit(&batch).map_err(|e| e.from_source(place.guard.source.clone()));
            admitted.map(|()| batch).map_err(ErrorExt::into_datafusion)
        });
        checked.boxed()
    }
}

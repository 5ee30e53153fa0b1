//! The scan of CSV, JSON and Arrow files: a stream of bytes through a decoder.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion_datasource::file::FileSource;
use datafusion_datasource::file_scan_config::FileScanConfig;
use datafusion_datasource::file_stream::{FileOpenFuture, FileOpener};
use datafusion_datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion_datasource::{PartitionedFile, TableSchema};
use futures::StreamExt;
use futures::stream::BoxStream;
use headwater_common::Result;
use headwater_source::ErrorExt;
use object_store::{ObjectStore, ObjectStoreExt};

use super::compression::{Codec, Decompressor};
use crate::arrow_file::ArrowDecoder;
use crate::csv::decode::{CsvDecoder, CsvPlan};
use crate::json::decode::{JsonDecoder, JsonPlan};
use crate::options::{CsvOptions, JsonOptions};

/// How the bytes become rows.
#[derive(Debug, Clone)]
pub(crate) enum TextFormat {
    /// With the names of the columns whose types were declared.
    Csv(CsvOptions, Arc<Vec<String>>),
    /// With whether all columns were declared, and whether texts hold objects and lists.
    Json(JsonOptions, bool, bool),
    Arrow,
}

/// Reads files of one format.
#[derive(Debug, Clone)]
pub(crate) struct TextSource {
    format: TextFormat,
    ratio: u64,
    table_schema: TableSchema,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl TextSource {
    /// A source of all columns; `ratio` is the limit of decompression.
    pub(crate) fn new(format: TextFormat, ratio: u64, table_schema: TableSchema) -> Self {
        let projection = SplitProjection::unprojected(&table_schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { format, ratio, table_schema, projection, batch_rows: 8_192, metrics }
    }

    fn decoder(&self) -> Result<Decoder> {
        let file_schema = self.table_schema.file_schema();
        let wanted = self.projection.file_indices.clone();
        let project = || {
            let fields = wanted.iter().map(|i| Arc::clone(&file_schema.fields()[*i]));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        Ok(match &self.format {
            TextFormat::Csv(options, declared) => {
                let schema: SchemaRef = project();
                let declared = schema.fields().iter().map(|f| declared.contains(f.name())).collect();
                let folders = self.table_schema.table_partition_cols().iter();
                let known = Arc::new(file_schema.fields().iter().chain(folders).map(|f| f.name().clone()).collect());
                let options = options.clone();
                Decoder::Csv(Box::new(CsvDecoder::new(CsvPlan {
                    schema,
                    declared,
                    known,
                    options,
                    batch_rows: self.batch_rows,
                })))
            }
            TextFormat::Json(options, declared, nested_texts) => {
                let schema = Arc::clone(file_schema);
                let (sample_rows, batch_rows) = (options.sample_rows, self.batch_rows);
                let (declared, nested_texts) = (*declared, *nested_texts);
                let plan = JsonPlan { schema, projection: wanted, declared, nested_texts, sample_rows, batch_rows };
                Decoder::Json(Box::new(JsonDecoder::new(plan)?))
            }
            TextFormat::Arrow => Decoder::Arrow(Box::new(ArrowDecoder::new(project(), self.ratio))),
        })
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let bytes_scanned = MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition);
        let opener = TextOpener { source: self.clone(), store, bytes_scanned };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.table_schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        match self.format {
            TextFormat::Csv(..) => "csv",
            TextFormat::Json(..) => "json",
            TextFormat::Arrow => "arrow",
        }
    }

    /// A quote or a compressed block can span any position, so a file is read by one reader.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.table_schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }
}

struct TextOpener {
    source: TextSource,
    store: Arc<dyn ObjectStore>,
    bytes_scanned: Count,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let codec = file.extension::<Codec>().copied().unwrap_or(Codec::None);
        let decompressor = Decompressor::new(codec, self.source.ratio).map_err(ErrorExt::into_datafusion)?;
        let decoder = self.source.decoder().map_err(ErrorExt::into_datafusion)?;
        let (store, counter) = (Arc::clone(&self.store), self.bytes_scanned.clone());
        Ok(Box::pin(async move {
            let bytes = store.get(&file.object_meta.location).await?.into_stream();
            let bytes = bytes.map(move |piece| piece.inspect(|p| counter.add(p.len())).map_err(DataFusionError::from));
            Ok(decode(bytes.boxed(), decompressor, decoder))
        }))
    }
}

/// One file's decoder.
enum Decoder {
    Csv(Box<CsvDecoder>),
    Json(Box<JsonDecoder>),
    Arrow(Box<ArrowDecoder>),
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Csv(d) => d.push(bytes),
            Self::Json(d) => d.push(bytes),
            Self::Arrow(d) => d.push(bytes),
        }
    }

    fn finish(&mut self) -> Result<()> {
        match self {
            Self::Csv(d) => d.finish(),
            Self::Json(d) => d.finish(),
            Self::Arrow(d) => d.finish(),
        }
    }

    fn take_ready(&mut self) -> Vec<RecordBatch> {
        match self {
            Self::Csv(d) => d.take_ready(),
            Self::Json(d) => d.take_ready(),
            Self::Arrow(d) => d.take_ready(),
        }
    }
}

struct Decoding {
    bytes: BoxStream<'static, DataFusionResult<Bytes>>,
    /// What is left of the last piece, so that a piece that decodes to much more is passed on in steps.
    piece: Bytes,
    decompressor: Decompressor,
    decoder: Decoder,
    ready: std::collections::VecDeque<RecordBatch>,
    ended: bool,
}

/// Bytes that are decoded before the rows are passed on.
const PIECE: usize = 256 << 10;

fn decode(
    bytes: BoxStream<'static, DataFusionResult<Bytes>>,
    decompressor: Decompressor,
    decoder: Decoder,
) -> BoxStream<'static, DataFusionResult<RecordBatch>> {
    let state = Decoding { bytes, piece: Bytes::new(), decompressor, decoder, ready: Default::default(), ended: false };
    futures::stream::try_unfold(state, |mut s| async move {
        loop {
            if let Some(batch) = s.ready.pop_front() {
                return Ok(Some((batch, s)));
            }
            if s.ended {
                return Ok(None);
            }
            if s.piece.is_empty() {
                match s.bytes.next().await {
                    Some(piece) => s.piece = piece?,
                    None => s.ended = true,
                }
            }
            s.step().map_err(ErrorExt::into_datafusion)?;
        }
    })
    .boxed()
}

impl Decoding {
    fn step(&mut self) -> Result<()> {
        let piece = self.piece.split_to(self.piece.len().min(PIECE));
        let decoder = &mut self.decoder;
        self.decompressor.push(&piece, &mut |bytes| decoder.push(bytes))?;
        if self.ended {
            self.decompressor.finish(&mut |bytes| decoder.push(bytes))?;
            decoder.finish()?;
        }
        self.ready.extend(self.decoder.take_ready());
        Ok(())
    }
}

impl fmt::Debug for TextOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextOpener({})", self.source.file_type())
    }
}

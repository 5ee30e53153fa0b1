//! Parquet: schema and statistics from the footer, and a reader that does not read the footer again.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::common::stats::Precision;
use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{
    DefaultParquetFileReaderFactory, Int96Coercer, transform_binary_to_string,
};
use datafusion::error::Result as DataFusionResult;
use datafusion::parquet::arrow::ARROW_SCHEMA_META_KEY;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::ConvertedType;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::PartitionedFile;
use futures::FutureExt;
use futures::future::BoxFuture;
use headwater_common::{Error, Limits, Result};
use object_store::{ObjectMeta, ObjectStore};

/// Bytes read from the end of a file at first.
const FOOTER_HINT: usize = 64 << 10;
/// Declared sizes up to here are never refused.
const FREE: u64 = 64 << 20;

/// A file's footer, attached to the file of a scan.
#[derive(Debug, Clone)]
pub(crate) struct Footer(pub(crate) Arc<ParquetMetaData>);

/// Reads the footer and the schema in it.
pub(crate) async fn footer(
    store: &dyn ObjectStore,
    meta: &ObjectMeta,
    binary_as_string: bool,
    ratio: u64,
) -> DataFusionResult<(Footer, SchemaRef)> {
    use headwater_source::ErrorExt;
    if meta.size == 0 {
        return Err(Error::invalid("the file is empty").into_datafusion());
    }
    let read = DFParquetMetadata::new(store, meta).with_metadata_size_hint(Some(FOOTER_HINT));
    // The decoder panics on some broken footers.
    let metadata = std::panic::AssertUnwindSafe(read.fetch_metadata()).catch_unwind().await;
    let metadata = metadata.map_err(|_| Error::invalid("the footer is broken").into_datafusion())??;
    check(&metadata, meta.size, ratio).map_err(ErrorExt::into_datafusion)?;
    let file = metadata.file_metadata();
    let mut schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    if let Some(coerced) = Int96Coercer::new(file.schema_descr(), &schema, &TimeUnit::Microsecond).coerce() {
        schema = coerced;
    }
    if binary_as_string {
        schema = transform_binary_to_string(&schema);
    }
    // Metadata of writers differs from file to file and means nothing here.
    let schema = Schema::new(schema.fields().clone());
    Ok((Footer(metadata), Arc::new(schema)))
}

/// A footer that promises more than its bytes can hold is refused.
fn check(metadata: &ParquetMetaData, size: u64, ratio: u64) -> Result<()> {
    for group in metadata.row_groups() {
        if group.num_rows() < 0 || group.total_byte_size() < 0 || group.compressed_size() < 0 {
            return Err(Error::invalid("the footer is broken: negative sizes"));
        }
        let declared = group.total_byte_size().unsigned_abs();
        if ratio > 0 {
            Limits::check(
                "bytes declared by a row group",
                declared,
                size.saturating_mul(ratio).max(FREE),
                "decompression_ratio",
            )?;
        }
    }
    Ok(())
}

/// Columns with a part of Parquet's type INTERVAL, of which the reader drops the months. Arrow's writers leave the parts out that their
/// type does not have, and say which it is.
pub(crate) fn intervals(footer: &Footer) -> Vec<&str> {
    let file = footer.0.file_metadata();
    if file.key_value_metadata().is_some_and(|all| all.iter().any(|entry| entry.key == ARROW_SCHEMA_META_KEY)) {
        return Vec::new();
    }
    let columns = file.schema_descr().columns().iter();
    let found = columns.filter(|column| column.converted_type() == ConvertedType::INTERVAL);
    found.filter_map(|column| column.path().parts().first().map(String::as_str)).collect()
}

/// Row count, nulls, smallest and largest values of a file, for the columns of its table.
pub(crate) fn statistics(footer: &Footer, schema: &SchemaRef) -> DataFusionResult<Statistics> {
    let mut statistics = DFParquetMetadata::statistics_from_parquet_metadata(&footer.0, schema)?;
    for (column, field) in statistics.column_statistics.iter_mut().zip(schema.fields()) {
        column.min_value = bound(&column.min_value, field.data_type());
        column.max_value = bound(&column.max_value, field.data_type());
    }
    Ok(statistics)
}

/// A smallest or largest value as one of the column's type.
fn bound(value: &Precision<ScalarValue>, to: &DataType) -> Precision<ScalarValue> {
    let Some(known) = value.get_value().filter(|v| !v.is_null()) else { return Precision::Absent };
    let Ok(cast) = known.cast_to(to) else { return Precision::Absent };
    // Writers leave NaN out, so the values of floats do not answer min and max.
    let float = matches!(to, DataType::Float16 | DataType::Float32 | DataType::Float64);
    if float || value.is_exact() != Some(true) { Precision::Inexact(cast) } else { Precision::Exact(cast) }
}

/// Makes readers that take the footer from the file of the scan.
#[derive(Debug)]
pub(crate) struct FooterReaderFactory {
    inner: DefaultParquetFileReaderFactory,
}

impl FooterReaderFactory {
    pub(crate) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { inner: DefaultParquetFileReaderFactory::new(store) }
    }
}

impl ParquetFileReaderFactory for FooterReaderFactory {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        let footer = file.extension::<Footer>().cloned();
        let inner = self.inner.create_reader(partition, file, hint, metrics)?;
        Ok(Box::new(FooterReader { inner, footer }))
    }
}

struct FooterReader {
    inner: Box<dyn AsyncFileReader + Send>,
    footer: Option<Footer>,
}

impl fmt::Debug for FooterReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FooterReader").finish_non_exhaustive()
    }
}

impl AsyncFileReader for FooterReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        match &self.footer {
            Some(footer) => futures::future::ready(Ok(Arc::clone(&footer.0))).boxed(),
            None => self.inner.get_metadata(options),
        }
    }
}

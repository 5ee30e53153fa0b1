//! Record batches from the bytes of a CSV file.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::SchemaRef;
use headwater_common::{Error, Result};

use super::infer::{check_width, header};
use super::records::{Record, Records};
use crate::options::CsvOptions;
use crate::text::column::{ColumnBuilder, Rounding};

/// A batch is passed on when its texts have this many bytes.
const BATCH_BYTES: usize = 32 << 20;

/// What the scan asks of a file.
#[derive(Debug, Clone)]
pub(crate) struct CsvPlan {
    /// The table's columns that are wanted, in order.
    pub(crate) schema: SchemaRef,
    /// For each of them, whether its type was declared rather than inferred.
    pub(crate) declared: Vec<bool>,
    /// All columns of the table that files hold.
    pub(crate) known: Arc<Vec<String>>,
    pub(crate) options: CsvOptions,
    pub(crate) batch_rows: usize,
}

/// Decodes one file.
#[derive(Debug)]
pub(crate) struct CsvDecoder {
    plan: CsvPlan,
    records: Records,
    record: Record,
    /// Wanted column by position in the file; set by the header.
    places: Option<Vec<Option<usize>>>,
    width: usize,
    builders: Vec<ColumnBuilder>,
    /// Lines of the rows in the builders.
    lines: Vec<u64>,
    bytes: usize,
    ready: Vec<RecordBatch>,
}

impl CsvDecoder {
    pub(crate) fn new(plan: CsvPlan) -> Self {
        let fields = plan.schema.fields().iter().zip(&plan.declared);
        let rounding = |declared: bool| if declared { Rounding::Declared } else { Rounding::Never };
        let builders = fields.map(|(f, declared)| ColumnBuilder::new(f.data_type(), rounding(*declared))).collect();
        let records = Records::new(&plan.options);
        let record = Record::default();
        Self { plan, records, record, places: None, width: 0, builders, lines: Vec::new(), bytes: 0, ready: Vec::new() }
    }

    /// Reads bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.records.push(bytes);
        self.take(false)
    }

    /// Reads what is left at the end of the file.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.take(true)?;
        self.flush()
    }

    /// The batches that are whole.
    pub(crate) fn take_ready(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.ready)
    }

    fn take(&mut self, end: bool) -> Result<()> {
        let mut record = std::mem::take(&mut self.record);
        while self.records.next(&mut record, end)? {
            if self.places.is_none() {
                self.start(&record)?;
                if self.plan.options.header {
                    continue;
                }
            }
            self.row(&record)?;
            if self.lines.len() >= self.plan.batch_rows || self.bytes >= BATCH_BYTES {
                self.flush()?;
            }
        }
        self.record = record;
        Ok(())
    }

    fn start(&mut self, record: &Record) -> Result<()> {
        let names = header(record, &self.plan.options)?;
        if let Some(unknown) = names.iter().find(|n| !self.plan.known.contains(&n.name)) {
            let message = format!("column \"{}\" is new; run REFRESH SOURCE and try again", unknown.name);
            return Err(Error::invalid(message).retryable(true));
        }
        let wanted = self.plan.schema.fields().iter();
        self.places = Some(wanted.map(|f| names.iter().position(|n| n.name == *f.name())).collect());
        self.width = names.len();
        if self.width == 1 {
            self.records.set_single_column();
        }
        Ok(())
    }

    fn row(&mut self, record: &Record) -> Result<()> {
        check_width(record, self.width, &self.plan.options)?;
        let places = self.places.as_deref().unwrap_or_default();
        for (wanted, (builder, place)) in self.builders.iter_mut().zip(places).enumerate() {
            let Some(place) = place.filter(|p| *p < record.len()) else {
                builder.append_null();
                continue;
            };
            let text = record.text(place)?;
            self.bytes += text.len();
            if self.plan.options.is_null(text) || (text.is_empty() && !builder.holds_empty()) {
                builder.append_null();
            } else if !builder.append(text) {
                return Err(misfit(&self.plan, wanted, record.line));
            }
        }
        self.lines.push(record.line);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut columns = Vec::with_capacity(self.builders.len());
        let places = self.places.as_deref().unwrap_or_default();
        for (wanted, builder) in self.builders.iter_mut().enumerate() {
            let array = builder
                .finish()
                .map_err(|row| misfit(&self.plan, wanted, self.lines.get(row).copied().unwrap_or_default()))?;
            let missing = places.get(wanted).is_some_and(Option::is_none);
            columns.push(if missing { new_null_array(array.data_type(), array.len()) } else { array });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.lines.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.plan.schema), columns, &options);
        self.ready.push(batch.map_err(|e| Error::internal(format!("CSV batch: {e}")))?);
        self.lines.clear();
        self.bytes = 0;
        Ok(())
    }
}

/// A text that is not a value of its column's type: where, and what to do.
fn misfit(plan: &CsvPlan, wanted: usize, line: u64) -> Error {
    let field = plan.schema.field(wanted);
    let name = field.name();
    let remedy = match plan.declared.get(wanted) {
        Some(true) => "change its type in the option columns".to_owned(),
        _ => format!(
            "its type was inferred from the first {} rows; declare it, such as columns.TABLE = '\"{name}\" TEXT', \
             or raise csv_sample_rows",
            plan.options.sample_rows
        ),
    };
    Error::invalid(format!("line {line}: the value of column \"{name}\" is not a {}; {remedy}", field.data_type()))
}

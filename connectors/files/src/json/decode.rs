//! Record batches from the bytes of a JSON file. Scalars are first read as they are written, then parsed strictly.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use headwater_common::{Error, Result};

use super::array::Elements;
use super::nested::NestedTexts;
use super::shape::Shape;
use crate::text::column::{ColumnBuilder, Rounding};

/// What the scan asks of a file.
#[derive(Debug, Clone)]
pub(crate) struct JsonPlan {
    /// All columns of the table that files hold.
    pub(crate) schema: SchemaRef,
    /// The columns that are wanted, by position.
    pub(crate) projection: Vec<usize>,
    /// Whether the columns were declared: other fields are then ignored, and floats may round.
    pub(crate) declared: bool,
    /// Whether columns of text take the JSON text of objects and lists.
    pub(crate) nested_texts: bool,
    pub(crate) sample_rows: u64,
    pub(crate) batch_rows: usize,
}

/// Decodes one file.
#[derive(Debug)]
pub(crate) struct JsonDecoder {
    plan: JsonPlan,
    elements: Elements,
    nested: Option<NestedTexts>,
    decoder: arrow::json::reader::Decoder,
    rows: u64,
    scratch: Vec<u8>,
    ready: Vec<RecordBatch>,
}

impl JsonDecoder {
    pub(crate) fn new(plan: JsonPlan) -> Result<Self> {
        let fields = plan.schema.fields().iter().map(|f| Field::new(f.name(), text_type(f.data_type()), true));
        let texts = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let decoder = arrow::json::ReaderBuilder::new(texts)
            .with_batch_size(plan.batch_rows)
            .with_coerce_primitive(true)
            .with_strict_mode(!plan.declared)
            .build_decoder()
            .map_err(|e| Error::internal(format!("JSON decoder: {e}")))?;
        let nested = plan.nested_texts.then(|| NestedTexts::new(plan.schema.fields()));
        Ok(Self { plan, elements: Elements::new(), nested, decoder, rows: 0, scratch: Vec::new(), ready: Vec::new() })
    }

    /// Reads bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let values = self.elements.push(bytes, &mut scratch)?;
        let result = match self.nested.as_mut() {
            None => self.values(values),
            Some(nested) => {
                let mut texts = Vec::new();
                nested.push(values, &mut texts);
                self.values(&texts)
            }
        };
        self.scratch = scratch;
        result
    }

    /// Reads what is left at the end of the file.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.elements.finish()?;
        // A number at the very end is only known to be whole by what follows it.
        self.values(b"\n")?;
        if self.decoder.has_partial_record() {
            // The row that is not whole is counted among those of the decoder.
            let row = self.rows + (self.decoder.len() as u64).max(1);
            return Err(Error::invalid(format!("row {row}: the value is cut off")));
        }
        self.flush()
    }

    /// The batches that are whole.
    pub(crate) fn take_ready(&mut self) -> Vec<RecordBatch> {
        std::mem::take(&mut self.ready)
    }

    fn values(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let taken = self.decoder.decode(bytes).map_err(|e| self.broken(&e))?;
            bytes = &bytes[taken..];
            if !bytes.is_empty() || self.decoder.len() >= self.plan.batch_rows {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Some(texts) = self.decoder.flush().map_err(|e| self.broken(&e))? else { return Ok(()) };
        let rounding = if self.plan.declared { Rounding::Declared } else { Rounding::Fractions };
        let mut columns = Vec::with_capacity(self.plan.projection.len());
        // Every column is parsed, wanted or not: a row that does not fit is an error for every query.
        for (i, field) in self.plan.schema.fields().iter().enumerate() {
            let converted = convert(texts.column(i), field.data_type(), rounding);
            columns.push(converted.map_err(|row| self.misfit(field, row))?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)
            .and_then(|b| b.project(&self.plan.projection))
            .map_err(|e| Error::internal(format!("JSON batch: {e}")))?;
        self.rows += batch.num_rows() as u64;
        self.ready.push(batch);
        Ok(())
    }

    fn misfit(&self, field: &Field, row: usize) -> Error {
        let row = self.rows + row as u64 + 1;
        let message = format!(
            "row {row}: the value of column \"{}\" is not a {}; {}",
            field.name(),
            field.data_type(),
            self.remedy()
        );
        Error::invalid(message)
    }

    fn remedy(&self) -> String {
        let rows = self.plan.sample_rows;
        match self.plan.declared {
            true => "change its type in the option columns".to_owned(),
            false => {
                format!("types were inferred from the first {rows} rows; raise json_sample_rows or declare columns.TABLE")
            }
        }
    }

    /// The decoder's messages quote values, so only the names of fields are taken from them.
    fn broken(&self, error: &ArrowError) -> Error {
        let text = error.to_string();
        let field =
            |marker: &str| text.split_once(marker).and_then(|(_, rest)| rest.split_once('\'')).map(|(name, _)| name);
        let (from, to) = (self.rows + 1, self.rows + self.decoder.len() as u64 + 1);
        let rows = if from == to { format!("row {from}") } else { format!("rows {from} to {to}") };
        if let Some(name) = field("column '") {
            return Error::invalid(format!("{rows}: field \"{name}\" is not a column; {}", self.remedy()));
        }
        match field("field '") {
            Some(name) => {
                Error::invalid(format!("{rows}: a value of field \"{name}\" has another shape; {}", self.remedy()))
            }
            None => Error::invalid(format!("{rows}: not a JSON object")),
        }
    }
}

/// The same type with all scalars as text.
fn text_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Struct(fields) => {
            let fields = fields.iter().map(|f| Field::new(f.name(), text_type(f.data_type()), true));
            DataType::Struct(fields.collect())
        }
        DataType::List(item) => DataType::List(Field::new(item.name(), text_type(item.data_type()), true).into()),
        _ => DataType::Utf8,
    }
}

/// Parses all texts of a column; on failure the row.
fn convert(texts: &ArrayRef, to: &DataType, rounding: Rounding) -> Result<ArrayRef, usize> {
    match to {
        DataType::Utf8 => Ok(Arc::clone(texts)),
        DataType::Struct(fields) => {
            let group = texts.as_struct();
            let children = group.columns().iter().zip(fields).map(|(c, f)| convert(c, f.data_type(), rounding));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let array = StructArray::try_new(fields.clone(), children, group.nulls().cloned());
            array.map(|a| Arc::new(a) as ArrayRef).map_err(|_| 0)
        }
        DataType::List(item) => {
            let list: &ListArray = texts.as_list();
            let row_of = |at: usize| list.value_offsets().partition_point(|o| *o as usize <= at).saturating_sub(1);
            let values = convert(list.values(), item.data_type(), rounding).map_err(row_of)?;
            let array = ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned());
            array.map(|a| Arc::new(a) as ArrayRef).map_err(|_| 0)
        }
        scalar => {
            let texts = texts.as_string::<i32>();
            let mut builder = ColumnBuilder::new(scalar, rounding);
            for (row, text) in texts.iter().enumerate() {
                match text {
                    None => builder.append_null(),
                    Some(text) if builder.append(text) => {}
                    Some(_) => return Err(row),
                }
            }
            builder.finish()
        }
    }
}

/// The shape of the first values of a file.
pub(crate) fn infer(bytes: &[u8], whole: bool, sample_rows: u64) -> Result<Shape> {
    let mut elements = Elements::new();
    let mut scratch = Vec::new();
    let values = elements.push(bytes, &mut scratch)?;
    let mut all = Shape::Null;
    let mut row = 0;
    let values = without_infinities(values);
    let stream = serde_json::Deserializer::from_slice(&values).into_iter::<Shape>();
    for value in stream {
        row += 1;
        let shape = match value {
            Ok(shape) => shape,
            Err(e) if e.is_eof() && !whole => break,
            Err(e) if e.is_data() => return Err(Error::invalid(format!("row {row}: {}", plain(&e.to_string())))),
            Err(_) => return Err(Error::invalid(format!("row {row}: not valid JSON"))),
        };
        if !matches!(shape, Shape::Object(_)) {
            return Err(Error::invalid(format!("row {row}: every row must be an object")));
        }
        all = all.merge(shape);
        if row >= sample_rows {
            break;
        }
    }
    Ok(all)
}

/// Numbers beyond the range of floats as texts, which their column has to be then.
fn without_infinities(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let end = match first {
            b'"' => {
                let mut escaped = false;
                let end = after.iter().position(|b| {
                    let ends = *b == b'"' && !escaped;
                    escaped = *b == b'\\' && !escaped;
                    ends
                });
                end.map_or(rest.len(), |end| end + 2)
            }
            b'0'..=b'9' | b'-' => {
                let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len())
            }
            _ => 1,
        };
        let (token, next) = rest.split_at(end);
        let infinite = *first != b'"'
            && end > 1
            && std::str::from_utf8(token).is_ok_and(|t| t.parse().is_ok_and(f64::is_infinite))
            && !next.is_empty();
        if infinite {
            out.push(b'"');
        }
        out.extend_from_slice(token);
        if infinite {
            out.push(b'"');
        }
        rest = next;
    }
    out
}

/// Without the position, which counts inside of one value only.
fn plain(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

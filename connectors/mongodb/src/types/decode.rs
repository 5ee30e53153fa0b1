//! Documents into Arrow columns, from their bytes.

use std::sync::Arc;

use bson::raw::{RawBsonRef, RawDocument};
use bson::spec::BinarySubtype;
use datafusion::arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder, Int64Builder, ListArray,
    NullBufferBuilder, StringBuilder, StructArray, TimestampMillisecondBuilder,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;

use super::decimal::{Number, whole};
use super::extended_json::{Form, write_document, write_value};
use super::infer::alias;
use super::kind::{EXACT_MAX, Kind};

/// Why a document cannot be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A value does not fit its column: the path, the column's kind, and the value's type.
    Misfit { path: String, kind: String, found: &'static str },
    /// The bytes are no BSON.
    Malformed(String),
}

impl From<bson::error::Error> for Fault {
    fn from(error: bson::error::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The columns of documents.
pub(crate) struct Columns {
    fields: Vec<(String, Column)>,
    seen: Vec<bool>,
    /// Whether a value that does not fit is null instead of an error.
    misfit_is_null: bool,
    /// How whole documents are written.
    documents: Form,
    /// Values that were made null.
    pub(crate) misfits: u64,
    rows: usize,
}

impl Columns {
    /// Empty columns.
    pub(crate) fn new(fields: &[(String, Kind)], misfit_is_null: bool, documents: Form) -> Self {
        let columns = fields.iter().map(|(name, kind)| (name.clone(), Column::new(kind))).collect();
        Self { fields: columns, seen: vec![false; fields.len()], misfit_is_null, documents, misfits: 0, rows: 0 }
    }

    /// Documents since the last [`Self::finish`].
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes a document.
    pub(crate) fn append(&mut self, document: &RawDocument) -> Result<(), Fault> {
        let mut misfits = Misfits { null: self.misfit_is_null, count: 0 };
        self.seen.fill(false);
        append_fields(document, &mut self.fields, &mut self.seen, &mut misfits)?;
        for ((_, column), seen) in self.fields.iter_mut().zip(&self.seen) {
            match (&mut column.values, seen) {
                (Values::Document(texts), _) => {
                    let mut text = String::new();
                    write_document(&mut text, document, self.documents)?;
                    texts.append_value(text);
                }
                (_, true) => {}
                (_, false) => column.append_null(),
            }
        }
        self.misfits += misfits.count;
        self.rows += 1;
        Ok(())
    }

    /// The columns; new ones begin.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.rows = 0;
        self.fields.iter_mut().map(|(_, column)| column.finish()).collect()
    }
}

struct Misfits {
    null: bool,
    count: u64,
}

/// Gives each field to its column; the order of fields is often the same in all documents.
fn append_fields(
    document: &RawDocument,
    fields: &mut [(String, Column)],
    seen: &mut [bool],
    misfits: &mut Misfits,
) -> Result<(), Fault> {
    let mut next = 0;
    for element in document.iter_elements() {
        let element = element?;
        let name = element.key().as_str();
        let place = match fields.get(next) {
            Some((expected, _)) if expected == name => Some(next),
            _ => fields.iter().position(|(known, _)| known == name),
        };
        let Some(place) = place else { continue };
        next = place + 1;
        let (Some((name, column)), Some(seen)) = (fields.get_mut(place), seen.get_mut(place)) else { continue };
        // The first of several fields of one name is the one that the server finds too.
        if *seen || matches!(column.values, Values::Document(_)) {
            continue;
        }
        *seen = true;
        column.append(element.value()?, misfits).map_err(|fault| below(name, fault))?;
    }
    Ok(())
}

fn below(name: &str, fault: Fault) -> Fault {
    match fault {
        Fault::Misfit { path, kind, found } => {
            let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            Fault::Misfit { path: format!("{name}{dot}{path}"), kind, found }
        }
        malformed => malformed,
    }
}

struct Column {
    kind: Kind,
    values: Values,
}

enum Values {
    Bool(BooleanBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Date(TimestampMillisecondBuilder),
    Binary(BinaryBuilder),
    List { offsets: Vec<i32>, nulls: NullBufferBuilder, items: Box<Column> },
    Struct { fields: Vec<(String, Column)>, seen: Vec<bool>, nulls: NullBufferBuilder, rows: usize },
    Document(StringBuilder),
}

impl Column {
    fn new(kind: &Kind) -> Self {
        let values = match kind {
            Kind::Bool => Values::Bool(BooleanBuilder::new()),
            Kind::Int => Values::Int(Int32Builder::new()),
            Kind::Long => Values::Long(Int64Builder::new()),
            Kind::Double => Values::Double(Float64Builder::new()),
            Kind::Decimal(..) => Values::Decimal(Decimal128Builder::new().with_data_type(kind.arrow())),
            Kind::String | Kind::ObjectId | Kind::Uuid | Kind::Json => Values::Text(StringBuilder::new()),
            Kind::Date => Values::Date(TimestampMillisecondBuilder::new().with_data_type(kind.arrow())),
            Kind::BinData => Values::Binary(BinaryBuilder::new()),
            Kind::Array(item) => {
                Values::List { offsets: vec![0], nulls: NullBufferBuilder::new(0), items: Box::new(Self::new(item)) }
            }
            Kind::Object(fields) => Values::Struct {
                seen: vec![false; fields.len()],
                fields: fields.iter().map(|(name, kind)| (name.clone(), Self::new(kind))).collect(),
                nulls: NullBufferBuilder::new(0),
                rows: 0,
            },
            Kind::Document => Values::Document(StringBuilder::new()),
        };
        Self { kind: kind.clone(), values }
    }

    fn append_null(&mut self) {
        match &mut self.values {
            Values::Bool(b) => b.append_null(),
            Values::Int(b) => b.append_null(),
            Values::Long(b) => b.append_null(),
            Values::Double(b) => b.append_null(),
            Values::Decimal(b) => b.append_null(),
            Values::Text(b) | Values::Document(b) => b.append_null(),
            Values::Date(b) => b.append_null(),
            Values::Binary(b) => b.append_null(),
            Values::List { offsets, nulls, .. } => {
                offsets.push(offsets.last().copied().unwrap_or_default());
                nulls.append_null();
            }
            Values::Struct { fields, nulls, rows, .. } => {
                fields.iter_mut().for_each(|(_, column)| column.append_null());
                nulls.append_null();
                *rows += 1;
            }
        }
    }

    fn append(&mut self, value: RawBsonRef<'_>, misfits: &mut Misfits) -> Result<(), Fault> {
        let Some(found) = alias(value) else {
            self.append_null();
            return Ok(());
        };
        if self.append_fitting(value, misfits)? {
            return Ok(());
        }
        if misfits.null {
            misfits.count += 1;
            self.append_null();
            return Ok(());
        }
        Err(Fault::Misfit { path: String::new(), kind: self.kind.to_string(), found })
    }

    /// Whether the value fits, and then takes it.
    fn append_fitting(&mut self, value: RawBsonRef<'_>, misfits: &mut Misfits) -> Result<bool, Fault> {
        match (&mut self.values, value) {
            (Values::Bool(b), RawBsonRef::Boolean(v)) => b.append_value(v),
            (Values::Int(b), RawBsonRef::Int32(v)) => b.append_value(v),
            (Values::Long(b), RawBsonRef::Int32(v)) => b.append_value(i64::from(v)),
            (Values::Long(b), RawBsonRef::Int64(v)) => b.append_value(v),
            // Every NaN is the same one, as it is to the server.
            (Values::Double(b), RawBsonRef::Double(v)) => b.append_value(if v.is_nan() { f64::NAN } else { v }),
            (Values::Double(b), RawBsonRef::Int32(v)) => b.append_value(f64::from(v)),
            (Values::Double(b), RawBsonRef::Int64(v)) if (-EXACT_MAX..=EXACT_MAX).contains(&v) => b.append_value(v as f64),
            (Values::Decimal(b), number) => match decimal(&self.kind, number) {
                Some(v) => b.append_value(v),
                None => return Ok(false),
            },
            (Values::Text(b), value) => return append_text(b, &self.kind, value),
            (Values::Date(b), RawBsonRef::DateTime(v)) => b.append_value(v.timestamp_millis()),
            (Values::Binary(b), RawBsonRef::Binary(v)) => b.append_value(v.bytes),
            (Values::List { offsets, nulls, items }, RawBsonRef::Array(array)) => {
                let mut end = offsets.last().copied().unwrap_or_default();
                for (i, element) in array.iter_elements().enumerate() {
                    let appended = items.append(element?.value()?, misfits);
                    appended.map_err(|fault| below(&format!("[{i}]"), fault))?;
                    end = end.checked_add(1).ok_or_else(|| Fault::Malformed("a list is too long".to_owned()))?;
                }
                offsets.push(end);
                nulls.append_non_null();
            }
            (Values::Struct { fields, seen, nulls, rows }, RawBsonRef::Document(document)) => {
                seen.fill(false);
                append_fields(document, fields, seen, misfits)?;
                for ((_, column), seen) in fields.iter_mut().zip(seen) {
                    if !*seen {
                        column.append_null();
                    }
                }
                nulls.append_non_null();
                *rows += 1;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match &mut self.values {
            Values::Bool(b) => Arc::new(b.finish()),
            Values::Int(b) => Arc::new(b.finish()),
            Values::Long(b) => Arc::new(b.finish()),
            Values::Double(b) => Arc::new(b.finish()),
            Values::Decimal(b) => Arc::new(b.finish()),
            Values::Text(b) | Values::Document(b) => Arc::new(b.finish()),
            Values::Date(b) => Arc::new(b.finish()),
            Values::Binary(b) => Arc::new(b.finish()),
            Values::List { offsets, nulls, items } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])));
                let items = items.finish()?;
                let field = Arc::new(Field::new("item", items.data_type().clone(), true));
                Arc::new(ListArray::try_new(field, offsets, items, nulls.finish())?)
            }
            Values::Struct { fields, nulls, rows, .. } => {
                let arrays = fields.iter_mut().map(|(_, column)| column.finish()).collect::<Result<Vec<_>, _>>()?;
                let DataType::Struct(types) = self.kind.arrow() else {
                    return Err(ArrowError::SchemaError("a document is no struct".to_owned()));
                };
                let length = std::mem::take(rows);
                Arc::new(StructArray::try_new_with_length(types, arrays, nulls.finish(), length)?)
            }
        })
    }
}

fn decimal(kind: &Kind, value: RawBsonRef<'_>) -> Option<i128> {
    let Kind::Decimal(precision, scale) = kind else { return None };
    match value {
        RawBsonRef::Decimal128(v) => Number::of(v)?.scaled(*precision, *scale),
        RawBsonRef::Int32(v) => whole(i64::from(v), *precision, *scale),
        RawBsonRef::Int64(v) => whole(v, *precision, *scale),
        _ => None,
    }
}

fn append_text(texts: &mut StringBuilder, kind: &Kind, value: RawBsonRef<'_>) -> Result<bool, Fault> {
    match (kind, value) {
        (Kind::String | Kind::Json, RawBsonRef::String(v) | RawBsonRef::Symbol(v)) => texts.append_value(v),
        (Kind::ObjectId | Kind::Json, RawBsonRef::ObjectId(v)) => texts.append_value(v.to_hex()),
        (Kind::Uuid | Kind::Json, RawBsonRef::Binary(v)) if v.subtype == BinarySubtype::Uuid && v.bytes.len() == 16 => {
            texts.append_value(uuid(v.bytes));
        }
        (Kind::Json, value) => {
            let mut text = String::new();
            write_value(&mut text, value, Form::Relaxed)?;
            texts.append_value(text);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn uuid(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A String takes every text.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, RawDocumentBuf, doc};
    use datafusion::arrow::array::RecordBatch;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

    use super::super::kind::parse_columns;
    use super::*;

    fn read(columns: &str, documents: &[Document], null: bool) -> Result<(Vec<String>, u64), Fault> {
        let fields = parse_columns(columns).unwrap();
        let mut columns = Columns::new(&fields, null, Form::Relaxed);
        for document in documents {
            columns.append(&RawDocumentBuf::try_from(document).unwrap())?;
        }
        let schema = Schema::new(fields.iter().map(|(name, kind)| kind.field(name)).collect::<Vec<_>>());
        let batch = RecordBatch::try_new(Arc::new(schema), columns.finish().unwrap()).unwrap();
        let options = FormatOptions::new().with_null("NULL");
        let texts: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
        let row = |i| texts.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join("|");
        Ok(((0..batch.num_rows()).map(row).collect(), columns.misfits))
    }

    #[test]
    fn values_become_what_their_column_says() {
        let documents = [
            doc! { "n": 1, "o": { "x": 1, "y": "a" }, "l": [1, Bson::Null, 3_i64], "m": 1.5 },
            doc! { "o": Bson::Null, "n": 2_i64, "m": { "a": [true] } },
            doc! { "m": "text", "l": [], "o": { "y": "b", "z": 1 } },
        ];
        let (rows, _) = read("n long, o object<x long, y string>, l array<long>, m json", &documents, false).unwrap();
        assert_eq!(
            rows,
            ["1|{x: 1, y: a}|[1, NULL, 3]|1.5", "2|NULL|NULL|{\"a\":[true]}", "NULL|{x: NULL, y: b}|[]|text",]
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_null_or_an_error_that_holds_no_value() {
        let documents = [doc! { "o": { "l": [1, 2.5] }, "d": Bson::Decimal128("1.234".parse().unwrap()) }];
        let columns = "o object<l array<long>>, d decimal(10, 2)";
        let (rows, misfits) = read(columns, &documents, true).unwrap();
        assert_eq!((rows, misfits), (vec!["{l: [1, NULL]}|NULL".to_owned()], 2));
        let Err(Fault::Misfit { path, kind, found }) = read(columns, &documents, false) else { panic!("no misfit") };
        assert_eq!((path.as_str(), kind.as_str(), found), ("o.l[1]", "long", "double"));
    }
}

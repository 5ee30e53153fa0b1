//! Keys of maps as texts: text formats have objects for maps, whose keys are texts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, MapArray, OffsetSizeTrait, RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::error::ArrowError;
use arrow::json::writer::EncoderOptions;
use headwater_common::Result;

use super::cell::Cells;
use super::{Sink, output_error};

/// Hands batches on with texts for the keys of their maps.
pub(crate) struct TextKeys<'a>(pub(crate) Box<dyn Sink + 'a>);

impl Sink for TextKeys<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if !batch.schema_ref().fields().iter().any(|field| has_other_keys(field.data_type())) {
            return self.0.write(batch);
        }
        let columns = batch.columns().iter().map(with_text_keys).collect::<std::result::Result<Vec<_>, _>>();
        let columns = columns.map_err(output_error)?;
        let fields = batch.schema_ref().fields().iter().zip(&columns).map(|(field, column)| typed(field, column));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.0.write(&RecordBatch::try_new(schema, columns).map_err(output_error)?)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.0.finish()
    }
}

/// Whether there is a map in a type with keys that are no texts.
fn has_other_keys(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match fields.as_ref() {
                [key, value] => !key.data_type().is_string() || has_other_keys(value.data_type()),
                _ => false,
            },
            _ => false,
        },
        DataType::List(item) | DataType::LargeList(item) => has_other_keys(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_other_keys(field.data_type())),
        _ => false,
    }
}

fn with_text_keys(array: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    if !has_other_keys(array.data_type()) {
        return Ok(Arc::clone(array));
    }
    match array.data_type() {
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let columns = vec![texts(map.keys())?, with_text_keys(map.values())?];
            let fields = map.entries().fields().iter().zip(&columns).map(|(field, column)| typed(field, column));
            let pairs = StructArray::try_new(fields.collect(), columns, map.entries().nulls().cloned())?;
            let entries = Arc::new(entries.as_ref().clone().with_data_type(pairs.data_type().clone()));
            let offsets = map.offsets().clone();
            Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, map.nulls().cloned(), *sorted)?))
        }
        DataType::List(item) => list::<i32>(item, array.as_list()),
        DataType::LargeList(item) => list::<i64>(item, array.as_list()),
        DataType::Struct(fields) => {
            let whole = array.as_struct();
            let columns = whole.columns().iter().map(with_text_keys).collect::<std::result::Result<Vec<_>, _>>()?;
            let fields = fields.iter().zip(&columns).map(|(field, column)| typed(field, column)).collect();
            Ok(Arc::new(StructArray::try_new(fields, columns, whole.nulls().cloned())?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

fn list<O: OffsetSizeTrait>(item: &FieldRef, array: &GenericListArray<O>) -> std::result::Result<ArrayRef, ArrowError> {
    let values = with_text_keys(array.values())?;
    let item = typed(item, &values);
    let offsets = array.offsets().clone();
    Ok(Arc::new(GenericListArray::try_new(item, offsets, values, array.nulls().cloned())?))
}

fn typed(field: &FieldRef, column: &ArrayRef) -> FieldRef {
    Arc::new(Field::new(field.name(), column.data_type().clone(), field.is_nullable()))
}

/// Values as they are shown by themselves.
fn texts(values: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("key", values.data_type().clone(), true));
    let options = EncoderOptions::default();
    let mut cells = Cells::new(&field, values.as_ref(), &options)?;
    let mut text = String::new();
    let each = (0..values.len()).map(|row| Ok(cells.write(row, &mut text)?.then(|| text.clone())));
    Ok(Arc::new(each.collect::<std::result::Result<StringArray, ArrowError>>()?))
}

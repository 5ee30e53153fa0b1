//! Columns of results.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, UInt64Array,
    new_null_array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_common::Result;

use crate::error::arrow;

/// The schema of a result: the ids, then columns of a name and a type.
pub(crate) fn schema(ids: &[Arc<Field>], columns: Vec<(String, DataType)>) -> SchemaRef {
    let ids = ids.iter().map(|id| Field::new(id.name(), id.data_type().clone(), true));
    let columns = columns.into_iter().map(|(name, data_type)| {
        let nullable = name != "status";
        Field::new(name, data_type, nullable)
    });
    Arc::new(Schema::new(ids.chain(columns).collect::<Vec<_>>()))
}

/// The columns of a result after its ids.
#[derive(Debug)]
pub(crate) struct Columns {
    rows: usize,
    columns: Vec<ArrayRef>,
}

impl Columns {
    /// For so many rows.
    pub(crate) fn new(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    /// A column that is made already.
    pub(crate) fn array(mut self, column: ArrayRef) -> Self {
        self.columns.push(column);
        self
    }

    /// Numbers; what is not finite is null.
    pub(crate) fn doubles(self, values: impl IntoIterator<Item = f64>) -> Self {
        let values = values.into_iter().map(|v| v.is_finite().then_some(v));
        self.array(Arc::new(values.collect::<Float64Array>()))
    }

    /// Whole numbers.
    pub(crate) fn wholes(self, values: impl IntoIterator<Item = usize>) -> Self {
        let values = values.into_iter().map(|v| i64::try_from(v).ok());
        self.array(Arc::new(values.collect::<Int64Array>()))
    }

    /// True or false.
    pub(crate) fn booleans(self, values: impl IntoIterator<Item = Option<bool>>) -> Self {
        self.array(Arc::new(values.into_iter().collect::<BooleanArray>()))
    }

    /// One text in every row.
    pub(crate) fn text(self, text: &str) -> Self {
        let column = StringArray::from_iter_values(std::iter::repeat_n(text, self.rows));
        self.array(Arc::new(column))
    }

    /// The result with the ids of a group in every row.
    pub(crate) fn with_ids(self, schema: &SchemaRef, group: &RecordBatch, ids: usize) -> Result<RecordBatch> {
        let first = UInt64Array::from(vec![0; self.rows]);
        let ids: Result<Vec<ArrayRef>> =
            group.columns()[..ids].iter().map(|id| take(id, &first, None).map_err(arrow)).collect();
        let columns = ids?.into_iter().chain(self.columns).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow)
    }
}

/// One row: the ids of a group, nulls, and the status in the last column.
pub(crate) fn status_row(schema: &SchemaRef, group: &RecordBatch, ids: usize, status: &str) -> Result<RecordBatch> {
    let nulls = &schema.fields()[ids..schema.fields().len() - 1];
    let columns = nulls.iter().fold(Columns::new(1), |columns, f| columns.array(new_null_array(f.data_type(), 1)));
    columns.text(status).with_ids(schema, group, ids)
}

/// Rows of columns of a group, in the order of places.
pub(crate) fn taken(column: &ArrayRef, rows: &[usize]) -> Result<ArrayRef> {
    let rows: UInt64Array = rows.iter().map(|r| *r as u64).collect();
    take(column, &rows, None).map_err(arrow)
}

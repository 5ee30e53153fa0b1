//! Columns from the names of hive folders, and the files that a filter on them leaves.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{DFSchema, ScalarValue, ToDFSchema};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::Expr;
use headwater_common::{Error, Result};

use crate::tables::TableFile;
use crate::text::kind;

/// The partition columns of a table's files, and for each file its values.
pub(crate) fn columns(files: &[TableFile], typed: bool) -> Result<(Vec<FieldRef>, Vec<Vec<ScalarValue>>)> {
    let Some(first) = files.first() else { return Ok((Vec::new(), Vec::new())) };
    let mut fields = Vec::new();
    for (i, (name, _)) in first.partition.iter().enumerate() {
        if first.partition[..i].iter().any(|(n, _)| n == name) {
            return Err(Error::invalid(format!("the folders name \"{name}\" twice")));
        }
        let texts = || files.iter().filter_map(|f| f.partition.get(i)?.1.as_deref());
        let data_type = match typed && texts().next().is_some() {
            true if texts().all(|t| whole(t).is_some()) => DataType::Int64,
            true if texts().all(|t| kind::date(t).is_some()) => DataType::Date32,
            _ => DataType::Utf8,
        };
        fields.push(Arc::new(Field::new(name, data_type, true)));
    }
    let row = |file: &TableFile| fields.iter().zip(&file.partition).map(|(f, (_, v))| value(f, v.as_deref())).collect();
    let values = files.iter().map(row).collect();
    Ok((fields, values))
}

/// A whole number, which in the name of a folder may have leading zeros (`month=01`).
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn value(field: &Field, text: Option<&str>) -> ScalarValue {
    match field.data_type() {
        DataType::Int64 => ScalarValue::Int64(text.and_then(whole)),
        DataType::Date32 => ScalarValue::Date32(text.and_then(kind::date)),
        _ => ScalarValue::Utf8(text.map(str::to_owned)),
    }
}

/// Whether a filter reads partition columns and nothing else.
pub(crate) fn is_of(filter: &Expr, fields: &[FieldRef]) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && !filter.is_volatile() && columns.iter().all(|c| fields.iter().any(|f| f.name() == c.name()))
}

/// Which files the filters leave: one flag a file.
pub(crate) fn kept(
    state: &dyn datafusion::catalog::Session,
    fields: &[FieldRef],
    values: &[Vec<ScalarValue>],
    filters: &[Expr],
) -> DataFusionResult<Vec<bool>> {
    let filters: Vec<Expr> =
        filters.iter().filter(|f| is_of(f, fields)).map(unqualified).collect::<DataFusionResult<_>>()?;
    let Some(filter) = conjunction(filters) else { return Ok(vec![true; values.len()]) };
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let columns = (0..fields.len()).map(|i| ScalarValue::iter_to_array(values.iter().filter_map(|v| v.get(i).cloned())));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<DataFusionResult<_>>()?)?;
    let of_schema: DFSchema = schema.to_dfschema()?;
    let predicate = state.create_physical_expr(filter, &of_schema)?;
    let mask = predicate.evaluate(&batch)?.into_array(batch.num_rows())?;
    let mask = mask.as_boolean();
    Ok((0..mask.len()).map(|i| mask.is_valid(i) && mask.value(i)).collect())
}

fn unqualified(filter: &Expr) -> DataFusionResult<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let changed = filter.clone().transform(|e| match e {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(datafusion::common::Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(changed.data)
}

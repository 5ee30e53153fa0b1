//! Columns of a query as a model sees them.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use headwater_common::{Error, Result};
use headwater_supervised::data::{Column, Table};

use super::stored::{Input, Kind};
use crate::error::arrow;
use crate::series::columns::doubles;
use crate::series::times::TimeType;

/// What a column's values are to a model. Errors: nothing a model can use.
pub(crate) fn kind_of(field: &Field) -> Result<Kind> {
    let plain = match field.data_type() {
        DataType::Dictionary(_, inner) => inner.as_ref(),
        plain => plain,
    };
    match plain {
        t if t.is_numeric() => Ok(Kind::Numbers),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Boolean => Ok(Kind::Texts),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Ok(Kind::Times),
        other => Err(Error::invalid(format!(
            "column \"{}\" is {other}; a model takes numbers, texts, truth values and times, so cast it or leave it out in a query",
            field.name()
        ))),
    }
}

/// The column of this name, if it is there once.
pub(crate) fn find(fields: &[Arc<Field>], name: &str) -> Result<Option<usize>> {
    let mut found = (0..fields.len()).filter(|i| fields[*i].name() == name);
    match (found.next(), found.next()) {
        (place, None) => Ok(place),
        _ => Err(Error::invalid(format!("the input has two columns \"{name}\"; rename one in a query"))),
    }
}

/// Places of the columns that a model reads. Errors: one is missing or has other values than in training.
pub(crate) fn places(model: &str, inputs: &[Input], fields: &[Arc<Field>]) -> Result<Vec<usize>> {
    let names = || fields.iter().take(100).map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ");
    let place = |input: &Input| {
        let place = find(fields, &input.name)?.ok_or_else(|| {
            Error::invalid(format!(
                "model {model} reads column \"{}\", which the input does not have; its columns are {}",
                input.name,
                names()
            ))
        })?;
        same_kind(model, input, &fields[place])?;
        Ok(place)
    };
    inputs.iter().map(place).collect()
}

/// Errors: a column has other values than in training.
pub(crate) fn same_kind(model: &str, input: &Input, field: &Field) -> Result<()> {
    let kind = kind_of(field)?;
    if kind == input.kind {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "column \"{}\" is {}; model {model} was trained with {} there",
        input.name,
        field.data_type(),
        input.kind.name()
    )))
}

/// Columns of a batch under names of a model.
pub(crate) fn table(columns: &[(&str, &Field, &ArrayRef)]) -> Result<Table> {
    Table::new(columns.iter().map(|(name, field, values)| column(name, field, values)).collect::<Result<_>>()?)
}

/// Columns of a batch by place.
pub(crate) fn table_of(batch: &RecordBatch, places: &[usize]) -> Result<Table> {
    let schema = batch.schema();
    let columns: Vec<(&str, &Field, &ArrayRef)> = places
        .iter()
        .map(|place| (schema.field(*place).name().as_str(), schema.field(*place), batch.column(*place)))
        .collect();
    table(&columns)
}

fn column(name: &str, field: &Field, values: &ArrayRef) -> Result<Column> {
    Ok(match kind_of(field)? {
        Kind::Numbers => Column::numbers(name, doubles(values)?),
        Kind::Texts => {
            let texts = cast(values, &DataType::Utf8).map_err(arrow)?;
            Column::texts(name, &texts.as_string::<i32>().iter().collect::<Vec<_>>())
        }
        Kind::Times => {
            let (plain, data_type) = match field.data_type() {
                DataType::Dictionary(_, inner) => (cast(values, inner).map_err(arrow)?, inner.as_ref()),
                plain => (Arc::clone(values), plain),
            };
            let time = TimeType::of(name, data_type)?;
            let zone = Arc::clone(time.zone());
            let times = time.read(&plain)?.into_iter().map(|t| t.map(|instant| zone.to_wall(instant)));
            Column::times(name, times.collect())
        }
    })
}

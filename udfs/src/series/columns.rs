//! Which columns of the input a function over series uses.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use headwater_common::{Error, Result, nearest};
use headwater_timeseries::statistics::scale_for_squares;

use super::times::TimeType;
use crate::error::arrow;
use crate::table::{Arguments, Spec};

/// `timestamp_col`.
pub(crate) const TIMESTAMP_COL: Spec = Spec { name: "timestamp_col", wanted: "the name of the column with the times" };
/// `data_col`.
pub(crate) const DATA_COL: Spec = Spec { name: "data_col", wanted: "the name of the column with the values" };
/// `id_cols`.
pub(crate) const ID_COLS: Spec = Spec {
    name: "id_cols",
    wanted: "a list of names of the columns that tell the series apart, such as ['store', 'item']",
};
/// `on_error`.
pub(crate) const ON_ERROR: Spec = Spec { name: "on_error", wanted: "'skip' (a row with a status) or 'abort'" };

/// Places of the columns in the input of the node: the ids, the time, the value, others.
#[derive(Debug)]
pub(crate) struct SeriesColumns {
    /// Places in the input of the function, in the order of the node's input.
    pub(crate) places: Vec<usize>,
    /// Fields of the ids.
    pub(crate) ids: Vec<Arc<Field>>,
    /// Field of the time.
    pub(crate) time: Arc<Field>,
    /// Type of the time.
    pub(crate) time_type: TimeType,
    /// Names of further columns of numbers.
    pub(crate) others: Vec<String>,
    /// Whether one bad series is an error of the query.
    pub(crate) aborts: bool,
}

impl SeriesColumns {
    /// The columns that the arguments name, and others of numbers.
    pub(crate) fn find(arguments: &Arguments, fields: &[Arc<Field>], others: &[&str]) -> Result<Self> {
        let one = |argument: &str| {
            let name = arguments.text(argument)?.ok_or_else(|| with_columns(arguments.missing(argument), fields))?;
            place(arguments, argument, name, fields)
        };
        let time = one("timestamp_col")?;
        let value = one("data_col")?;
        let mut places = id_places(arguments, fields)?;
        let ids = places.iter().map(|p| Arc::clone(&fields[*p])).collect();
        places.extend([time, value]);
        numbers(&fields[value])?;
        for name in others {
            let other = place(arguments, "regressors", name, fields)?;
            numbers(&fields[other])?;
            places.push(other);
        }
        twice(arguments, &places, fields)?;
        Ok(Self {
            places,
            ids,
            time: Arc::clone(&fields[time]),
            time_type: TimeType::of(fields[time].name(), fields[time].data_type())?,
            others: others.iter().map(|name| (*name).to_owned()).collect(),
            aborts: arguments.choice("on_error", &[("skip", false), ("abort", true)], false)?,
        })
    }

    /// Times and values of a group; rows without a time are left out, values that are null are NaN.
    pub(crate) fn read(&self, group: &RecordBatch) -> Result<Observations> {
        let times = self.time_type.read(group.column(self.ids.len()))?;
        let rows: Vec<usize> = (0..times.len()).filter(|i| times[*i].is_some()).collect();
        let first = self.ids.len() + 1;
        let mut numbers = Vec::new();
        for column in &group.columns()[first..first + self.places.len() - self.ids.len() - 1] {
            let column = doubles(column)?;
            numbers.push(rows.iter().map(|i| column[*i]).collect());
        }
        let times = rows.iter().filter_map(|i| times[*i]).collect();
        let mut numbers = numbers.into_iter();
        let values = numbers.next().unwrap_or_default();
        Ok(Observations { rows, times, values, others: numbers.collect() })
    }
}

/// Values of a series in a scale in which their squares are numbers, and the scale. Errors: an infinite value.
pub(crate) fn scaled(values: &[f64]) -> Result<(Vec<f64>, f64)> {
    check_finite(values)?;
    let scale = scale_for_squares(values);
    Ok((values.iter().map(|v| v * scale).collect(), scale))
}

/// What was observed of one series.
#[derive(Debug)]
pub(crate) struct Observations {
    /// Rows of the group, in order of time.
    pub(crate) rows: Vec<usize>,
    /// Their times.
    pub(crate) times: Vec<i64>,
    /// Their values; NaN where there is none.
    pub(crate) values: Vec<f64>,
    /// Further columns.
    pub(crate) others: Vec<Vec<f64>>,
}

/// Refuses a series with an infinite value.
pub(crate) fn check_finite(values: &[f64]) -> Result<()> {
    match values.iter().any(|v| v.is_infinite()) {
        true => Err(Error::invalid("the series has an infinite value; filter it out")),
        false => Ok(()),
    }
}

/// A column of numbers as doubles, null as NaN.
pub(crate) fn doubles(column: &ArrayRef) -> Result<Vec<f64>> {
    let column = cast(column, &DataType::Float64).map_err(arrow)?;
    Ok(column.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

/// The place of the column that an argument names, or an error with the columns there are.
pub(crate) fn place(arguments: &Arguments, argument: &str, name: &str, fields: &[Arc<Field>]) -> Result<usize> {
    let mut found = (0..fields.len()).filter(|i| fields[*i].name() == name);
    match (found.next(), found.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(Error::invalid(format!(
            "{argument} of {}: the input has two columns \"{name}\"; rename one in a query",
            arguments.function()
        ))),
        (None, _) => {
            let near = nearest::nearest(name, fields.iter().map(|f| f.name().as_str()));
            let hint = near.map(|n| format!("; did you mean \"{n}\"?")).unwrap_or_default();
            let shown: String = name.chars().take(60).collect();
            let message = format!("{argument} of {}: the input has no column \"{shown}\"{hint}", arguments.function());
            Err(with_columns(Error::invalid(message), fields))
        }
    }
}

fn with_columns(error: Error, fields: &[Arc<Field>]) -> Error {
    let names: Vec<&str> = fields.iter().take(100).map(|f| f.name().as_str()).collect();
    Error::invalid(format!("{}; its columns are {}", error.message(), names.join(", ")))
}

/// The places of the id columns.
pub(crate) fn id_places(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Vec<usize>> {
    let names = arguments.texts("id_cols")?;
    let places: Vec<usize> =
        names.into_iter().map(|name| place(arguments, "id_cols", name, fields)).collect::<Result<_>>()?;
    for id in &places {
        let field = &fields[*id];
        let of = match field.data_type() {
            DataType::Dictionary(_, inner) => inner.as_ref(),
            plain => plain,
        };
        // Floats that are equal may differ in their bits; nested values have no order everywhere.
        if of.is_floating() || of.is_nested() {
            return Err(Error::invalid(format!(
                "column \"{}\" is {of} and cannot tell series apart; cast it to text or a whole number in a query",
                field.name()
            )));
        }
    }
    Ok(places)
}

/// An error when a column is not of numbers.
pub(crate) fn numbers(field: &Field) -> Result<()> {
    if field.data_type().is_numeric() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "column \"{}\" is {}, which is no number; cast it in a query",
        field.name(),
        field.data_type()
    )))
}

/// An error when a column is used for two things.
pub(crate) fn twice(arguments: &Arguments, places: &[usize], fields: &[Arc<Field>]) -> Result<()> {
    match (1..places.len()).find(|i| places[..*i].contains(&places[*i])) {
        Some(i) => Err(Error::invalid(format!(
            "{} uses column \"{}\" twice; the time, the value and the ids are different columns",
            arguments.function(),
            fields[places[i]].name()
        ))),
        None => Ok(()),
    }
}

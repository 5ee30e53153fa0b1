//! ML_EVALUATE of a model of series: its forecasts beside the values that came.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use headwater_common::{Error, Result};
use headwater_timeseries::{Cancel, metrics};

use super::call::{ModelFunction, Outcome};
use super::evaluate;
use super::library::Loaded;
use super::rows::find;
use super::series_model::stored_type;
use crate::error::arrow;
use crate::series::columns::{doubles, numbers};

/// Rows are matched by their ids and times.
#[derive(Debug)]
pub(super) struct EvaluateSeries {
    loaded: Arc<Loaded>,
    /// Every step that is forecast.
    forecasts: RecordBatch,
    /// Places of the ids and the time in the input, in the order of the forecasts.
    keys: Vec<usize>,
    target: usize,
}

impl EvaluateSeries {
    /// Errors: a column that is needed is missing or of another type than in training.
    pub(super) fn bind(loaded: &Arc<Loaded>, fields: &[Arc<Field>]) -> Result<Self> {
        let model = loaded.series()?;
        let forecasts = model.rows(model.horizon())?;
        let schema = forecasts.schema();
        let mut keys = Vec::new();
        for known in schema.fields().iter().take(model.ids() + 1) {
            let place = column(loaded, fields, known.name())?;
            let found = fields[place].data_type();
            if stored_type(found) != *known.data_type() {
                return Err(Error::invalid(format!(
                    "column \"{}\" is {found}; model {loaded} was trained with {} there, so cast it in a query",
                    known.name(),
                    known.data_type()
                )));
            }
            keys.push(place);
        }
        let about = &loaded.version.about;
        let name = about.options.iter().find(|(name, _)| name == "target").map(|(_, target)| target.as_str());
        let name = name.ok_or_else(|| Error::invalid(format!("model {loaded} does not say which column it forecasts")))?;
        let target = column(loaded, fields, name)?;
        numbers(&fields[target])?;
        Ok(Self { loaded: Arc::clone(loaded), forecasts, keys, target })
    }

    /// Ids and time of each row.
    fn keys(columns: &[ArrayRef]) -> Result<Vec<OwnedRow>> {
        let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
        let rows = RowConverter::new(fields).and_then(|converter| converter.convert_columns(columns)).map_err(arrow)?;
        Ok(rows.iter().map(|row| row.owned()).collect())
    }

    /// For each row with a value whose time is forecast: the value, and the row of its forecast.
    fn matched(&self, rows: &RecordBatch) -> Result<(Vec<f64>, Vec<usize>)> {
        let known: Vec<ArrayRef> = self.forecasts.columns()[..self.keys.len()].to_vec();
        let mut steps: HashMap<OwnedRow, usize> = HashMap::new();
        let forecast = doubles_of(&self.forecasts, "forecast")?;
        for (row, key) in Self::keys(&known)?.into_iter().enumerate().filter(|(row, _)| forecast[*row].is_finite()) {
            steps.insert(key, row);
        }
        let asked = self.keys.iter().zip(&known).map(|(place, known)| {
            // By way of the plain type: dictionaries are stored as their values.
            cast(rows.column(*place), known.data_type()).map_err(arrow)
        });
        let asked = asked.collect::<Result<Vec<_>>>()?;
        let values = doubles(rows.column(self.target))?;
        let (mut actual, mut at) = (Vec::new(), Vec::new());
        for (value, key) in values.into_iter().zip(Self::keys(&asked)?) {
            if value.is_finite()
                && let Some(row) = steps.get(&key)
            {
                actual.push(value);
                at.push(*row);
            }
        }
        Ok((actual, at))
    }

    fn measures(&self, actual: &[f64], at: &[usize]) -> Result<Vec<(String, f64)>> {
        let of = |name: &str| -> Result<Vec<f64>> {
            let all = doubles_of(&self.forecasts, name)?;
            Ok(at.iter().map(|row| all[*row]).collect())
        };
        let forecast = of("forecast")?;
        let mut found = vec![
            ("mae".to_owned(), metrics::mean_absolute_error(actual, &forecast)),
            ("rmse".to_owned(), metrics::root_mean_squared_error(actual, &forecast)),
            ("smape".to_owned(), metrics::smape(actual, &forecast)),
        ];
        let schema = self.forecasts.schema();
        for level in schema.fields().iter().skip(self.keys.len()).filter_map(|f| f.name().strip_prefix("lower_")) {
            let bounds = of(&format!("lower_{level}"))?.into_iter().zip(of(&format!("upper_{level}"))?);
            found.push((format!("coverage_{level}"), metrics::coverage(actual, &bounds.collect::<Vec<_>>())));
        }
        found.push(("rows".to_owned(), actual.len() as f64));
        Ok(found)
    }
}

fn column(loaded: &Loaded, fields: &[Arc<Field>], name: &str) -> Result<usize> {
    find(fields, name)?.ok_or_else(|| {
        let names: Vec<&str> = fields.iter().take(100).map(|f| f.name().as_str()).collect();
        Error::invalid(format!(
            "model {loaded} was trained with column \"{name}\", which the input does not have; its columns are {}",
            names.join(", ")
        ))
    })
}

/// A column of the forecasts; NaN where it has no value.
fn doubles_of(forecasts: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let column = forecasts.column_by_name(name).filter(|c| *c.data_type() == DataType::Float64);
    let column = column.ok_or_else(|| Error::invalid("the file of the model lacks a column of its forecasts"))?;
    Ok(column.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

impl ModelFunction for EvaluateSeries {
    fn run(&self, rows: &RecordBatch, _cancel: &Cancel) -> Result<Outcome> {
        let (actual, at) = self.matched(rows)?;
        if actual.is_empty() {
            return Err(Error::invalid(format!(
                "no row of the input has a value at a time that model {} forecasts; SELECT * FROM ML_FORECAST shows the times",
                self.loaded
            )));
        }
        evaluate::measured(self.measures(&actual, &at)?).map(Outcome::Rows)
    }

    fn bytes_per_row(&self) -> usize {
        96 + 32 * self.keys.len()
    }
}

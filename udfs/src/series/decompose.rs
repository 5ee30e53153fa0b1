//! DECOMPOSE: each series as the sum of trend, seasons and what is left.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_common::{Error, Result};
use headwater_timeseries::{Cancel, Series, mstl, seasonality};

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, SeriesColumns, TIMESTAMP_COL};
use super::output::{Columns, schema, status_row};
use super::regular::{DUPLICATES, FILL, FREQUENCY, Regular, SEASONALITY};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

const ROBUST: Spec = Spec { name: "robust", wanted: "true or false" };

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "DECOMPOSE",
    arguments: &[TIMESTAMP_COL, DATA_COL, ID_COLS, SEASONALITY, ROBUST, FREQUENCY, FILL, DUPLICATES, ON_ERROR],
    second_table: false,
    bind,
};

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let columns = SeriesColumns::find(arguments, fields, &[])?;
    let regular = Regular::read(arguments, &columns.time_type)?;
    let mut result = vec![
        (columns.time.name().clone(), columns.time_type.data_type().clone()),
        ("value".into(), DataType::Float64),
        ("trend".into(), DataType::Float64),
    ];
    match &regular.periods {
        Some(named) => result.extend(named.iter().map(|p| (format!("seasonal_{p}"), DataType::Float64))),
        None => result.push(("seasonal".into(), DataType::Float64)),
    }
    result.extend([("residual".into(), DataType::Float64), ("status".into(), DataType::Utf8)]);
    let schema = schema(&columns.ids, result);
    let robust = arguments.boolean("robust", false)?;
    let function = Decompose { columns, schema: Arc::clone(&schema), regular, robust };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    Ok(Call { sorted: places.len(), columns: places, ids, schema, function: Arc::new(function) })
}

#[derive(Debug)]
struct Decompose {
    columns: SeriesColumns,
    schema: SchemaRef,
    regular: Regular,
    robust: bool,
}

impl Decompose {
    /// The seasons: those that were named, else those that the series has.
    fn periods(&self, series: &Series) -> Result<Vec<usize>> {
        if let Some(named) = &self.regular.periods {
            return Ok(named.clone());
        }
        let mut found = seasonality::detect(&series.values, &self.regular.seasons(series));
        if found.is_empty() {
            found = seasonality::search(&series.values);
        }
        if found.is_empty() {
            return Err(Error::invalid("no season was found; set seasonality"));
        }
        Ok(found.iter().map(|s| s.period).collect())
    }
}

impl GroupFunction for Decompose {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        let series = self.regular.series(&observed.times, &observed.values)?;
        let periods = self.periods(&series)?;
        cancel.check()?;
        let parts = mstl::decompose_with(&series.values, &periods, |stl| if self.robust { stl.robust() } else { stl })?;
        let places = 0..i64::try_from(series.values.len()).unwrap_or(i64::MAX);
        let times: Vec<Option<i64>> = places.map(|place| series.grid.time(place)).collect();
        let columns = Columns::new(times.len()).array(self.columns.time_type.write(&times)?);
        let columns = columns.doubles(series.values.iter().copied()).doubles(parts.trend);
        let columns = match &self.regular.periods {
            Some(_) => parts.seasonal.into_iter().fold(columns, |columns, season| columns.doubles(season)),
            None => columns.doubles((0..times.len()).map(|t| parts.seasonal.iter().map(|s| s[t]).sum())),
        };
        columns.doubles(parts.remainder).text("").with_ids(&self.schema, group, self.columns.ids.len())
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        status_row(&self.schema, group, self.columns.ids.len(), status)
    }

    fn aborts(&self) -> bool {
        self.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        160
    }
}

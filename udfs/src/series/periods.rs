//! DETECT_PERIODS: the seasons of each series.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_anomaly::Status;
use headwater_anomaly::series::detect_periods;
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, SeriesColumns, TIMESTAMP_COL};
use super::output::{Columns, schema, status_row};
use super::regular::{DUPLICATES, FILL, FREQUENCY, Regular};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

const MAX_PERIODS: Spec = Spec { name: "max_periods", wanted: "a whole number between 1 and 20" };

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "DETECT_PERIODS",
    arguments: &[TIMESTAMP_COL, DATA_COL, ID_COLS, MAX_PERIODS, FREQUENCY, FILL, DUPLICATES, ON_ERROR],
    second_table: false,
    bind,
};

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let columns = SeriesColumns::find(arguments, fields, &[])?;
    let result = [("period", DataType::Int64), ("strength", DataType::Float64), ("status", DataType::Utf8)];
    let schema = schema(&columns.ids, result.into_iter().map(|(name, t)| (name.to_owned(), t)).collect());
    let function = Periods {
        most: arguments.count("max_periods", 1..=20, 3)?,
        regular: Regular::read(arguments, &columns.time_type)?,
        columns,
        schema: Arc::clone(&schema),
    };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    Ok(Call { sorted: places.len(), columns: places, ids, schema, function: Arc::new(function) })
}

#[derive(Debug)]
struct Periods {
    columns: SeriesColumns,
    schema: SchemaRef,
    most: usize,
    regular: Regular,
}

impl GroupFunction for Periods {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        let series = self.regular.series(&observed.times, &observed.values)?;
        cancel.check()?;
        let found = detect_periods(&series.values, self.most);
        if !matches!(found.status, Status::Ok | Status::Constant) {
            return Err(Error::invalid(found.status.to_string()));
        }
        let periods = found.periods;
        let columns = Columns::new(periods.len()).wholes(periods.iter().map(|p| p.length));
        let columns = columns.doubles(periods.iter().map(|p| p.strength));
        columns.text("").with_ids(&self.schema, group, self.columns.ids.len())
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        status_row(&self.schema, group, self.columns.ids.len(), status)
    }

    fn aborts(&self) -> bool {
        self.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        128
    }
}

//! DETECT_CHANGEPOINTS: the times from which on each series is another one.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_anomaly::Status;
use headwater_anomaly::series::{ChangeCost, ChangePoints, Pelt};
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, SeriesColumns, TIMESTAMP_COL, scaled};
use super::output::{Columns, schema, status_row, taken};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

const COST: Spec = Spec { name: "cost", wanted: "'mean' or 'mean_variance'" };
const PENALTY: Spec = Spec { name: "penalty", wanted: "a number of at least 0" };
const MIN_SEGMENT: Spec = Spec { name: "min_segment", wanted: "a whole number between 2 and 10000" };

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "DETECT_CHANGEPOINTS",
    arguments: &[TIMESTAMP_COL, DATA_COL, ID_COLS, COST, PENALTY, MIN_SEGMENT, ON_ERROR],
    second_table: false,
    bind,
};

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let columns = SeriesColumns::find(arguments, fields, &[])?;
    let result = vec![
        (columns.time.name().clone(), columns.time_type.data_type().clone()),
        ("mean_before".into(), DataType::Float64),
        ("mean_after".into(), DataType::Float64),
        ("status".into(), DataType::Utf8),
    ];
    let schema = schema(&columns.ids, result);
    let costs = [("mean", ChangeCost::Mean), ("mean_variance", ChangeCost::MeanVariance)];
    let pelt = Pelt {
        cost: arguments.choice("cost", &costs, ChangeCost::Mean)?,
        penalty: arguments.number("penalty", 0.0)?,
        segment_min: arguments.count("min_segment", 2..=10_000, 5)?,
    };
    let function = Changes { columns, schema: Arc::clone(&schema), pelt };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    Ok(Call { sorted: places.len(), columns: places, ids, schema, function: Arc::new(function) })
}

#[derive(Debug)]
struct Changes {
    columns: SeriesColumns,
    schema: SchemaRef,
    pelt: Pelt,
}

/// Mean of the values there are, without overflow.
fn mean(values: &[f64]) -> f64 {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    known.iter().enumerate().fold(0.0, |mean, (i, v)| mean + (v / (i + 1) as f64 - mean / (i + 1) as f64))
}

impl GroupFunction for Changes {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        let (values, _) = scaled(&observed.values)?;
        let (changes, status) = self.pelt.detect_until(&values, cancel);
        cancel.check()?;
        if !matches!(status, Status::Ok | Status::Constant) {
            return Err(Error::invalid(status.to_string()));
        }
        let segment = |i: usize| {
            let from = if i == 0 { 0 } else { changes[i - 1] };
            mean(&observed.values[from..changes.get(i).copied().unwrap_or(observed.values.len())])
        };
        let rows: Vec<usize> = changes.iter().map(|at| observed.rows[*at]).collect();
        let ids = self.columns.ids.len();
        let columns = Columns::new(changes.len()).array(taken(group.column(ids), &rows)?);
        let columns = columns.doubles((0..changes.len()).map(segment)).doubles((1..=changes.len()).map(segment));
        columns.text("").with_ids(&self.schema, group, ids)
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        status_row(&self.schema, group, self.columns.ids.len(), status)
    }

    fn aborts(&self) -> bool {
        self.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        96
    }
}

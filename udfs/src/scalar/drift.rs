//! `drift_psi`, `drift_ks`, `drift_adwin`: whether a list of values is distributed as another one was.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use headwater_anomaly::Status;
use headwater_anomaly::drift::{Adwin, Drift, DriftTest, KolmogorovSmirnov, PopulationStability};
use headwater_common::{Error, Result};

use super::lists::Rule;

/// The functions.
pub(super) const FUNCTIONS: &[Rule] = &[
    Rule {
        name: "drift_psi",
        usage: "drift_psi(reference list, current list [, bins])",
        lists: 2,
        numbers: (0, 1),
        result: || DataType::Float64,
        compute: psi,
    },
    Rule {
        name: "drift_ks",
        usage: "drift_ks(reference list, current list)",
        lists: 2,
        numbers: (0, 0),
        result: || DataType::Struct(ks_fields()),
        compute: ks,
    },
    Rule {
        name: "drift_adwin",
        usage: "drift_adwin(reference list, current list [, delta])",
        lists: 2,
        numbers: (0, 1),
        result: || DataType::Struct(adwin_fields()),
        compute: adwin,
    },
];

fn known(drift: Drift) -> Option<Drift> {
    (drift.status == Status::Ok).then_some(drift)
}

fn psi(lists: &[Vec<f64>], numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let bins = numbers.first().copied().unwrap_or(10.0);
    if bins.fract() != 0.0 || !(2.0..=1000.0).contains(&bins) {
        return Err(Error::invalid("the bins of drift_psi are a whole number between 2 and 1000"));
    }
    let test = PopulationStability { bins: bins as usize, ..PopulationStability::default() };
    Ok(known(test.compare(&lists[0], &lists[1])).map(|drift| ScalarValue::Float64(Some(drift.statistic))))
}

fn ks_fields() -> Fields {
    Fields::from(vec![
        Field::new("statistic", DataType::Float64, true),
        Field::new("p_value", DataType::Float64, true),
        Field::new("is_drift", DataType::Boolean, true),
    ])
}

fn adwin_fields() -> Fields {
    Fields::from(vec![Field::new("change", DataType::Float64, true), Field::new("is_drift", DataType::Boolean, true)])
}

fn record(fields: Fields, doubles: &[f64], is_drift: bool) -> Result<Option<ScalarValue>> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for value in doubles {
        columns.push(Arc::new(Float64Array::from(vec![Some(*value)])));
    }
    columns.push(Arc::new(BooleanArray::from(vec![is_drift])));
    let record = StructArray::try_new(fields, columns, None).map_err(crate::error::arrow)?;
    Ok(Some(ScalarValue::Struct(Arc::new(record))))
}

fn ks(lists: &[Vec<f64>], _numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let Some(drift) = known(KolmogorovSmirnov::default().compare(&lists[0], &lists[1])) else { return Ok(None) };
    record(ks_fields(), &[drift.statistic, drift.p_value], drift.is_drift)
}

fn adwin(lists: &[Vec<f64>], numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let delta = numbers.first().copied().unwrap_or(Adwin::default().delta);
    if !(delta > 0.0 && delta < 1.0) {
        return Err(Error::invalid("the delta of drift_adwin is a number between 0 and 1"));
    }
    let Some(drift) = known(Adwin { delta }.compare(&lists[0], &lists[1])) else { return Ok(None) };
    record(adwin_fields(), &[drift.statistic], drift.is_drift)
}

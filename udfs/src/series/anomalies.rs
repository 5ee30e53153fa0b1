//! DETECT_ANOMALIES: how unusual each value of each series is.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use headwater_anomaly::Status;
use headwater_anomaly::series::{SeriesDetector, detector};
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use super::columns::{DATA_COL, ID_COLS, ON_ERROR, SeriesColumns, TIMESTAMP_COL, scaled};
use super::output::{Columns, schema, status_row, taken};
use crate::table::{Arguments, Call, Definition, GroupFunction, Spec};

const METHOD: Spec = Spec {
    name: "method",
    wanted: "one of 'auto', 'zscore', 'hampel', 'ewma', 'forecast', 'relative_entropy', 'random_cut_forest', 'matrix_profile', \
             'sub_pca', 'seasonal_esd'",
};
const THRESHOLD: Spec = Spec { name: "anomaly_prob_threshold", wanted: "a number between 0 and 1, such as 0.99" };
const CAUSAL: Spec = Spec { name: "causal", wanted: "true or false" };

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "DETECT_ANOMALIES",
    arguments: &[TIMESTAMP_COL, DATA_COL, ID_COLS, METHOD, THRESHOLD, CAUSAL, ON_ERROR],
    second_table: true,
    bind,
};

/// Methods that never look ahead.
pub(crate) const CAUSAL_METHODS: [&str; 8] =
    ["auto", "zscore", "hampel", "ewma", "forecast", "relative_entropy", "random_cut_forest", "matrix_profile"];

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let columns = SeriesColumns::find(arguments, fields, &[])?;
    let (name, causal) = (arguments.text("method")?.unwrap_or("auto"), arguments.boolean("causal", true)?);
    let detector = detector(name, causal).ok_or_else(|| arguments.wrong("method", format!("'{name}'")))?;
    if causal && !detector.is_causal() {
        return Err(Error::invalid(format!(
            "method '{name}' looks at the whole series; set causal => false to allow that"
        )));
    }
    let levels = arguments.shares("anomaly_prob_threshold")?;
    let level = match levels[..] {
        [] => 0.99,
        [one] => one,
        _ => return Err(arguments.wrong("anomaly_prob_threshold", "a list")),
    };
    let double = |name: &str| (name.to_owned(), DataType::Float64);
    let schema = schema(
        &columns.ids,
        vec![
            (columns.time.name().clone(), columns.time_type.data_type().clone()),
            double("value"),
            double("expected"),
            double("lower_bound"),
            double("upper_bound"),
            double("score"),
            double("anomaly_probability"),
            ("is_anomaly".into(), DataType::Boolean),
            ("status".into(), DataType::Utf8),
        ],
    );
    let function = Anomalies { columns, schema: Arc::clone(&schema), detector, level };
    let (places, ids) = (function.columns.places.clone(), function.columns.ids.len());
    Ok(Call { sorted: places.len(), columns: places, ids, schema, function: Arc::new(function) })
}

#[derive(Debug)]
struct Anomalies {
    columns: SeriesColumns,
    schema: SchemaRef,
    detector: Box<dyn SeriesDetector>,
    level: f64,
}

impl GroupFunction for Anomalies {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let observed = self.columns.read(group)?;
        let ids = self.columns.ids.len();
        // With a second table only its rows are returned; those of the first one are what came before.
        let marks = group.columns().get(self.columns.places.len()).map(|marks| marks.as_boolean());
        let all = 0..observed.rows.len();
        let kept: Vec<usize> = all.filter(|i| marks.is_none_or(|m| m.value(observed.rows[*i]))).collect();
        if kept.is_empty() {
            let wanted = (0..group.num_rows()).any(|row| marks.is_none_or(|m| m.value(row)));
            return match wanted {
                true => Err(Error::invalid("no row of the series has a time")),
                false => Ok(RecordBatch::new_empty(Arc::clone(&self.schema))),
            };
        }
        let (values, scale) = scaled(&observed.values)?;
        let scores = self.detector.detect_until(&values, self.level, cancel);
        cancel.check()?;
        if !matches!(scores.status, Status::Ok | Status::Constant) && self.columns.aborts {
            return Err(Error::invalid(scores.status.to_string()));
        }
        let of = |values: &[f64]| kept.iter().map(|i| values[*i]).collect::<Vec<f64>>();
        let rows: Vec<usize> = kept.iter().map(|i| observed.rows[*i]).collect();
        let columns = Columns::new(kept.len()).array(taken(group.column(ids), &rows)?);
        let unscaled = |values: &[f64]| of(values).into_iter().map(|v| v / scale);
        let columns = columns.doubles(of(&observed.values)).doubles(unscaled(&scores.expected));
        let columns = columns.doubles(unscaled(&scores.lower)).doubles(unscaled(&scores.upper)).doubles(of(&scores.score));
        let columns = columns.doubles(kept.iter().map(|i| scores.probability(*i)));
        let columns = columns.booleans(kept.iter().map(|i| Some(scores.is_anomaly(*i, self.level))));
        // That all values are equal says nothing more where they have scores.
        let scored = scores.score.iter().any(|s| s.is_finite());
        let status = if scores.status == Status::Constant && scored { Status::Ok } else { scores.status };
        columns.text(&status.to_string()).with_ids(&self.schema, group, ids)
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        status_row(&self.schema, group, self.columns.ids.len(), status)
    }

    fn aborts(&self) -> bool {
        self.columns.aborts
    }

    fn bytes_per_row(&self) -> usize {
        256
    }
}

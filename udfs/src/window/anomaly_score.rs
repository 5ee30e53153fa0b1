//! `anomaly_score(value [, method]) OVER (...)`: how unusual a row's value is beside those before it in its frame.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;
use headwater_anomaly::series::{SeriesDetector, detector};
use headwater_common::Error;
use headwater_timeseries::Cancel;

use crate::error::outward;
use crate::series::anomalies::CAUSAL_METHODS;
use crate::series::columns::doubles;

/// See the module.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct AnomalyScore {
    signature: Signature,
}

impl Default for AnomalyScore {
    fn default() -> Self {
        Self { signature: Signature::variadic_any(Volatility::Immutable) }
    }
}

fn wrong() -> datafusion::error::DataFusionError {
    outward(Error::invalid(format!(
        "anomaly_score is called as anomaly_score(value [, method]) OVER (ORDER BY time ...) with a number and one of {}",
        CAUSAL_METHODS.join(", ")
    )))
}

impl WindowUDFImpl for AnomalyScore {
    fn name(&self) -> &str {
        "anomaly_score"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let number = |f: &FieldRef| f.data_type().is_numeric() || f.data_type().is_null();
        match args.input_fields() {
            [value] if number(value) => {}
            [value, method] if number(value) && method.data_type().is_string() => {}
            _ => return Err(wrong()),
        }
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        let arguments = args.input_exprs().len();
        Ok(Box::new(Scorer {
            arguments,
            row: 0,
            values: None,
            detector: None,
            from_start: None,
            cancel: Cancel::default(),
        }))
    }

    fn limit_effect(&self, _args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        LimitEffect::Unknown
    }
}

/// Scores the rows of one partition, in order.
#[derive(Debug)]
struct Scorer {
    /// Number of the arguments; the columns of ORDER BY follow them.
    arguments: usize,
    row: usize,
    /// The values of the partition; NaN for null.
    values: Option<Vec<f64>>,
    detector: Option<Box<dyn SeriesDetector>>,
    /// Scores of all rows as if every frame began at the first one: a causal detector needs one pass for them.
    from_start: Option<Vec<f64>>,
    /// Whether the query was stopped: all rows of a partition are scored without a pause.
    cancel: Cancel,
}

/// Level of the bounds, which are not used.
const LEVEL: f64 = 0.99;

impl Scorer {
    /// Reads the arguments of the partition once.
    fn prepare(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.values = Some(doubles(&columns[0]).map_err(outward)?);
        let methods = columns[..self.arguments].get(1).map(|m| cast(m, &DataType::Utf8)).transpose()?;
        let methods = methods.as_ref().map(|m| m.as_string::<i32>()).filter(|m| !m.is_empty() && m.is_valid(0));
        let name = methods.map_or("auto", |m| m.value(0));
        self.detector = Some(detector(name, true).filter(|d| d.is_causal()).ok_or_else(wrong)?);
        Ok(())
    }
}

impl PartitionEvaluator for Scorer {
    fn uses_window_frame(&self) -> bool {
        true
    }

    /// `values` hold the whole partition, and rows come one after the other. What comes after a row is never looked at,
    /// whatever the frame says.
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let row = self.row;
        self.row += 1;
        if self.values.is_none() {
            self.prepare(values)?;
        }
        if row == 0 {
            self.cancel = Cancel::of_query();
        }
        let (Some(values), Some(detector)) = (&self.values, &self.detector) else { return Err(wrong()) };
        if values.get(row).is_none_or(|v| v.is_nan()) {
            return Ok(ScalarValue::Float64(None));
        }
        let before = range.start..range.end.min(row).max(range.start);
        let score = if before == (0..row) {
            let scores = self.from_start.get_or_insert_with(|| detector.detect_until(values, LEVEL, &self.cancel).score);
            scores.get(row).copied()
        } else {
            let seen: Vec<f64> = before.chain([row]).filter_map(|i| values.get(i).copied()).collect();
            detector.detect_until(&seen, LEVEL, &self.cancel).score.last().copied()
        };
        self.cancel.check().map_err(outward)?;
        Ok(ScalarValue::Float64(score.filter(|s| s.is_finite())))
    }
}

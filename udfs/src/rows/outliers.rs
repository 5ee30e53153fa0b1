//! DETECT_OUTLIERS: rows unlike the others.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray};
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use headwater_anomaly::Status;
use headwater_anomaly::table::{Copod, Ecod, Hbos, IsolationForest, Pca, TableDetector, Vae};
use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use crate::error::arrow;
use crate::series::columns::{ID_COLS, ON_ERROR, doubles, id_places, numbers, place, twice};
use crate::table::{Arguments, Call, Constant, Definition, GroupFunction, Spec};

const FEATURES: Spec = Spec { name: "features", wanted: "a list of names of columns of numbers, such as ['a', 'b']" };
const METHOD: Spec = Spec { name: "method", wanted: "one of 'iforest', 'ecod', 'copod', 'hbos', 'pca', 'vae'" };
const CONTAMINATION: Spec =
    Spec { name: "contamination", wanted: "a number between 0 and 1, such as 0.01, or NULL for scores alone" };
const SEED: Spec = Spec { name: "seed", wanted: "a whole number between 0 and 1000000000" };

/// See the module.
pub(crate) const DEFINITION: Definition = Definition {
    name: "DETECT_OUTLIERS",
    arguments: &[FEATURES, ID_COLS, METHOD, CONTAMINATION, SEED, ON_ERROR],
    second_table: false,
    bind,
};

fn detector(name: &str, seed: u64) -> Option<Box<dyn TableDetector>> {
    let all: [Box<dyn TableDetector>; 6] = [
        Box::new(IsolationForest { seed, ..IsolationForest::default() }),
        Box::new(Ecod),
        Box::new(Copod),
        Box::new(Hbos::default()),
        Box::new(Pca),
        Box::new(Vae { seed, ..Vae::default() }),
    ];
    all.into_iter().find(|d| d.name() == name)
}

fn bind(arguments: &Arguments, fields: &[Arc<Field>]) -> Result<Call> {
    let mut places = id_places(arguments, fields)?;
    let ids = places.len();
    let names = arguments.texts("features")?;
    if names.is_empty() {
        return Err(arguments.missing("features"));
    }
    for name in &names {
        let feature = place(arguments, "features", name, fields)?;
        numbers(&fields[feature])?;
        places.push(feature);
    }
    twice(arguments, &places, fields)?;
    let sorted = places.len();
    let others: Vec<usize> = (0..fields.len()).filter(|i| !places.contains(i)).collect();
    places.extend(others);
    let name = arguments.text("method")?.unwrap_or("iforest");
    let seed = arguments.count("seed", 0..=1_000_000_000, 0)? as u64;
    let detector = detector(name, seed).ok_or_else(|| arguments.wrong("method", format!("'{name}'")))?;
    let contamination = match arguments.get("contamination") {
        None => Some(0.01),
        Some(Constant::Null) => None,
        Some(value) => match arguments.shares("contamination")?[..] {
            [one] => Some(one),
            _ => return Err(arguments.wrong("contamination", value)),
        },
    };
    let mut result: Vec<Field> = fields.iter().map(|f| nullable(f)).collect();
    let order = (0..fields.len()).filter_map(|i| places.iter().position(|p| *p == i)).collect();
    result.push(Field::new("score", DataType::Float64, true));
    result.push(Field::new("is_outlier", DataType::Boolean, true));
    result.push(Field::new("status", DataType::Utf8, false));
    let schema = Arc::new(Schema::new(result));
    let aborts = arguments.choice("on_error", &[("skip", false), ("abort", true)], false)?;
    let function = Outliers { schema: Arc::clone(&schema), order, features: ids..sorted, detector, contamination, aborts };
    Ok(Call { columns: places, ids, sorted, schema, function: Arc::new(function) })
}

fn nullable(field: &Field) -> Field {
    Field::new(field.name(), field.data_type().clone(), true).with_metadata(field.metadata().clone())
}

#[derive(Debug)]
struct Outliers {
    schema: SchemaRef,
    /// Places of the columns in a group, in the order of the input.
    order: Vec<usize>,
    features: std::ops::Range<usize>,
    detector: Box<dyn TableDetector>,
    contamination: Option<f64>,
    aborts: bool,
}

impl Outliers {
    fn rows(&self, group: &RecordBatch, scores: ArrayRef, flags: ArrayRef, status: &str) -> Result<RecordBatch> {
        let rows = group.num_rows();
        let status: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(status, rows)));
        let columns =
            self.order.iter().map(|place| Arc::clone(group.column(*place))).chain([scores, flags, status]).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(arrow)
    }
}

impl GroupFunction for Outliers {
    fn run(&self, group: &RecordBatch, cancel: &Cancel) -> Result<RecordBatch> {
        let columns: Vec<Vec<f64>> = group.columns()[self.features.clone()].iter().map(doubles).collect::<Result<_>>()?;
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let scores = self.detector.fit_score_until(&columns, cancel);
        cancel.check()?;
        if !matches!(scores.status, Status::Ok | Status::Constant) {
            return Err(Error::invalid(scores.status.to_string()));
        }
        let threshold = self.contamination.map(|share| scores.threshold(share));
        let flag = |score: &f64| threshold.map(|t| *score > t);
        let flags: BooleanArray = scores.score.iter().map(flag).collect();
        let status = scores.status.to_string();
        let scores: Float64Array = scores.score.into_iter().map(|s| s.is_finite().then_some(s)).collect();
        self.rows(group, Arc::new(scores), Arc::new(flags), &status)
    }

    fn failed(&self, group: &RecordBatch, status: &str) -> Result<RecordBatch> {
        let rows = group.num_rows();
        self.rows(group, Arc::new(Float64Array::new_null(rows)), Arc::new(BooleanArray::new_null(rows)), status)
    }

    fn aborts(&self) -> bool {
        self.aborts
    }

    fn bytes_per_row(&self) -> usize {
        8 * (3 * self.features.len() + 8)
    }
}

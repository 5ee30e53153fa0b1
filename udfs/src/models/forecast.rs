//! ML_FORECAST: the steps that a stored model forecasts.

use datafusion::arrow::array::RecordBatch;
use headwater_common::Result;

use super::library::Loaded;
use super::planner::{MODEL, VERSION};
use crate::table::{Arguments, Spec};

/// Name of the function.
pub(crate) const NAME: &str = "ML_FORECAST";
const HORIZON: Spec =
    Spec { name: "horizon", wanted: "a whole number of steps, at most the horizon that the model was trained with" };
/// Its arguments.
pub(crate) const ARGUMENTS: &[Spec] = &[MODEL, VERSION, HORIZON];

/// The forecasts. Errors: the model is none of series, or does not reach so far.
pub(crate) fn rows(loaded: &Loaded, arguments: &Arguments) -> Result<RecordBatch> {
    let model = loaded.series()?;
    let most = model.horizon().max(1);
    model.rows(arguments.count("horizon", 1..=most, most)?)
}

//! Cross-validation.

use headwater_common::Result;

use crate::context::Context;
use crate::data::{Table, Target};
use crate::estimator::Estimator;
use crate::metrics::{Metric, measure_all};
use crate::model::Algorithm;
use crate::validation::Fold;

/// Predictions of rows by fits that did not see them.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Rows that were judged, fold by fold.
    pub rows: Vec<usize>,
    /// Their predictions, output by output.
    pub predicted: Vec<Vec<f64>>,
    /// Their targets.
    pub known: Target,
}

impl Judged {
    /// All metrics that have a value, over the rows of all folds together.
    pub fn metrics(&self) -> Vec<(Metric, f64)> {
        measure_all(&self.known, &self.predicted)
    }
}

/// Fits on each fold's rows and predicts the others. Everything that is learnt, dictionaries and target means too, is
/// learnt from the fold's rows alone. `before` is asked before each fold; an error ends the validation.
/// Errors: those of the fits. O(folds x fit).
pub fn cross_validate(
    algorithm: &Algorithm,
    table: &Table,
    columns: &[String],
    target: &Target,
    folds: &[Fold],
    context: &Context,
    before: &mut dyn FnMut() -> Result<()>,
) -> Result<Judged> {
    let rows: Vec<usize> = folds.iter().flat_map(|f| f.test.clone()).collect();
    let mut predicted = vec![Vec::with_capacity(rows.len()); target.task().outputs()];
    for fold in folds {
        before()?;
        let estimator = Estimator::fit(algorithm, &table.take(&fold.train), columns, &target.take(&fold.train), context)?;
        let here = estimator.predict(&table.take(&fold.test))?;
        predicted.iter_mut().zip(here).for_each(|(all, here)| all.extend(here));
    }
    let known = target.take(&rows);
    Ok(Judged { rows, predicted, known })
}

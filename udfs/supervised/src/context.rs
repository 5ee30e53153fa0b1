//! What every fit is told besides its data.

use headwater_common::{Error, Result};
use headwater_timeseries::Cancel;

use crate::data::{Features, Table, Target};

/// Seed, cancellation and whether rows are in the order of time.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The same seed and rows give the same model.
    pub seed: u64,
    /// Looked at in every round of a fit.
    pub cancel: Cancel,
    /// Rows are in the order of time: what is held out is then always later than what is fitted.
    pub ordered: bool,
}

impl Context {
    /// The context with another seed, for part number `part` of a fit.
    pub(crate) fn part(&self, part: u64) -> Self {
        let seed = self.seed.wrapping_add((part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { seed, ..self.clone() }
    }
}

/// Errors: numbers of rows differ, or there are fewer than two.
pub(crate) fn check_rows(features: &Features, target: &Target) -> Result<()> {
    check_counts(features.rows(), target)
}

/// The same for rows that are not features yet.
pub(crate) fn check_rows_of(table: &Table, target: &Target) -> Result<()> {
    check_counts(table.rows(), target)
}

fn check_counts(rows: usize, target: &Target) -> Result<()> {
    if rows != target.len() {
        return Err(Error::internal("features and target have different numbers of rows"));
    }
    if target.len() < 2 {
        return Err(Error::invalid("a model needs two rows or more with a target"));
    }
    Ok(())
}

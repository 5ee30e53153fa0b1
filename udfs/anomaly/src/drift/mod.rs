//! Whether data is still distributed as it was.
//!
//! | test | statistic | drift when |
//! |---|---|---|
//! | [`PopulationStability`] | PSI over quantile bins of the reference | at least 0.2 |
//! | [`KolmogorovSmirnov`] | largest distance of the distribution functions | p-value below 0.05 |
//! | [`Adwin`] | adaptive window over the stream | the window was cut |
//!
//! Missing values (NaN and the infinities) are left out.

mod adwin;
mod kolmogorov_smirnov;
mod population_stability;

use std::fmt::Debug;

pub use adwin::Adwin;
pub use kolmogorov_smirnov::KolmogorovSmirnov;
pub use population_stability::PopulationStability;

use crate::status::Status;

/// Compares current data with a reference.
pub trait DriftTest: Debug + Send + Sync {
    /// The method's name in SQL.
    fn name(&self) -> &'static str;

    /// Compares the values of two samples, each in the order they came.
    fn compare(&self, reference: &[f64], current: &[f64]) -> Drift;
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// The test's statistic; NaN when there was nothing to compare.
    pub statistic: f64,
    /// Probability of so large a statistic without drift; NaN where the test has none.
    pub p_value: f64,
    /// Whether the test calls it drift.
    pub is_drift: bool,
    /// How far the samples could be compared.
    pub status: Status,
}

impl Drift {
    pub(crate) fn unknown(status: Status) -> Self {
        Self { statistic: f64::NAN, p_value: f64::NAN, is_drift: false, status }
    }
}

/// What is wrong with a pair of samples, if anything.
pub(crate) fn fault(reference: &[f64], current: &[f64]) -> Option<Status> {
    let of = |values: &[f64]| match crate::series::status_of(values, 1) {
        Status::Constant | Status::Ok => None,
        fault => Some(fault),
    };
    of(reference).or_else(|| of(current))
}

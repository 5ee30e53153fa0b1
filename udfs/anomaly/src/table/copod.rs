//! Rows with values in the tails of their columns, by the copula's rule.

use headwater_timeseries::Cancel;

use super::ecod::{FittedTails, fit_score};
use super::tails::Tail;
use super::{FittedDetector, TableDetector, TableScores};
use crate::status::Status;

/// COPOD (Li, Zhao, Botta, Ionescu, Hu: COPOD, copula-based outlier detection, ICDM 2020), by the rule of PyOD: for each value
/// the larger of the mean of both tails and the tail on the side of the skewness (both when there is none), summed over the
/// columns. O(n d) by radix sort; memory as [`super::Ecod`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copod;

fn rule(tail: Tail, skew_sign: f64) -> f64 {
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    let skewed = tail.right * sign(skew_sign + 1.0) - tail.left * sign(skew_sign - 1.0);
    skewed.max(0.5 * (tail.left + tail.right))
}

impl TableDetector for Copod {
    fn name(&self) -> &'static str {
        "copod"
    }

    fn fit_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        Ok(Box::new(FittedTails::fit(columns, rule)?))
    }

    fn fit_score_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> TableScores {
        fit_score(columns, rule)
    }
}

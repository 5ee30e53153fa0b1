//! The seasonal naive forecast.

use headwater_common::Result;
use headwater_timeseries::statistics::mean;

use crate::{Fitted, Forecaster, Path, Training};

/// Repeats the last season: the benchmark every other method must beat (Hyndman & Athanasopoulos, "Forecasting:
/// principles and practice", 2021, section 5.2). O(n).
#[derive(Debug, Clone, Copy, Default)]
pub struct SeasonalNaive {
    /// The season; when it is `None`, the one of the series of which it has two whose repetition has erred least so far.
    pub period: Option<usize>,
}

impl Forecaster for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal_naive"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let asked = self.period.filter(|p| *p > 0 && training.values.len() > *p);
        let period = asked.unwrap_or_else(|| least_error(training));
        Ok(Box::new(Repetition { values: training.values.to_vec(), period }))
    }
}

fn least_error(training: &Training<'_>) -> usize {
    let y = &training.values;
    let error = |p: usize| mean(&y[p..].iter().zip(y.iter()).map(|(now, then)| (now - then).abs()).collect::<Vec<_>>());
    let usable = training.periods.iter().copied().filter(|p| *p > 1 && y.len() >= 2 * p);
    usable.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(1)
}

#[derive(Debug)]
struct Repetition {
    values: Vec<f64>,
    period: usize,
}

impl Fitted for Repetition {
    fn model(&self) -> String {
        if self.period == 1 { "Naive".into() } else { format!("SeasonalNaive({})", self.period) }
    }

    fn fitted(&self) -> Vec<f64> {
        let n = self.values.len();
        std::iter::repeat_n(f64::NAN, self.period).chain(self.values.iter().copied()).take(n).collect()
    }

    fn path(&self, horizon: usize) -> Path {
        let n = self.values.len();
        let squares: Vec<f64> = (self.period..n).map(|t| (self.values[t] - self.values[t - self.period]).powi(2)).collect();
        let step = mean(&squares).sqrt();
        let last = &self.values[n - self.period..];
        Path {
            mean: last.iter().copied().cycle().take(horizon).collect(),
            deviation: (0..horizon).map(|h| step * ((h / self.period + 1) as f64).sqrt()).collect(),
        }
    }
}

//! Several seasons.

use headwater_common::Result;
use headwater_timeseries::mstl;

use crate::ets::AutoEts;
use crate::{Fitted, Forecaster, Path, Training};

/// Takes the seasons out by MSTL, forecasts the rest by another method (exponential smoothing by default) and repeats
/// the last season of each period (Bandara, Hyndman & Bergmeir, "MSTL", 2021). Periods of which the series has fewer
/// than two are left out; without any, the other method is all there is. O(MSTL + the other method).
#[derive(Debug)]
pub struct MultiSeasonal<F = AutoEts> {
    /// Forecasts the series without its seasons.
    pub rest: F,
}

impl Default for MultiSeasonal {
    fn default() -> Self {
        Self { rest: AutoEts::default() }
    }
}

/// The fit of a method to a series without the seasons that are longer than it estimates; `None` when there are none.
pub(crate) fn without_long_seasons<F: Forecaster + Copy>(
    method: &F,
    longest: usize,
    training: &Training<'_>,
) -> Result<Option<Box<dyn Fitted>>> {
    let periods = training.long_seasons(longest);
    if periods.is_empty() {
        return Ok(None);
    }
    let seasons = Training { periods: (&periods[..]).into(), ..training.with_values(&training.values) };
    MultiSeasonal { rest: *method }.fit_scaled(&seasons).map(Some)
}

impl<F: Forecaster> Forecaster for MultiSeasonal<F> {
    fn name(&self) -> &'static str {
        "mstl"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let y = &training.values;
        let usable = training.periods.iter().copied().filter(|p| *p > 1 && y.len() >= 2 * p);
        let mut periods: Vec<usize> = usable.collect();
        periods.sort_unstable();
        periods.dedup();
        if periods.is_empty() {
            return self.rest.fit_scaled(training);
        }
        let parts = mstl::decompose(y, &periods)?;
        let rest: Vec<f64> = parts.trend.iter().zip(&parts.remainder).map(|(t, r)| t + r).collect();
        let plain = Training { periods: (&[]).into(), ..training.with_values(&rest) };
        let rest = self.rest.fit_scaled(&plain)?;
        Ok(Box::new(MultiSeasonalFit { periods, seasonal: parts.seasonal, rest }))
    }
}

#[derive(Debug)]
struct MultiSeasonalFit {
    periods: Vec<usize>,
    seasonal: Vec<Vec<f64>>,
    rest: Box<dyn Fitted>,
}

impl Fitted for MultiSeasonalFit {
    fn model(&self) -> String {
        let periods: Vec<String> = self.periods.iter().map(usize::to_string).collect();
        format!("MSTL({}) + {}", periods.join(", "), self.rest.model())
    }

    fn fitted(&self) -> Vec<f64> {
        let mut fitted = self.rest.fitted();
        for seasonal in &self.seasonal {
            fitted.iter_mut().zip(seasonal).for_each(|(f, s)| *f += s);
        }
        fitted
    }

    fn path(&self, horizon: usize) -> Path {
        let mut path = self.rest.path(horizon);
        for (period, seasonal) in self.periods.iter().zip(&self.seasonal) {
            let last = &seasonal[seasonal.len() - period..];
            path.mean.iter_mut().zip(last.iter().cycle()).for_each(|(m, s)| *m += s);
        }
        path
    }
}

//! The method that is chosen when none is named: several methods, as much of each as a backtest trusts it.

mod backtest;
mod combine;
mod pool;

use headwater_common::{Error, Result};
use headwater_timeseries::conformal::Calibration;

use self::backtest::Backtest;
use self::combine::{combine, weights};
use self::pool::Pool;
use crate::{Fitted, Forecaster, Path, Training};

/// A robust mean of seasonal naive, exponential smoothing, dynamic optimised theta, complex exponential smoothing, ARIMA
/// and MSTL forecasts (as in Petropoulos & Svetunkov, "A simple combination of univariate models", 2020, sixth in the M4
/// competition), weighted by their squared errors at rolling origins (Bates & Granger, "The combination of forecasts",
/// 1969). Series that are mostly zero get methods for intermittent demand instead. The seasonal naive forecast is always
/// one of them, and one that runs away from the past is left out.
///
/// Intervals are calibrated by the errors of the combination at the same origins, with weights that have not seen the
/// origin ([`Calibration`]). O(origins x methods).
#[derive(Debug, Clone, Copy)]
pub struct Auto {
    /// Steps that will be forecast; the backtest looks as far where the series is long enough.
    pub horizon: usize,
    /// Most rolling origins.
    pub origins: usize,
}

impl Auto {
    /// The usual settings for forecasts of a number of steps.
    pub fn new(horizon: usize) -> Self {
        Self { horizon, origins: 3 }
    }
}

impl Forecaster for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let y = &training.values;
        let mut pool = Pool::new(training, self.horizon, self.origins);
        let backtest = Backtest::run(training, &mut pool)?;
        let calibration = backtest.calibration();
        pool.search_again();
        let mut members = Vec::new();
        let mut errors = Vec::new();
        for (i, fitted) in pool.fit(training)?.into_iter().enumerate() {
            let Some(fitted) = fitted else { continue };
            let path = fitted.path(self.horizon.clamp(1, crate::HORIZON_MAX));
            if i < pool.naive_count() || is_near(y, &path) {
                members.push(fitted);
                errors.push(backtest.error(i, None));
            }
        }
        if members.is_empty() {
            return Err(Error::internal("auto has lost its seasonal naive forecast"));
        }
        let weights = weights(&errors, backtest.steps());
        let floor = y.iter().all(|v| *v >= 0.0).then_some(0.0);
        Ok(Box::new(AutoFit { members, weights, calibration, floor, length: y.len() }))
    }
}

/// Whether a forecast stays within several ranges of the past.
fn is_near(y: &[f64], path: &Path) -> bool {
    let (low, high) = y.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let reach = 4.0 * (high - low);
    path.mean.iter().all(|v| (low - reach..=high + reach).contains(v)) && path.deviation.iter().all(|d| d.is_finite())
}

#[derive(Debug)]
struct AutoFit {
    members: Vec<Box<dyn Fitted>>,
    weights: Vec<f64>,
    calibration: Calibration,
    /// Forecasts of a series that is never negative are not negative.
    floor: Option<f64>,
    length: usize,
}

impl AutoFit {
    fn floored(&self, value: f64) -> f64 {
        self.floor.map_or(value, |floor| value.max(floor))
    }
}

impl Fitted for AutoFit {
    fn model(&self) -> String {
        let total: f64 = self.weights.iter().sum();
        let mut parts: Vec<(f64, String)> =
            self.weights.iter().zip(&self.members).map(|(w, m)| (100.0 * w / total, m.model())).collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown: Vec<String> = parts.iter().map(|(share, model)| format!("{share:.0} % {model}")).collect();
        format!("Auto[{}]", shown.join(", "))
    }

    fn fitted(&self) -> Vec<f64> {
        let (mut sums, mut totals) = (vec![0.0; self.length], vec![0.0; self.length]);
        for (weight, member) in self.weights.iter().zip(&self.members) {
            for (t, value) in member.fitted().into_iter().enumerate().filter(|(_, v)| v.is_finite()) {
                sums[t] += weight * value;
                totals[t] += weight;
            }
        }
        sums.iter().zip(totals).map(|(sum, total)| if total > 0.0 { sum / total } else { f64::NAN }).collect()
    }

    fn path(&self, horizon: usize) -> Path {
        let paths: Vec<Path> = self.members.iter().map(|member| member.path(horizon)).collect();
        let mut path = combine(&paths.iter().collect::<Vec<_>>(), &self.weights);
        path.mean.iter_mut().for_each(|v| *v = self.floored(*v));
        path
    }

    fn bounds(&self, path: &Path, level: f64) -> Vec<(f64, f64)> {
        let z = self.calibration.multiplier(level);
        path.mean.iter().zip(&path.deviation).map(|(m, d)| (self.floored(m - z * d), self.floored(m + z * d))).collect()
    }
}

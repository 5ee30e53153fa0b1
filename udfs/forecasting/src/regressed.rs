//! Regressors for methods that have none of their own.

use headwater_common::Result;
use headwater_timeseries::statistics::is_constant;

use crate::additive::Additive;
use crate::naive::SeasonalNaive;
use crate::{Fitted, Forecaster, Path, Training};

/// Takes the effects of regressors, as the additive model finds them beside trend and seasons, out of the series, forecasts what is
/// left by another method, and adds the effects of the steps to come: a regression whose errors are a time series (Hyndman &
/// Athanasopoulos, "Forecasting: principles and practice", 2021, chapter 10), in two steps. O(additive model + the other method).
#[derive(Debug)]
pub struct Regressed {
    /// Forecasts the series without the effects.
    pub rest: Box<dyn Forecaster>,
    /// As those of [`Additive`].
    pub regressors: Vec<Vec<f64>>,
}

impl Forecaster for Regressed {
    fn name(&self) -> &'static str {
        self.rest.name()
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let additive = Additive { regressors: self.regressors.clone(), ..Additive::default() };
        let effects = additive.effects(training)?;
        let values: Vec<f64> = training.values.iter().zip(&effects).map(|(v, e)| v - e).collect();
        let rest = match is_constant(&values) {
            true => SeasonalNaive { period: Some(1) }.fit_scaled(&training.with_values(&values))?,
            false => self.rest.fit_scaled(&training.with_values(&values))?,
        };
        Ok(Box::new(RegressedFit { rest, effects, history: values.len(), count: self.regressors.len() }))
    }
}

#[derive(Debug)]
struct RegressedFit {
    rest: Box<dyn Fitted>,
    /// Of the history and the steps that regressors are known for.
    effects: Vec<f64>,
    history: usize,
    count: usize,
}

impl RegressedFit {
    /// The effect at a step to come; beyond what is known there is none.
    fn effect(&self, step: usize) -> f64 {
        self.effects.get(self.history + step).copied().unwrap_or(0.0)
    }
}

impl Fitted for RegressedFit {
    fn model(&self) -> String {
        let regressors = if self.count == 1 { "regressor" } else { "regressors" };
        format!("{} + {} {regressors}", self.rest.model(), self.count)
    }

    fn fitted(&self) -> Vec<f64> {
        self.rest.fitted().iter().zip(&self.effects).map(|(f, e)| f + e).collect()
    }

    fn path(&self, horizon: usize) -> Path {
        let mut path = self.rest.path(horizon);
        path.mean.iter_mut().enumerate().for_each(|(h, m)| *m += self.effect(h));
        path
    }

    fn bounds(&self, path: &Path, level: f64) -> Vec<(f64, f64)> {
        let mean = path.mean.iter().enumerate().map(|(h, m)| m - self.effect(h)).collect();
        let bounds = self.rest.bounds(&Path { mean, deviation: path.deviation.clone() }, level);
        bounds.into_iter().enumerate().map(|(h, (low, high))| (low + self.effect(h), high + self.effect(h))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    #[test]
    fn the_effects_of_known_days_are_forecast_by_every_method() {
        let promotion: Vec<f64> = (0..130).map(|t| f64::from(u8::from(t * t % 11 == 4))).collect();
        let y: Vec<f64> = (0..120).map(|t| 50.0 + 3.0 * (t % 7) as f64 + 0.1 * t as f64 + 20.0 * promotion[t]).collect();
        for method in
            [Method::SeasonalNaive, Method::AutoEts, Method::AutoArima, Method::AutoTheta, Method::Mstl, Method::Auto]
        {
            let forecaster = Regressed { rest: method.forecaster(10), regressors: vec![promotion.clone()] };
            let fit = forecaster.fit(&Training::new(&y, &[7])).unwrap();
            let (forecast, bounds) = (fit.forecast(10).unwrap(), fit.intervals(10, 0.9).unwrap());
            for h in 0..10 {
                let t = 120 + h;
                let came = 50.0 + 3.0 * (t % 7) as f64 + 0.1 * t as f64 + 20.0 * promotion[t];
                assert!((forecast[h] - came).abs() < 4.0, "{method:?} {h}: {} {came}", forecast[h]);
                assert!(bounds[h].0 <= forecast[h] && forecast[h] <= bounds[h].1, "{method:?}");
            }
        }
    }
}

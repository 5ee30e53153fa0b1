//! Theta models.

use headwater_common::{Error, Result};
use headwater_timeseries::classical::{self, Season};
use headwater_timeseries::linear::straight_line;
use headwater_timeseries::nelder_mead;
use headwater_timeseries::seasonality;
use headwater_timeseries::statistics::deviation;

use crate::{Fitted, Forecaster, Path, Training};

/// Which theta model: with a trend over the whole past or one that is learnt on the way (dynamic), and with theta 2 or
/// an estimated theta (optimised).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Standard theta model (Assimakopoulos & Nikolopoulos, "The theta model", 2000).
    Standard,
    /// Optimised theta model.
    Optimised,
    /// Dynamic standard theta model.
    DynamicStandard,
    /// Dynamic optimised theta model.
    DynamicOptimised,
}

impl Variant {
    const ALL: [Self; 4] = [Self::Standard, Self::Optimised, Self::DynamicStandard, Self::DynamicOptimised];

    fn is_dynamic(self) -> bool {
        matches!(self, Self::DynamicStandard | Self::DynamicOptimised)
    }

    fn is_optimised(self) -> bool {
        matches!(self, Self::Optimised | Self::DynamicOptimised)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Standard => "STM",
            Self::Optimised => "OTM",
            Self::DynamicStandard => "DSTM",
            Self::DynamicOptimised => "DOTM",
        }
    }
}

/// Theta models in state space form (Fiorucci et al., "Models for optimising the theta method and their relationship to
/// state space models", 2016), on the series without season where the season is significant. Parameters minimise the
/// squared error, by Nelder-Mead. O(evaluations x n).
#[derive(Debug, Clone, Copy, Default)]
pub struct Theta {
    /// The model; the one with the least squared error when it is `None`.
    pub variant: Option<Variant>,
}

impl Forecaster for Theta {
    fn name(&self) -> &'static str {
        match self.variant {
            None => "auto_theta",
            Some(Variant::Standard) => "theta",
            Some(Variant::Optimised) => "optimised_theta",
            Some(Variant::DynamicStandard) => "dynamic_theta",
            Some(Variant::DynamicOptimised) => "dynamic_optimised_theta",
        }
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let adjusted = Adjusted::new(&training.values, training.significant_period());
        let variants = self.variant.as_ref().map_or(&Variant::ALL[..], std::slice::from_ref);
        let mut best: Option<(f64, Variant, [f64; 3])> = None;
        for variant in variants {
            training.cancel.check()?;
            let (error, parameters) = estimate(&adjusted.values, *variant);
            if error.is_finite() && best.is_none_or(|best| error < best.0) {
                best = Some((error, *variant, parameters));
            }
        }
        let (_, variant, [level, alpha, theta]) =
            best.ok_or_else(|| Error::invalid("no theta model fits the series; choose another model"))?;
        let mut fitted = Vec::with_capacity(adjusted.values.len());
        let state =
            State::run(&adjusted.values, variant.is_dynamic(), level, alpha, theta, |forecast| fitted.push(forecast));
        let errors: Vec<f64> = adjusted.values.iter().zip(&fitted).skip(BURN_IN).map(|(y, f)| y - f).collect();
        let step = deviation(&errors);
        Ok(Box::new(ThetaFit { adjusted, variant, state, alpha, theta, step, fitted }))
    }
}

/// Errors of the first values, which the start decides, do not count.
const BURN_IN: usize = 3;

/// A series without its season.
#[derive(Debug)]
pub(crate) struct Adjusted {
    pub(crate) values: Vec<f64>,
    indices: Vec<f64>,
    season: Season,
}

impl Adjusted {
    /// Takes the season out if it is significant: multiplicatively where values and indices allow it.
    pub(crate) fn new(y: &[f64], period: usize) -> Self {
        let none = || Self { values: y.to_vec(), indices: Vec::new(), season: Season::Additive };
        if period < 2 || !seasonality::is_seasonal(y, period) {
            return none();
        }
        let multiplicative = classical::indices(y, period, Season::Multiplicative);
        let (season, indices) = match multiplicative.filter(|indices| indices.iter().all(|v| *v >= 0.01)) {
            Some(indices) => (Season::Multiplicative, indices),
            None => match classical::indices(y, period, Season::Additive) {
                Some(indices) => (Season::Additive, indices),
                None => return none(),
            },
        };
        Self { values: classical::adjust(y, &indices, season), indices, season }
    }

    /// Puts the season back: `mean` and `deviation` of the place `first` and after.
    pub(crate) fn restore(&self, first: usize, path: &mut Path) {
        if self.indices.is_empty() {
            return;
        }
        for (h, (mean, deviation)) in path.mean.iter_mut().zip(&mut path.deviation).enumerate() {
            let index = self.indices[(first + h) % self.indices.len()];
            match self.season {
                Season::Additive => *mean += index,
                Season::Multiplicative => {
                    *mean *= index;
                    *deviation *= index;
                }
            }
        }
    }
}

/// Mean squared error and start level, alpha and theta of the best fit.
fn estimate(y: &[f64], variant: Variant) -> (f64, [f64; 3]) {
    let parameters = |x: &[f64]| [x[0], x[1], if variant.is_optimised() { x[2] } else { 2.0 }];
    let error = |x: &[f64]| {
        let [level, alpha, theta] = parameters(x);
        if !(0.1..=0.99).contains(&alpha) || !(1.0..=1e10).contains(&theta) {
            return f64::INFINITY;
        }
        let (mut t, mut sum) = (0, 0.0);
        State::run(y, variant.is_dynamic(), level, alpha, theta, |forecast| {
            if t >= BURN_IN {
                sum += (y[t] - forecast).powi(2);
            }
            t += 1;
        });
        sum / y.len().saturating_sub(BURN_IN).max(1) as f64
    };
    let size = y[0].abs().max(0.1);
    let (start, steps) = ([y[0] / 2.0, 0.5, 2.0], [0.1 * size, 0.1, 0.5]);
    let dimensions = if variant.is_optimised() { 3 } else { 2 };
    let bounds = nelder_mead::Bounds { evaluations_max: 500, tolerance: 1e-7 };
    let found = nelder_mead::minimize(error, &start[..dimensions], &steps[..dimensions], bounds);
    (found.value, parameters(&found.x))
}

/// State after some values.
#[derive(Debug, Clone, Copy)]
struct State {
    count: usize,
    level: f64,
    mean: f64,
    intercept: f64,
    slope: f64,
    dynamic: bool,
    /// (1 - alpha) to the power of `count`.
    decay: f64,
}

impl State {
    fn run(y: &[f64], dynamic: bool, level: f64, alpha: f64, theta: f64, mut each: impl FnMut(f64)) -> Self {
        let (first, slope) = if dynamic { (y[0], 0.0) } else { straight_line(y) };
        // The line is counted from 1 on.
        let mut state = Self { count: 0, level, mean: 0.0, intercept: first - slope, slope, dynamic, decay: 1.0 };
        for value in y {
            let forecast = if dynamic && state.count == 0 { y[0] } else { state.forecast(alpha, theta) };
            each(forecast);
            state.update(*value, alpha);
        }
        state
    }

    /// The next value: the level, and the part of the trend that the smoothing has not caught up with.
    fn forecast(&self, alpha: f64, theta: f64) -> f64 {
        let trend = self.intercept * self.decay + self.slope * (1.0 - self.decay * (1.0 - alpha)) / alpha;
        self.level + (1.0 - 1.0 / theta) * trend
    }

    fn update(&mut self, value: f64, alpha: f64) {
        let i = self.count as f64;
        self.level = alpha * value + (1.0 - alpha) * self.level;
        self.decay *= 1.0 - alpha;
        if self.dynamic {
            // The straight line through all values so far, one value further.
            if self.count > 0 {
                self.slope = ((i - 1.0) * self.slope + 6.0 * (value - self.mean) / (i + 1.0)) / (i + 2.0);
            }
            self.mean = (i * self.mean + value) / (i + 1.0);
            self.intercept = self.mean - self.slope * (i + 2.0) / 2.0;
        }
        self.count += 1;
    }
}

#[derive(Debug)]
struct ThetaFit {
    adjusted: Adjusted,
    variant: Variant,
    state: State,
    alpha: f64,
    theta: f64,
    step: f64,
    fitted: Vec<f64>,
}

impl Fitted for ThetaFit {
    fn model(&self) -> String {
        let season = if self.adjusted.indices.is_empty() { "" } else { ", seasonally adjusted" };
        format!("{}(theta {:.2}{season})", self.variant.name(), self.theta)
    }

    fn fitted(&self) -> Vec<f64> {
        let mut path = Path { mean: self.fitted.clone(), deviation: vec![0.0; self.fitted.len()] };
        self.adjusted.restore(0, &mut path);
        path.mean
    }

    fn path(&self, horizon: usize) -> Path {
        let mut state = self.state;
        let mut path = Path::default();
        for h in 0..horizon {
            let forecast = state.forecast(self.alpha, self.theta);
            state.update(forecast, self.alpha);
            path.mean.push(forecast);
            path.deviation.push(self.step * (1.0 + h as f64 * self.alpha * self.alpha).sqrt());
        }
        self.adjusted.restore(self.adjusted.values.len(), &mut path);
        path
    }
}

//! The smoothing recursion forwards, and its derivatives backwards.

use super::initial::Start;
use super::model::{Layout, Noise, Season, Smoothing, States};

/// Memory of one series and model.
#[derive(Debug)]
pub(super) struct Recursion<'a> {
    y: &'a [f64],
    layout: Layout,
    /// For each step: slope before it, level moved on, seasonal state before it, error.
    trace: Vec<[f64; 4]>,
}

impl<'a> Recursion<'a> {
    pub(super) fn new(y: &'a [f64], layout: Layout) -> Self {
        Self { y, layout, trace: vec![[0.0; 4]; y.len()] }
    }

    /// -2 log likelihood up to a constant, and its gradient by reverse accumulation. O(n).
    pub(super) fn objective(&mut self, start: &Start, u: &[f64], gradient: &mut [f64]) -> f64 {
        let (smoothing, states) = self.layout.unpack(start, u);
        if self.run(&smoothing, states).is_none() {
            return f64::INFINITY;
        }
        let n = self.y.len() as f64;
        let relative = self.layout.kind.noise == Noise::Multiplicative;
        let (mut squares, mut logs) = (0.0, 0.0);
        let mut product = 1.0_f64;
        for (t, value) in self.y.iter().enumerate() {
            let error = self.trace[t][3];
            if relative {
                let forecast = value - error;
                squares += (error / forecast).powi(2);
                // One logarithm for many factors: they are around 1, and a product of few cannot overflow.
                product *= forecast.abs();
                if !(1e-100..1e100).contains(&product) {
                    logs += product.ln();
                    product = 1.0;
                }
            } else {
                squares += error * error;
            }
        }
        logs += product.ln();
        if !(squares > 1e-30) {
            // A perfect fit: its likelihood has no bound.
            gradient.fill(0.0);
            return n * 1e-30_f64.ln() + 2.0 * logs;
        }
        let (by, by_states) = self.backward(&smoothing, 2.0 * n / squares, relative);
        self.layout.chain(start, u, &by, &by_states, gradient);
        n * squares.ln() + 2.0 * logs
    }

    /// Runs over the series; `None` when a state leaves the range of numbers or a multiplicative model loses its sign.
    pub(super) fn run(&mut self, smoothing: &Smoothing, states: States) -> Option<States> {
        let States { mut level, mut slope, mut seasonal } = states;
        let Smoothing { alpha, beta, gamma, damping } = *smoothing;
        let period = self.layout.period;
        let relative = self.layout.kind.noise == Noise::Multiplicative;
        let mut phase = 0;
        for (value, trace) in self.y.iter().zip(&mut self.trace) {
            let base = level + damping * slope;
            let season = seasonal[phase];
            let error = match self.layout.kind.season {
                Season::None => {
                    let error = value - base;
                    *trace = [slope, base, 0.0, error];
                    (level, slope) = (base + alpha * error, damping * slope + beta * error);
                    error
                }
                Season::Additive => {
                    let error = value - base - season;
                    *trace = [slope, base, season, error];
                    (level, slope) = (base + alpha * error, damping * slope + beta * error);
                    seasonal[phase] = season + gamma * error;
                    error
                }
                Season::Multiplicative => {
                    let error = value - base * season;
                    *trace = [slope, base, season, error];
                    (level, slope) = (base + alpha * error / season, damping * slope + beta * error / season);
                    seasonal[phase] = season + gamma * error / base;
                    if !(season > 1e-8) || !(base > 1e-8) {
                        return None;
                    }
                    error
                }
            };
            if relative && !(value - error > 1e-8) {
                return None;
            }
            phase += 1;
            if phase == period {
                phase = 0;
            }
        }
        (level.is_finite() && slope.is_finite()).then_some(States { level, slope, seasonal })
    }

    /// Derivatives by the parameters and the start states; `weight` is that of the error's square.
    fn backward(&self, smoothing: &Smoothing, weight: f64, relative: bool) -> (Smoothing, States) {
        let Smoothing { alpha, beta, gamma, damping } = *smoothing;
        let period = self.layout.period;
        let multiplicative = self.layout.kind.season == Season::Multiplicative;
        let has_season = self.layout.has_season();
        let mut by = Smoothing { alpha: 0.0, beta: 0.0, gamma: 0.0, damping: 0.0 };
        let mut states = States { level: 0.0, slope: 0.0, seasonal: vec![0.0; period] };
        let mut phase = self.y.len() % period;
        for (value, [slope, base, season, error]) in self.y.iter().zip(&self.trace).rev() {
            phase = if phase == 0 { period - 1 } else { phase - 1 };
            let by_season = states.seasonal[phase];
            let forecast = value - error;
            let direct =
                if relative { (2.0 - weight * (error / forecast) * value / forecast) / forecast } else { -weight * error };
            let (by_base, by_old) = if multiplicative {
                let pull = alpha * states.level + beta * states.slope;
                by.alpha += states.level * error / season;
                by.beta += states.slope * error / season;
                by.gamma += by_season * error / base;
                let by_forecast = direct - pull / season - gamma * by_season / base;
                (
                    states.level + by_forecast * season - gamma * by_season * error / (base * base),
                    by_season + by_forecast * base - pull * error / (season * season),
                )
            } else {
                by.alpha += states.level * error;
                by.beta += states.slope * error;
                by.gamma += by_season * error;
                let by_forecast = direct - alpha * states.level - beta * states.slope - gamma * by_season;
                (states.level + by_forecast, by_season + by_forecast)
            };
            by.damping += (by_base + states.slope) * slope;
            states.level = by_base;
            states.slope = damping * (by_base + states.slope);
            if has_season {
                states.seasonal[phase] = by_old;
            }
        }
        (by, states)
    }

    /// Forecasts of the last run, one step ahead.
    pub(super) fn fitted(&self) -> Vec<f64> {
        self.y.iter().zip(&self.trace).map(|(y, trace)| y - trace[3]).collect()
    }
}

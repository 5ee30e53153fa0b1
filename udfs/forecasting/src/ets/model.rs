//! Components, parameters and where they stand in the vector that is optimised.

use std::fmt;

use super::initial::Start;

/// How errors act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// They are added.
    Additive,
    /// They grow with the forecast.
    Multiplicative,
}

/// How the level moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Not at all.
    None,
    /// By the slope.
    Additive,
    /// By a slope that shrinks.
    Damped,
}

/// How the season acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    /// Not at all.
    None,
    /// It is added.
    Additive,
    /// It multiplies.
    Multiplicative,
}

/// The components of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Errors.
    pub noise: Noise,
    /// Trend.
    pub trend: Trend,
    /// Season.
    pub season: Season,
}

impl Kind {
    /// Simple exponential smoothing.
    pub const SIMPLE: Self = Self { noise: Noise::Additive, trend: Trend::None, season: Season::None };

    /// All models that a series with this period (1 for none) may have.
    pub fn admissible(period: usize, positive: bool) -> Vec<Self> {
        let mut kinds = Vec::with_capacity(15);
        for noise in [Noise::Additive, Noise::Multiplicative] {
            for trend in [Trend::None, Trend::Additive, Trend::Damped] {
                for season in [Season::None, Season::Additive, Season::Multiplicative] {
                    let multiplicative = noise == Noise::Multiplicative || season == Season::Multiplicative;
                    let infinite = noise == Noise::Additive && season == Season::Multiplicative;
                    if !infinite && (positive || !multiplicative) && (period > 1 || season == Season::None) {
                        kinds.push(Self { noise, trend, season });
                    }
                }
            }
        }
        kinds
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noise = if self.noise == Noise::Additive { "A" } else { "M" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let season = match self.season {
            Season::None => "N",
            Season::Additive => "A",
            Season::Multiplicative => "M",
        };
        write!(f, "ETS({noise},{trend},{season})")
    }
}

/// Smoothing parameters in the usual region: 0 < alpha < 1, 0 < beta < alpha, 0 < gamma < 1 - alpha, 0.8 < phi < 0.98.
#[derive(Debug, Clone, Copy)]
pub(super) struct Smoothing {
    pub(super) alpha: f64,
    pub(super) beta: f64,
    pub(super) gamma: f64,
    /// Phi; 1 for a trend that is not damped, 0 for none.
    pub(super) damping: f64,
}

/// States before the first value.
#[derive(Debug, Clone)]
pub(super) struct States {
    pub(super) level: f64,
    pub(super) slope: f64,
    pub(super) seasonal: Vec<f64>,
}

/// Order of the optimised vector: alpha, beta, phi, gamma, level, slope, all seasonal states but the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) kind: Kind,
    pub(super) period: usize,
}

const LOW: f64 = 1e-4;
const PHI_LOW: f64 = 0.8;
const PHI_HIGH: f64 = 0.98;

fn sigmoid(u: f64) -> f64 {
    1.0 / (1.0 + (-u).exp())
}

/// A value between 0 and 1 as an argument of the sigmoid, kept off its flat ends.
pub(super) fn logit(p: f64) -> f64 {
    let p = p.clamp(1e-3, 1.0 - 1e-3);
    (p / (1.0 - p)).ln()
}

impl Layout {
    pub(super) fn new(kind: Kind, period: usize) -> Self {
        Self { kind, period: if kind.season == Season::None { 1 } else { period } }
    }

    pub(super) fn has_trend(&self) -> bool {
        self.kind.trend != Trend::None
    }

    pub(super) fn is_damped(&self) -> bool {
        self.kind.trend == Trend::Damped
    }

    pub(super) fn has_season(&self) -> bool {
        self.kind.season != Season::None
    }

    /// Number of smoothing parameters.
    pub(super) fn smoothing_count(&self) -> usize {
        1 + usize::from(self.has_trend()) + usize::from(self.is_damped()) + usize::from(self.has_season())
    }

    /// Number of all parameters.
    pub(super) fn count(&self) -> usize {
        self.smoothing_count() + 1 + usize::from(self.has_trend()) + self.period - 1
    }

    pub(super) fn smoothing(&self, u: &[f64]) -> Smoothing {
        let mut next = 1;
        let mut take = |present: bool| {
            present.then(|| {
                next += 1;
                sigmoid(u[next - 1])
            })
        };
        let alpha = LOW + (1.0 - 2.0 * LOW) * sigmoid(u[0]);
        let beta = take(self.has_trend()).map_or(0.0, |v| alpha * v);
        let damping = match take(self.is_damped()) {
            Some(v) => PHI_LOW + (PHI_HIGH - PHI_LOW) * v,
            None => f64::from(self.has_trend()),
        };
        let gamma = take(self.has_season()).map_or(0.0, |v| (1.0 - alpha) * v);
        Smoothing { alpha, beta, gamma, damping }
    }

    pub(super) fn unpack(&self, start: &Start, u: &[f64]) -> (Smoothing, States) {
        let mut at = self.smoothing_count();
        let mut take = |offset: f64, step: f64| {
            at += 1;
            offset + step * u[at - 1]
        };
        let level = take(start.level, start.step);
        let slope = if self.has_trend() { take(start.slope, start.slope_step) } else { 0.0 };
        let mut seasonal: Vec<f64> = Vec::with_capacity(self.period);
        if self.has_season() {
            seasonal.extend(start.seasonal[..self.period - 1].iter().map(|s| take(*s, start.step)));
            let total = if self.kind.season == Season::Additive { 0.0 } else { self.period as f64 };
            seasonal.push(total - seasonal.iter().sum::<f64>());
        } else {
            seasonal.push(f64::from(self.kind.season == Season::Multiplicative));
        }
        (self.smoothing(u), States { level, slope, seasonal })
    }

    /// Turns derivatives by parameters and start states into those by the optimised vector.
    pub(super) fn chain(&self, start: &Start, u: &[f64], by: &Smoothing, states: &States, gradient: &mut [f64]) {
        let now = self.smoothing(u);
        let slope_of = |v: f64| v * (1.0 - v);
        let mut next = 1;
        let mut by_alpha = by.alpha;
        if self.has_trend() {
            let v = sigmoid(u[next]);
            by_alpha += by.beta * v;
            gradient[next] = by.beta * now.alpha * slope_of(v);
            next += 1;
        }
        if self.is_damped() {
            gradient[next] = by.damping * (PHI_HIGH - PHI_LOW) * slope_of(sigmoid(u[next]));
            next += 1;
        }
        if self.has_season() {
            let w = sigmoid(u[next]);
            by_alpha -= by.gamma * w;
            gradient[next] = by.gamma * (1.0 - now.alpha) * slope_of(w);
            next += 1;
        }
        gradient[0] = by_alpha * (1.0 - 2.0 * LOW) * slope_of(sigmoid(u[0]));
        gradient[next] = states.level * start.step;
        next += 1;
        if self.has_trend() {
            gradient[next] = states.slope * start.slope_step;
            next += 1;
        }
        if self.has_season() {
            let last = states.seasonal[self.period - 1];
            for phase in 0..self.period - 1 {
                gradient[next + phase] = (states.seasonal[phase] - last) * start.step;
            }
        }
    }
}

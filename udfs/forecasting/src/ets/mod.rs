//! Exponential smoothing in state space form.

mod initial;
mod model;
mod recursion;
mod spread;

use headwater_common::{Error, Result};
use headwater_timeseries::lbfgs;

use self::initial::Start;
pub use self::model::{Kind, Noise, Season, Trend};
use self::model::{Layout, Smoothing};
use self::recursion::Recursion;
use crate::multiseasonal::without_long_seasons;
use crate::{Fitted, Forecaster, Path, Training};

/// All admissible models (additive or multiplicative errors and seasons; no, additive or damped trend), chosen by the
/// corrected Akaike criterion (Hyndman et al., "Forecasting with exponential smoothing: the state space approach", 2008).
///
/// Combinations whose variance is infinite (additive errors with a multiplicative season) and multiplicative trends are
/// left out, as in the book's own software. Start values are estimated with the smoothing parameters, by L-BFGS on the
/// likelihood's exact gradient. O(models x steps x n), for any season.
#[derive(Debug, Clone, Copy)]
pub struct AutoEts {
    /// Longest season that is estimated; a longer one that is plain is taken out by MSTL before.
    pub period_max: usize,
}

impl Default for AutoEts {
    fn default() -> Self {
        Self { period_max: 24 }
    }
}

impl Forecaster for AutoEts {
    fn name(&self) -> &'static str {
        "auto_ets"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        if let Some(fit) = without_long_seasons(self, self.period_max, training)? {
            return Ok(fit);
        }
        let y = &training.values;
        let period = training.period(self.period_max);
        let positive = y.iter().all(|v| *v > 0.0);
        let mut best: Option<EtsFit> = None;
        for kind in Kind::admissible(period, positive) {
            training.cancel.check()?;
            // Fewer values than this cannot tell the parameters apart.
            if y.len() < Layout::new(kind, period).count() + 3 && kind != Kind::SIMPLE {
                continue;
            }
            let Some(fit) = EtsFit::new(y, kind, period) else { continue };
            if best.as_ref().is_none_or(|best| fit.aicc < best.aicc) {
                best = Some(fit);
            }
        }
        match best {
            Some(fit) => Ok(Box::new(fit)),
            None => Err(Error::invalid("no model of exponential smoothing fits the series; choose another model")),
        }
    }
}

/// One model of exponential smoothing.
#[derive(Debug, Clone, Copy)]
pub struct Ets {
    /// Its components.
    pub kind: Kind,
}

impl Forecaster for Ets {
    fn name(&self) -> &'static str {
        "ets"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let period = if self.kind.season == Season::None { 1 } else { training.period(usize::MAX) };
        if !Kind::admissible(period, training.values.iter().all(|v| *v > 0.0)).contains(&self.kind) {
            return Err(Error::invalid(format!("{} does not suit the series; use auto_ets", self.kind)));
        }
        let fit = EtsFit::new(&training.values, self.kind, period);
        let fit =
            fit.ok_or_else(|| Error::invalid(format!("{} cannot be fitted to the series; use auto_ets", self.kind)))?;
        Ok(Box::new(fit))
    }
}

/// A fitted model.
#[derive(Debug)]
pub(crate) struct EtsFit {
    kind: Kind,
    period: usize,
    smoothing: Smoothing,
    level: f64,
    slope: f64,
    /// Seasonal states by phase of the series' first value.
    seasonal: Vec<f64>,
    length: usize,
    variance: f64,
    fitted: Vec<f64>,
    pub(crate) aicc: f64,
}

impl EtsFit {
    /// Fits a model; `None` when its likelihood is not finite.
    pub(crate) fn new(y: &[f64], kind: Kind, period: usize) -> Option<Self> {
        let layout = Layout::new(kind, period);
        let start = Start::new(y, kind, period)?;
        let mut recursion = Recursion::new(y, layout);
        let bounds = lbfgs::Bounds { steps_max: 200, gradient_tolerance: 1e-6, value_tolerance: 1e-9 };
        let found = lbfgs::minimize(|u, gradient| recursion.objective(&start, u, gradient), &start.u, bounds);
        if !found.value.is_finite() {
            return None;
        }
        let n = y.len() as f64;
        let k = layout.count() as f64 + 1.0;
        let spare = n - k - 1.0;
        let correction = if spare > 0.0 { 2.0 * k * (k + 1.0) / spare } else { f64::INFINITY };
        let aicc = if kind == Kind::SIMPLE && spare <= 0.0 { f64::MAX } else { found.value + 2.0 * k + correction };
        let (smoothing, states) = layout.unpack(&start, &found.x);
        let last = recursion.run(&smoothing, states)?;
        let fitted = recursion.fitted();
        let relative = kind.noise == Noise::Multiplicative;
        let errors = y.iter().zip(&fitted).map(|(y, f)| if relative { (y - f) / f } else { y - f });
        let variance = errors.map(|e| e * e).sum::<f64>() / (n - layout.count() as f64).max(1.0);
        let (level, slope, seasonal) = (last.level, last.slope, last.seasonal);
        let sound = variance.is_finite() && level.is_finite() && slope.is_finite();
        sound.then_some(Self { kind, period, smoothing, level, slope, seasonal, length: y.len(), variance, fitted, aicc })
    }

    /// Level and trend of the next steps, without the season.
    fn base(&self, horizon: usize) -> Vec<f64> {
        let (mut base, mut slope) = (self.level, self.slope);
        let damping = self.smoothing.damping;
        let mut out = Vec::with_capacity(horizon);
        for _ in 0..horizon {
            slope *= damping;
            base += slope;
            out.push(base);
        }
        out
    }
}

impl Fitted for EtsFit {
    fn model(&self) -> String {
        self.kind.to_string()
    }

    fn fitted(&self) -> Vec<f64> {
        self.fitted.clone()
    }

    fn path(&self, horizon: usize) -> Path {
        let base = self.base(horizon);
        let seasonal = |h: usize| self.seasonal[(self.length + h) % self.period];
        let mean: Vec<f64> = match self.kind.season {
            Season::None => base.clone(),
            Season::Additive => base.iter().enumerate().map(|(h, b)| b + seasonal(h)).collect(),
            Season::Multiplicative => base.iter().enumerate().map(|(h, b)| b * seasonal(h)).collect(),
        };
        let deviation = self.deviations(&base, &mean);
        Path { mean, deviation }
    }
}

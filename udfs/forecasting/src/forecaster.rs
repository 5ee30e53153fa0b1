//! What every method does: fit a series, forecast it, say how sure it is.

use std::borrow::Cow;
use std::fmt::Debug;

use headwater_common::{Error, Result};
use headwater_timeseries::statistics::{is_constant, mean};
use headwater_timeseries::{Cancel, normal, seasonality};

/// Most steps that can be forecast at once.
pub const HORIZON_MAX: usize = 10_000;

/// Most observations that a fit looks at; of longer series the last ones.
pub const HISTORY_MAX: usize = 10_000;

/// A regular series to learn from.
#[derive(Debug, Clone, Default)]
pub struct Training<'a> {
    /// Values, the oldest first, all finite.
    pub values: Cow<'a, [f64]>,
    /// Numbers of observations after which seasons repeat; may be empty.
    pub periods: Cow<'a, [usize]>,
    /// Stops the fit.
    pub cancel: Cancel,
}

impl<'a> Training<'a> {
    /// A series with its periods.
    pub fn new(values: &'a [f64], periods: &'a [usize]) -> Self {
        Self { values: Cow::Borrowed(values), periods: Cow::Borrowed(periods), cancel: Cancel::default() }
    }

    /// The same periods and flag for other values.
    pub fn with_values<'b>(&'b self, values: &'b [f64]) -> Training<'b> {
        Training { values: Cow::Borrowed(values), periods: Cow::Borrowed(&self.periods), cancel: self.cancel.clone() }
    }

    /// The longest period of at most `longest` of which the series has at least two; 1 when there is none.
    pub fn period(&self, longest: usize) -> usize {
        let usable = self.periods.iter().copied().filter(|p| *p > 1 && *p <= longest && self.values.len() >= 2 * p);
        usable.max().unwrap_or(1)
    }

    /// The plain seasons that are longer than a method can estimate, when no shorter one is plain: of these it is to forecast the series
    /// without them. A test of the autocorrelation says which are plain.
    pub fn long_seasons(&self, longest: usize) -> Vec<usize> {
        match self.significant_periods().any(|p| p <= longest) {
            true => Vec::new(),
            false => self.significant_periods().collect(),
        }
    }

    /// The longest period of which the series has at least two and that a test of its autocorrelation sees; 1 when there is
    /// none. A season can be plain while a longer one of the candidates is not.
    pub fn significant_period(&self) -> usize {
        self.significant_periods().max().unwrap_or(1)
    }

    fn significant_periods(&self) -> impl Iterator<Item = usize> + '_ {
        let known = self.periods.iter().copied().filter(|p| *p > 1 && self.values.len() >= 2 * p);
        known.filter(|p| seasonality::is_seasonal(&self.values, *p))
    }
}

/// Forecasts of the next steps, and the standard deviations of their errors.
#[derive(Debug, Clone, Default)]
pub struct Path {
    /// Expected values.
    pub mean: Vec<f64>,
    /// Standard deviations, as the model believes them.
    pub deviation: Vec<f64>,
}

/// A method.
pub trait Forecaster: Debug + Send + Sync {
    /// Name of the method, as the SQL argument `model` has it.
    fn name(&self) -> &'static str;

    /// Learns a series of at least four finite values that are not all the same and are around 1 in size.
    ///
    /// [`Forecaster::fit`] sees to that.
    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>>;

    /// Learns a series. Series that are constant or shorter than four values are repeated, whatever the method.
    fn fit(&self, training: &Training<'_>) -> Result<Fit> {
        let values = &training.values[training.values.len().saturating_sub(HISTORY_MAX)..];
        if values.is_empty() {
            return Err(Error::invalid("the series has no value"));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(Error::invalid("the series has a value that is not finite; fill or filter it"));
        }
        training.cancel.check()?;
        let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let scale = largest * mean(&values.iter().map(|v| (v / largest).abs()).collect::<Vec<_>>());
        if !(1e-290..=1e290).contains(&scale) && largest > 0.0 {
            return Err(Error::invalid("the values of the series are too large or too small for a double; scale them"));
        }
        let scale = if largest > 0.0 { scale } else { 1.0 };
        let scaled: Vec<f64> = values.iter().map(|v| v / scale).collect();
        let inner: Box<dyn Fitted> = if is_constant(values) || values.len() < 4 {
            Box::new(Repeated::new(&scaled))
        } else {
            self.fit_scaled(&training.with_values(&scaled))?
        };
        Ok(Fit { scale, inner })
    }
}

/// What a method learnt of a series whose values are around 1 in size.
pub trait Fitted: Debug + Send + Sync {
    /// The model that was chosen, such as `ETS(A,Ad,M)`.
    fn model(&self) -> String;

    /// Forecasts of the past, each one step ahead; NaN where the model has none. As long as the series.
    fn fitted(&self) -> Vec<f64>;

    /// The next `horizon` steps. O(horizon), if the method does not say otherwise.
    fn path(&self, horizon: usize) -> Path;

    /// Bounds of the next steps that hold a share of the outcomes; those of the normal distribution by default.
    fn bounds(&self, path: &Path, level: f64) -> Vec<(f64, f64)> {
        normal_bounds(path, level)
    }
}

fn normal_bounds(path: &Path, level: f64) -> Vec<(f64, f64)> {
    let z = normal::quantile((1.0 + level) / 2.0);
    path.mean.iter().zip(&path.deviation).map(|(m, d)| (m - z * d, m + z * d)).collect()
}

/// A fitted series, in its own units.
#[derive(Debug)]
pub struct Fit {
    scale: f64,
    inner: Box<dyn Fitted>,
}

impl Fit {
    /// The model that was chosen, such as `ETS(A,Ad,M)`.
    pub fn model(&self) -> String {
        self.inner.model()
    }

    /// Forecasts of the past, each one step ahead; NaN where the model has none. Of a series longer than
    /// [`HISTORY_MAX`], those of the last values.
    pub fn fitted(&self) -> Vec<f64> {
        self.inner.fitted().into_iter().map(|v| v * self.scale).collect()
    }

    /// The next steps.
    pub fn forecast(&self, horizon: usize) -> Result<Vec<f64>> {
        Ok(self.path(horizon)?.mean.into_iter().map(|v| v * self.scale).collect())
    }

    /// For each next step the bounds that hold a share of the outcomes, such as 0.95; NaN after a single value, which says
    /// nothing of the spread.
    pub fn intervals(&self, horizon: usize, level: f64) -> Result<Vec<(f64, f64)>> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::invalid("a confidence level is a number between 0 and 1, such as 0.95"));
        }
        let path = self.path(horizon)?;
        let scaled = self.inner.bounds(&path, level).into_iter().map(|(low, high)| (low * self.scale, high * self.scale));
        Ok(scaled.collect())
    }

    fn path(&self, horizon: usize) -> Result<Path> {
        if horizon == 0 || horizon > HORIZON_MAX {
            return Err(Error::invalid(format!("horizon is {horizon}; it must be between 1 and {HORIZON_MAX}")));
        }
        let path = self.inner.path(horizon);
        let sound = path.mean.iter().chain(&path.deviation).all(|v| v.is_finite());
        if !sound || path.mean.len() != horizon || path.deviation.len() != horizon {
            return Err(Error::invalid(format!("{} left the range of numbers; choose another model", self.model())));
        }
        Ok(path)
    }
}

/// The last value again and again.
#[derive(Debug)]
struct Repeated {
    values: Vec<f64>,
    step: f64,
}

impl Repeated {
    fn new(values: &[f64]) -> Self {
        // The forecast takes no step, so each step of the past is an error of it.
        let squares: Vec<f64> = values.windows(2).map(|p| (p[1] - p[0]).powi(2)).collect();
        Self { values: values.to_vec(), step: mean(&squares).sqrt() }
    }
}

impl Fitted for Repeated {
    fn model(&self) -> String {
        "Naive".into()
    }

    fn fitted(&self) -> Vec<f64> {
        std::iter::once(f64::NAN).chain(self.values.iter().copied()).take(self.values.len()).collect()
    }

    fn path(&self, horizon: usize) -> Path {
        let last = self.values.last().copied().unwrap_or(0.0);
        let deviation = (1..=horizon).map(|h| self.step * (h as f64).sqrt()).collect();
        Path { mean: vec![last; horizon], deviation }
    }

    /// One value says nothing of the spread.
    fn bounds(&self, path: &Path, level: f64) -> Vec<(f64, f64)> {
        if self.values.len() < 2 {
            return vec![(f64::NAN, f64::NAN); path.mean.len()];
        }
        normal_bounds(path, level)
    }
}

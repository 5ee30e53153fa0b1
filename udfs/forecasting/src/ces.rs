//! Complex exponential smoothing.

use headwater_common::{Error, Result};
use headwater_timeseries::classical;
use headwater_timeseries::nelder_mead;
use headwater_timeseries::statistics::mean;

use crate::multiseasonal::without_long_seasons;
use crate::{Fitted, Forecaster, Path, Training};

/// Level and potential as one complex number, which tells no trend from a trend (Svetunkov, Kourentzes & Ord, "Complex
/// exponential smoothing", 2022). Without season, with a simple, a partial or a full season; chosen by the corrected
/// Akaike criterion. Start states come from a pass forwards and one backwards. O(evaluations x n).
#[derive(Debug, Clone, Copy)]
pub struct Ces {
    /// Longest season that is estimated; a longer one that is plain is taken out by MSTL before.
    pub period_max: usize,
}

impl Default for Ces {
    fn default() -> Self {
        Self { period_max: 24 }
    }
}

/// Seasons of complex exponential smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Season {
    None,
    /// All of the state is seasonal.
    Simple,
    /// A real seasonal state.
    Partial,
    /// A complex seasonal state.
    Full,
}

impl Forecaster for Ces {
    fn name(&self) -> &'static str {
        "ces"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        if let Some(fit) = without_long_seasons(self, self.period_max, training)? {
            return Ok(fit);
        }
        let y = &training.values;
        let period = training.period(self.period_max);
        let seasons = [Season::None, Season::Simple, Season::Partial, Season::Full];
        let mut best: Option<CesFit> = None;
        for season in &seasons[..if period > 1 { 4 } else { 1 }] {
            training.cancel.check()?;
            let Some(fit) = CesFit::new(y, *season, period) else { continue };
            if best.as_ref().is_none_or(|best| fit.aicc < best.aicc) {
                best = Some(fit);
            }
        }
        match best {
            Some(fit) => Ok(Box::new(fit)),
            None => Err(Error::invalid("complex exponential smoothing does not fit the series; choose another model")),
        }
    }
}

/// Real and imaginary part of a smoothing parameter, or of a state.
type Complex = [f64; 2];

/// States of all phases: (level, potential) once or for each phase, and the seasonal pair for each phase.
#[derive(Debug, Clone)]
struct States {
    levels: Vec<Complex>,
    seasonal: Vec<Complex>,
}

/// Parameters: alpha, and beta for partial (its first part) and full seasons.
#[derive(Debug, Clone, Copy)]
struct Parameters {
    season: Season,
    alpha: Complex,
    beta: Complex,
}

fn turn(state: Complex, weight: Complex, error: f64) -> Complex {
    [
        state[0] - (1.0 - weight[1]) * state[1] + (weight[0] - weight[1]) * error,
        state[0] + (1.0 - weight[0]) * state[1] + (weight[0] + weight[1]) * error,
    ]
}

impl Parameters {
    fn forecast(&self, states: &States, phase: usize) -> f64 {
        let level = states.levels[phase % states.levels.len()][0];
        level + states.seasonal.get(phase).map_or(0.0, |s| s[0])
    }

    fn update(&self, states: &mut States, phase: usize, error: f64) {
        let slot = phase % states.levels.len();
        states.levels[slot] = turn(states.levels[slot], self.alpha, error);
        if let Some(seasonal) = states.seasonal.get_mut(phase) {
            *seasonal = match self.season {
                Season::Partial => [seasonal[0] + self.beta[0] * error, 0.0],
                _ => turn(*seasonal, self.beta, error),
            };
        }
    }

    /// One pass over the series in an order of places; the sum of squared errors.
    fn pass(&self, y: &[f64], states: &mut States, places: impl Iterator<Item = usize>, period: usize) -> f64 {
        let mut sum = 0.0;
        for t in places {
            let phase = t % period;
            let error = y[t] - self.forecast(states, phase);
            sum += error * error;
            self.update(states, phase, error);
        }
        sum
    }

    /// States before the first value: forwards from a guess, then backwards.
    fn backcast(&self, y: &[f64], guess: &States, period: usize) -> States {
        let mut states = guess.clone();
        self.pass(y, &mut states, 0..y.len(), period);
        self.pass(y, &mut states, (0..y.len()).rev(), period);
        states
    }
}

#[derive(Debug)]
struct CesFit {
    parameters: Parameters,
    states: States,
    period: usize,
    length: usize,
    variance: f64,
    fitted: Vec<f64>,
    aicc: f64,
}

impl CesFit {
    fn new(y: &[f64], season: Season, period: usize) -> Option<Self> {
        let period = if season == Season::None { 1 } else { period };
        let guess = Self::guess(y, season, period)?;
        let parameters = |x: &[f64]| Parameters {
            season,
            alpha: [x[0], x[1]],
            beta: [x.get(2).copied().unwrap_or(0.0), x.get(3).copied().unwrap_or(0.0)],
        };
        let error = |x: &[f64]| {
            let upper = [1.8, 1.9, 1.5, 1.5];
            if x.iter().zip(upper).any(|(v, upper)| !(0.01..=upper).contains(v)) {
                return f64::INFINITY;
            }
            let parameters = parameters(x);
            let mut states = parameters.backcast(y, &guess, period);
            parameters.pass(y, &mut states, 0..y.len(), period).ln()
        };
        let (start, dimensions): ([f64; 4], usize) = match season {
            Season::None | Season::Simple => ([1.3, 1.0, 0.0, 0.0], 2),
            Season::Partial => ([1.3, 1.0, 0.1, 0.0], 3),
            Season::Full => ([1.3, 1.0, 1.3, 1.0], 4),
        };
        let bounds = nelder_mead::Bounds { evaluations_max: 100 * dimensions, tolerance: 1e-6 };
        let found = nelder_mead::minimize(error, &start[..dimensions], &[0.1, 0.05, 0.1, 0.05][..dimensions], bounds);
        if !found.value.is_finite() {
            return None;
        }
        let parameters = parameters(&found.x);
        let mut states = parameters.backcast(y, &guess, period);
        let (mut fitted, mut squares) = (Vec::with_capacity(y.len()), 0.0);
        for (t, value) in y.iter().enumerate() {
            let forecast = parameters.forecast(&states, t % period);
            fitted.push(forecast);
            squares += (value - forecast).powi(2);
            parameters.update(&mut states, t % period, value - forecast);
        }
        let n = y.len() as f64;
        // Start states that come from backcasting do not count, as in the authors' software.
        let k = dimensions as f64 + 1.0;
        let spare = n - k - 1.0;
        let correction = if spare > 0.0 { 2.0 * k * (k + 1.0) / spare } else { f64::MAX };
        let aicc = n * squares.max(1e-30).ln() + 2.0 * k + correction;
        let variance = squares / (n - dimensions as f64).max(1.0);
        let sound = states.levels.iter().chain(&states.seasonal).flatten().all(|v| v.is_finite());
        sound.then_some(Self { parameters, states, period, length: y.len(), variance, fitted, aicc })
    }

    fn guess(y: &[f64], season: Season, period: usize) -> Option<States> {
        let pair = |v: f64| [v, v / 1.1];
        let level = pair(mean(&y[..y.len().min(period.max(10))]));
        let indices = || classical::indices(y, period, classical::Season::Additive);
        Some(match season {
            Season::None => States { levels: vec![level], seasonal: Vec::new() },
            Season::Simple => States { levels: y[..period].iter().map(|v| pair(*v)).collect(), seasonal: Vec::new() },
            Season::Partial => {
                let seasonal = indices()?.into_iter().map(|s| [s, 0.0]).collect();
                States { levels: vec![level], seasonal }
            }
            Season::Full => States { levels: vec![level], seasonal: indices()?.into_iter().map(pair).collect() },
        })
    }

    /// Runs on without errors, or after one error of size 1 in the first step from empty states.
    fn run_on(&self, mut states: States, horizon: usize, first_error: f64) -> Vec<f64> {
        (0..horizon)
            .map(|h| {
                let phase = (self.length + h) % self.period;
                let forecast = self.parameters.forecast(&states, phase);
                self.parameters.update(&mut states, phase, if h == 0 { first_error } else { 0.0 });
                forecast
            })
            .collect()
    }
}

impl Fitted for CesFit {
    fn model(&self) -> String {
        let season = match self.parameters.season {
            Season::None => "N",
            Season::Simple => "S",
            Season::Partial => "P",
            Season::Full => "F",
        };
        format!("CES({season})")
    }

    fn fitted(&self) -> Vec<f64> {
        self.fitted.clone()
    }

    fn path(&self, horizon: usize) -> Path {
        let mean = self.run_on(self.states.clone(), horizon, 0.0);
        // The model is linear: the variance adds up the squared responses to one error.
        let empty = States {
            levels: vec![[0.0; 2]; self.states.levels.len()],
            seasonal: vec![[0.0; 2]; self.states.seasonal.len()],
        };
        let mut sum = 0.0;
        let responses = self.run_on(empty, horizon, 1.0);
        let deviation = responses.iter().enumerate().map(|(h, response)| {
            sum += if h == 0 { 1.0 } else { response * response };
            (self.variance * sum).sqrt()
        });
        Path { mean, deviation: deviation.collect() }
    }
}

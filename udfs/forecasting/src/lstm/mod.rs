//! A small recurrent network.

mod network;

use headwater_common::Result;
use headwater_timeseries::adam::Adam;
use headwater_timeseries::random::Random;
use headwater_timeseries::statistics::mean;

use crate::multiseasonal::MultiSeasonal;
use crate::naive::SeasonalNaive;
use crate::{Fitted, Forecaster, Path, Training};
use network::{Network, Trace};

/// Long short-term memory (Hochreiter & Schmidhuber, "Long short-term memory", 1997) over what MSTL leaves of the seasons.
///
/// It reads the last values relative to the last one and says how far the next one lies from it; later steps go on from its own
/// forecasts. Fitted by Adam with a fixed seed until the error of the latest windows, which it does not learn from, has not
/// fallen for some epochs. Intervals have the errors of forecasts over several steps from those windows. Plain networks lose to
/// simpler methods on most single series (Makridakis et al., "The M4 Competition", 2020): `auto` does without it.
/// O(epochs x windows x window x units²).
#[derive(Debug, Clone, Copy)]
pub struct Lstm {
    /// Cells.
    pub units: usize,
    /// Most values that it reads for a forecast.
    pub window_max: usize,
    /// Most passes over the windows.
    pub epochs: usize,
}

impl Default for Lstm {
    fn default() -> Self {
        Self { units: 8, window_max: 24, epochs: 80 }
    }
}

/// Least number of values that are learnt; of fewer the last one is repeated.
const NEEDED: usize = 24;
/// Most windows that it learns from, the latest.
const WINDOWS_MAX: usize = 512;
const BATCH: usize = 16;
const PATIENCE: usize = 10;
const RATE: f64 = 0.01;
/// Larger inputs and errors count as so large, in usual steps.
const REACH: f64 = 10.0;
const ERROR_MAX: f64 = 3.0;
/// Steps whose errors are measured.
const MEASURED_MAX: usize = 24;

impl Forecaster for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        MultiSeasonal { rest: WithoutSeasons(*self) }.fit_scaled(training)
    }
}

/// The network for a series without seasons.
#[derive(Debug)]
struct WithoutSeasons(Lstm);

impl Forecaster for WithoutSeasons {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let (y, options) = (&training.values, self.0);
        if y.len() < NEEDED {
            return SeasonalNaive { period: Some(1) }.fit_scaled(training);
        }
        let window = options.window_max.clamp(2, y.len() / 4);
        let steps: Vec<f64> = y.windows(2).map(|p| p[1] - p[0]).collect();
        let squares: Vec<f64> = steps.iter().map(|s| s * s).collect();
        // Above zero for a series of zeros too.
        let least = 1e-9 * y.iter().fold(1e-200, |a: f64, v| a.max(v.abs()));
        let scale = mean(&squares).sqrt().max(least);
        // Ends of windows whose next value is known.
        let ends: Vec<usize> = (window - 1..y.len() - 1).collect();
        let ends = &ends[ends.len().saturating_sub(WINDOWS_MAX)..];
        let (learnt, held) = ends.split_at(ends.len() - (ends.len() * 3).div_ceil(20));
        let mut random = Random::new(0);
        let units = options.units.clamp(1, 64);
        let network = Network::random(units, &mut random);
        let mut fit = LstmFit { values: y.to_vec(), window, scale, network, reach: reach(&steps), deviations: Vec::new() };
        let mut adam = Adam::new(fit.network.weights.len(), RATE, 1e-6);
        let mut order = learnt.to_vec();
        let (mut best, mut best_epoch) = ((fit.loss(held), fit.network.weights.clone()), 0);
        for epoch in 1..=options.epochs {
            random.shuffle(&mut order);
            for batch in order.chunks(BATCH) {
                training.cancel.check()?;
                let gradient = fit.gradient(batch);
                adam.step(&mut fit.network.weights, &gradient);
            }
            let loss = fit.loss(held);
            if loss < best.0 {
                best = (loss, fit.network.weights.clone());
                best_epoch = epoch;
            } else if epoch - best_epoch >= PATIENCE {
                break;
            }
        }
        fit.network.weights = best.1;
        fit.deviations = fit.measured(learnt, held);
        Ok(Box::new(fit))
    }
}

/// The smallest and the largest step of the past: no forecast makes a larger one.
fn reach(steps: &[f64]) -> (f64, f64) {
    steps.iter().fold((0.0, 0.0), |(low, high), s| (f64::min(low, *s), f64::max(high, *s)))
}

#[derive(Debug)]
struct LstmFit {
    values: Vec<f64>,
    window: usize,
    /// Root mean square of the steps.
    scale: f64,
    network: Network,
    reach: (f64, f64),
    /// Root mean squared errors of the first steps.
    deviations: Vec<f64>,
}

impl LstmFit {
    /// What the network reads at the end of some values.
    fn inputs(&self, values: &[f64]) -> Vec<f64> {
        let last = values.last().copied().unwrap_or(0.0);
        let seen = &values[values.len().saturating_sub(self.window)..];
        seen.iter().map(|v| ((v - last) / self.scale).clamp(-REACH, REACH)).collect()
    }

    /// The value that follows.
    fn next(&self, values: &[f64], trace: &mut Trace) -> f64 {
        let step = self.scale * self.network.forward(&self.inputs(values), trace);
        values.last().copied().unwrap_or(0.0) + step.clamp(self.reach.0, self.reach.1)
    }

    fn trace(&self) -> Trace {
        Trace::new(self.window, self.network.units())
    }

    /// The step that follows a window, in usual steps.
    fn answer(&self, end: usize) -> f64 {
        (self.values[end + 1] - self.values[end]) / self.scale
    }

    fn loss(&self, ends: &[usize]) -> f64 {
        let mut trace = self.trace();
        let error = |end: &usize| {
            let error = self.network.forward(&self.inputs(&self.values[..=*end]), &mut trace) - self.answer(*end);
            error.abs().min(ERROR_MAX) * (error.abs() - 0.5 * error.abs().min(ERROR_MAX))
        };
        ends.iter().map(error).sum::<f64>() / ends.len().max(1) as f64
    }

    /// The mean gradient of Huber's loss.
    fn gradient(&self, batch: &[usize]) -> Vec<f64> {
        let mut gradient = vec![0.0; self.network.weights.len()];
        let mut trace = self.trace();
        for end in batch {
            let inputs = self.inputs(&self.values[..=*end]);
            let error = self.network.forward(&inputs, &mut trace) - self.answer(*end);
            let error = error.clamp(-ERROR_MAX, ERROR_MAX) / batch.len() as f64;
            self.network.backward(&inputs, &trace, error, &mut gradient);
        }
        gradient
    }

    /// Errors of forecasts from windows that were not learnt, never smaller for later steps, at least those of one step of
    /// the others.
    fn measured(&self, learnt: &[usize], held: &[usize]) -> Vec<f64> {
        let mut trace = self.trace();
        let (mut squares, mut counts) = (vec![0.0; MEASURED_MAX], vec![0.0; MEASURED_MAX]);
        for end in held {
            let mut values = self.values[end + 1 - self.window..=*end].to_vec();
            for (step, actual) in self.values[end + 1..].iter().take(MEASURED_MAX).enumerate() {
                let next = self.next(&values, &mut trace);
                squares[step] += (next - actual) * (next - actual);
                counts[step] += 1.0;
                values.push(next);
            }
        }
        let own: f64 =
            learnt.iter().map(|end| (self.next(&self.values[..=*end], &mut trace) - self.values[end + 1]).powi(2)).sum();
        let mut largest = (own / learnt.len().max(1) as f64).sqrt();
        let enough = counts.iter().take_while(|c| **c >= 2.0).count().max(1);
        (0..enough)
            .map(|step| {
                let error = if counts[step] > 0.0 { (squares[step] / counts[step]).sqrt() } else { 0.0 };
                largest = largest.max(error);
                largest
            })
            .collect()
    }
}

impl Fitted for LstmFit {
    fn model(&self) -> String {
        format!("LSTM({} cells, window {})", self.network.units(), self.window)
    }

    fn fitted(&self) -> Vec<f64> {
        let mut trace = self.trace();
        let known = (self.window..self.values.len()).map(|t| self.next(&self.values[..t], &mut trace));
        std::iter::repeat_n(f64::NAN, self.window).chain(known).collect()
    }

    /// O(horizon x window x units²).
    fn path(&self, horizon: usize) -> Path {
        let mut trace = self.trace();
        let mut values = self.values[self.values.len() - self.window..].to_vec();
        for _ in 0..horizon {
            let next = self.next(&values, &mut trace);
            values.push(next);
        }
        let known = self.deviations.len().max(1);
        let at = |h: usize| self.deviations.get(h.min(known - 1)).copied().unwrap_or(self.scale);
        // Beyond what was measured errors grow as those of a random walk.
        let deviation = (0..horizon).map(|h| at(h) * ((h + 1).max(known) as f64 / known as f64).sqrt()).collect();
        Path { mean: values.split_off(self.window), deviation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_error(y: &[f64], horizon: usize) -> (f64, f64) {
        let (history, actual) = y.split_at(y.len() - horizon);
        let fit = Lstm::default().fit(&Training::new(history, &[])).unwrap();
        let error = |forecast: &[f64]| forecast.iter().zip(actual).map(|(f, a)| (f - a).abs()).sum::<f64>();
        let last = vec![history[history.len() - 1]; horizon];
        (error(&fit.forecast(horizon).unwrap()), error(&last))
    }

    #[test]
    fn a_cycle_that_nobody_named_is_learnt() {
        let y: Vec<f64> = (0..240).map(|t| 100.0 + 10.0 * (t as f64 * 0.4).sin()).collect();
        let (own, naive) = mean_error(&y, 12);
        assert!(own < 0.5 * naive, "{own} {naive}");
    }

    #[test]
    fn a_random_walk_is_not_made_worse_and_fits_are_the_same_each_time() {
        let mut random = Random::new(3);
        let mut level = 50.0;
        let y: Vec<f64> = (0..150)
            .map(|_| {
                level += random.normal();
                level
            })
            .collect();
        let (own, naive) = mean_error(&y, 6);
        assert!(own < 2.0 * naive + 3.0, "{own} {naive}");
        let forecast = || Lstm::default().fit(&Training::new(&y, &[7])).unwrap().forecast(30).unwrap();
        assert_eq!(forecast(), forecast());
        assert_eq!(Lstm::default().fit(&Training::new(&y[..20], &[])).unwrap().model(), "Naive");
    }
}

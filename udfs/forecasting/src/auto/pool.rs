//! The methods that `auto` combines for a series.

use headwater_common::Result;
use headwater_timeseries::backtest::{Fold, rolling_origins};

use crate::arima::{Arima, AutoArima, Order};
use crate::ces::Ces;
use crate::croston::{Croston, Variant as Demand};
use crate::ets::AutoEts;
use crate::multiseasonal::MultiSeasonal;
use crate::naive::SeasonalNaive;
use crate::theta::{Theta, Variant};
use crate::{Fitted, Forecaster, Training};

/// Longest season that theta models adjust for: its indices are means over the cycles, and long seasons have few.
const INDICES_MAX: usize = 60;

/// Least number of values that a method is fitted on.
const HISTORY_MIN: usize = 8;

/// Share of zeros from which on demand counts as intermittent.
const ZEROS_MIN: f64 = 0.4;

/// A method and the periods it gets.
#[derive(Debug)]
struct Candidate {
    forecaster: Box<dyn Forecaster>,
    periods: Vec<usize>,
}

/// Methods and folds for one series.
#[derive(Debug)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
    naive_count: usize,
    arima_period: usize,
    has_arima: bool,
    /// Orders that were found on the past of the first fold.
    arima: Option<Order>,
    /// Whether the next fit searches from those orders on.
    search_again: bool,
    pub(super) folds: Vec<Fold>,
    /// Errors are squared where the mean, not the median, is asked for.
    pub(super) squared: bool,
}

impl Pool {
    /// The naive methods come first.
    pub(super) fn new(training: &Training<'_>, horizon: usize, origins: usize) -> Self {
        let y = &training.values;
        let zeros = y.iter().filter(|v| **v == 0.0).count() as f64;
        let intermittent = zeros > ZEROS_MIN * y.len() as f64 && y.iter().all(|v| *v >= 0.0);
        let folds = Self::folds(training, horizon, origins);
        // A season that the backtest cannot see cannot be trusted.
        let seen = folds.first().map_or(y.len(), |fold| fold.origin);
        let mut periods: Vec<usize> = training.periods.iter().copied().filter(|p| *p > 1 && seen >= 2 * p).collect();
        periods.sort_unstable();
        periods.dedup();
        let mut pool = Self {
            candidates: Vec::new(),
            naive_count: periods.len() + 1,
            arima_period: periods.iter().copied().filter(|p| *p <= 24).max().unwrap_or(1),
            has_arima: !intermittent,
            arima: None,
            search_again: false,
            folds,
            squared: intermittent,
        };
        for period in periods.iter().copied().chain([1]) {
            pool.add(SeasonalNaive { period: Some(period) }, &[]);
        }
        pool.add(AutoEts::default(), &periods);
        if intermittent {
            pool.add(Croston::new(Demand::Sba), &[]);
            pool.add(Croston::new(Demand::Tsb), &[]);
            return pool;
        }
        pool.add(Ces::default(), &periods);
        let dynamic = Theta { variant: Some(Variant::DynamicOptimised) };
        let adjusted: Vec<usize> = periods.iter().copied().filter(|p| *p <= INDICES_MAX).collect();
        pool.add(dynamic, &adjusted);
        if adjusted.iter().any(|p| *p > 24) {
            pool.add(dynamic, &[]);
        }
        if !periods.is_empty() {
            pool.add(MultiSeasonal::default(), &periods);
        }
        if periods.len() > 1 {
            pool.add(MultiSeasonal::default(), &periods[..1]);
        }
        pool
    }

    fn add(&mut self, forecaster: impl Forecaster + 'static, periods: &[usize]) {
        self.candidates.push(Candidate { forecaster: Box::new(forecaster), periods: periods.to_vec() });
    }

    /// Number of naive methods.
    pub(super) fn naive_count(&self) -> usize {
        self.naive_count
    }

    /// Rolling origins over at most half of the series, as far apart as it allows, each with at least two short seasons.
    fn folds(training: &Training<'_>, horizon: usize, origins: usize) -> Vec<Fold> {
        let n = training.values.len();
        let season = training.period(INDICES_MAX);
        let history = (n / 2).max(HISTORY_MIN).max(if season > 1 { 2 * season + 2 } else { 0 });
        let spare = n.saturating_sub(history);
        // A single step says little about a method.
        let steps = horizon.max(season.min(INDICES_MAX)).max(4).min(spare);
        let step = (spare - steps) / origins.saturating_sub(1).max(1);
        rolling_origins(n, steps, origins, step.clamp(1, steps.max(1)), history)
    }

    /// Fits all methods; `None` for those that do not fit the series.
    pub(super) fn fit(&mut self, training: &Training<'_>) -> Result<Vec<Option<Box<dyn Fitted>>>> {
        let mut out = Vec::with_capacity(self.candidates.len() + 1);
        for candidate in &self.candidates {
            training.cancel.check()?;
            let own = Training { periods: (&candidate.periods[..]).into(), ..training.with_values(&training.values) };
            out.push(candidate.forecaster.fit_scaled(&own).ok());
        }
        if self.has_arima {
            out.push(self.fit_arima(training)?);
        }
        training.cancel.check()?;
        Ok(out)
    }

    /// Searches the orders once and then keeps them: the first fold has seen the least.
    fn fit_arima(&mut self, training: &Training<'_>) -> Result<Option<Box<dyn Fitted>>> {
        let periods = [self.arima_period];
        let own = Training { periods: (&periods[..]).into(), ..training.with_values(&training.values) };
        if let Some(order) = self.arima.filter(|_| !self.search_again)
            && let Ok(fit) = (Arima { order }).fit_scaled(&own)
        {
            return Ok(Some(fit));
        }
        let search = AutoArima { approximate: true, begin: self.arima, ..AutoArima::default() };
        let found = search.search(&own);
        own.cancel.check()?;
        let Ok(fit) = found else { return Ok(None) };
        self.arima = Some(fit.order());
        Ok(Some(Box::new(fit)))
    }

    /// The next fit is the last one: orders may differ from those that the folds had.
    pub(super) fn search_again(&mut self) {
        self.search_again = true;
    }
}

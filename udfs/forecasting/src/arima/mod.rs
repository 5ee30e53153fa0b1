//! ARIMA with seasons.

mod conditional;
mod fit;
mod likelihood;
mod order;
mod polynomial;
mod search;

use headwater_common::{Error, Result};
use headwater_timeseries::autocorrelation::difference_times;
use headwater_timeseries::unit_root;

pub(crate) use self::fit::ArimaFit;
use self::fit::Estimation;
pub use self::order::Order;
use self::search::Search;
use crate::multiseasonal::without_long_seasons;
use crate::{Fitted, Forecaster, Training};

/// Orders by stepwise search (Hyndman & Khandakar, "Automatic time series forecasting: the forecast package for R",
/// 2008): differences by KPSS tests and the strength of the season, the rest by the corrected Akaike criterion.
///
/// The likelihood is that of the state space form, by Chandrasekhar recursions (Morf, Sidhu & Kailath, 1974; Herbst,
/// "Using the Chandrasekhar recursions for likelihood evaluation of DSGE models", 2015), started at the conditional sum of
/// squares. One likelihood is O(n x r) with r the longest lag, until the filter is steady; a fit needs some hundred.
#[derive(Debug, Clone, Copy)]
pub struct AutoArima {
    /// Longest season that is estimated; a longer one that is plain is taken out by MSTL before.
    pub period_max: usize,
    /// Searches by the conditional sum of squares even where the likelihood would be affordable.
    pub approximate: bool,
    /// Most models that are tried.
    pub models_max: usize,
    /// Orders to begin with instead of the usual four models, such as those of an earlier search.
    pub begin: Option<Order>,
}

impl Default for AutoArima {
    fn default() -> Self {
        Self { period_max: 24, approximate: false, models_max: 94, begin: None }
    }
}

impl Forecaster for AutoArima {
    fn name(&self) -> &'static str {
        "auto_arima"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        match without_long_seasons(self, self.period_max, training)? {
            Some(fit) => Ok(fit),
            None => Ok(Box::new(self.search(training)?)),
        }
    }
}

impl AutoArima {
    pub(crate) fn search(&self, training: &Training<'_>) -> Result<ArimaFit> {
        let y = &training.values;
        let period = training.period(self.period_max);
        let seasonal_difference = unit_root::seasonal_differences(y, period);
        let difference = unit_root::differences(&difference_times(y, period, seasonal_difference));
        let start = Order { d: difference, seasonal_d: seasonal_difference, period, ..Order::default() };
        let approximate = self.approximate || y.len() > 150 || period > 12;
        let search = Search { y, cancel: &training.cancel, approximate, models_max: self.models_max };
        search
            .best(start, self.begin)?
            .ok_or_else(|| Error::invalid("no ARIMA model fits the series; choose another model"))
    }
}

/// An ARIMA model of given orders.
#[derive(Debug, Clone, Copy)]
pub struct Arima {
    /// Its orders.
    pub order: Order,
}

impl Forecaster for Arima {
    fn name(&self) -> &'static str {
        "arima"
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let fit = ArimaFit::new(&training.values, self.order, Estimation::Likelihood);
        let fit =
            fit.ok_or_else(|| Error::invalid(format!("{} cannot be fitted to the series; use auto_arima", self.order)))?;
        Ok(Box::new(fit))
    }
}

//! Forecasts of one series by statistical models, with honest intervals.
//!
//! | method | module |
//! |---|---|
//! | seasonal naive | [`naive`] |
//! | exponential smoothing, all admissible models by AICc | [`ets`] |
//! | theta models, static, optimised and dynamic | [`theta`] |
//! | ARIMA with seasons, orders by stepwise search | [`arima`] |
//! | several seasons by MSTL, the rest by another method | [`multiseasonal`] |
//! | intermittent demand: Croston, SBA, TSB | [`croston`] |
//! | complex exponential smoothing | [`ces`] |
//! | a small recurrent network | [`lstm`] |
//! | trend with changepoints and Fourier seasons, as in Prophet | [`additive`] |
//! | regressors for any of these | [`regressed`] |
//! | the median of those that a backtest trusts, conformal intervals | [`auto`] |
//!
//! Every method is a [`Forecaster`]. Fits depend on the series alone: not on time, threads or other series. A series that
//! a method cannot fit is an error of that series, never a panic.
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "a comparison that NaN must not pass is written as a negation")]
#![allow(clippy::needless_range_loop, reason = "recursions over several arrays are read best by index")]

pub mod additive;
pub mod arima;
pub mod auto;
pub mod ces;
pub mod croston;
pub mod ets;
pub mod forecaster;
pub mod lstm;
pub mod method;
pub mod multiseasonal;
pub mod naive;
pub mod regressed;
pub mod theta;

pub use forecaster::{Fit, Fitted, Forecaster, HORIZON_MAX, Path, Training};
pub use method::Method;

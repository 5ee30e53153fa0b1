//! Estimation of one model.

use headwater_timeseries::autocorrelation::difference_times;
use headwater_timeseries::lbfgs;
use headwater_timeseries::linear::dot;
use headwater_timeseries::statistics::{deviation, mean};

use super::conditional::SumOfSquares;
use super::likelihood::{Filter, Score};
use super::order::Order;
use super::polynomial::{differences, from_partial, multiply, responses, to_partial};
use crate::{Fitted, Path};

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Estimation {
    /// The conditional sum of squares alone.
    Conditional,
    /// The exact likelihood, from the minimum of the conditional sum of squares on.
    Likelihood,
}

/// Partial autocorrelations are kept this far below 1, so that the filter stays well conditioned.
const PARTIAL_MAX: f64 = 0.9999;
/// Models with a root this near to the unit circle are refused, as in Hyndman's forecast package.
const ROOT_MIN: f64 = 1.01;

/// A fitted model.
#[derive(Debug)]
pub(crate) struct ArimaFit {
    pub(super) order: Order,
    /// Of the exact likelihood, or the approximation by the conditional sum of squares.
    pub(super) aicc: f64,
    values: Vec<f64>,
    phi: Vec<f64>,
    theta: Vec<f64>,
    mean: f64,
    variance: f64,
    filter: Filter,
}

/// A differenced series and the orders to fit to it.
struct Problem {
    w: Vec<f64>,
    order: Order,
    centre: f64,
    size: f64,
}

impl Problem {
    fn coefficients(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
        let order = &self.order;
        let mut at = 0;
        let mut take = |count: usize| {
            at += count;
            from_partial(&x[at - count..at].iter().map(|u| PARTIAL_MAX * u.tanh()).collect::<Vec<_>>())
        };
        let (ar, ma, seasonal_ar, seasonal_ma) =
            (take(order.p), take(order.q), take(order.seasonal_p), take(order.seasonal_q));
        let mut theta = multiply(&ma, &seasonal_ma, order.period);
        theta.iter_mut().for_each(|v| *v = -*v);
        let mean = if order.constant { self.centre + self.size * x[x.len() - 1] } else { 0.0 };
        (multiply(&ar, &seasonal_ar, order.period), theta, mean)
    }

    fn centred(&self, mean: f64, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.w.iter().map(|v| v - mean));
    }

    /// Values that the conditional sum of squares leaves out.
    fn skip(&self) -> usize {
        let lags = self.order.p + self.order.seasonal_p * self.order.period;
        if lags * 2 < self.w.len() { lags } else { 0 }
    }

    /// Minimises a score by its numerical gradient.
    fn minimise(&self, start: &[f64], score: &mut dyn FnMut(&[f64]) -> Option<Score>) -> Option<Vec<f64>> {
        let n = self.w.len() as f64;
        let mut value = |x: &[f64]| {
            // Far out the hyperbolic tangent is flat; a weak pull keeps the search where it can come back from.
            let pull = 1e-4 * dot(x, x);
            score(x).map_or(f64::INFINITY, |score| score.deviance() / n + pull)
        };
        let with_gradient = |x: &[f64], gradient: &mut [f64]| {
            let here = value(x);
            let mut moved = x.to_vec();
            for i in 0..x.len() {
                let step = 1e-6 * x[i].abs().max(1.0);
                moved[i] = x[i] + step;
                gradient[i] = (value(&moved) - here) / step;
                moved[i] = x[i];
            }
            here
        };
        let bounds = lbfgs::Bounds { steps_max: 60, gradient_tolerance: 1e-5, value_tolerance: 1e-8 };
        let found = lbfgs::minimize(with_gradient, start, bounds);
        found.value.is_finite().then_some(found.x)
    }
}

impl ArimaFit {
    /// Fits a model; `None` when the series is too short for it.
    pub(super) fn new(y: &[f64], order: Order, estimation: Estimation) -> Option<Self> {
        let order = if order.period > 1 {
            order
        } else {
            Order { period: 1, seasonal_p: 0, seasonal_d: 0, seasonal_q: 0, ..order }
        };
        let w = difference_times(&difference_times(y, order.period, order.seasonal_d), 1, order.d);
        let constant = order.constant && order.may_have_constant();
        let order = Order { constant, ..order };
        let n = w.len() as f64;
        let k = order.count() as f64 + 1.0;
        if n - k - 1.0 < 1.0 || w.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let size = deviation(&w).max(1e-9);
        let problem = Problem { centre: mean(&w), size, order, w };
        let (mut centred, mut filter) = (Vec::new(), Filter::default());
        let coefficients = |x: &[f64]| problem.coefficients(x);
        let conditional = SumOfSquares { w: &problem.w, skip: problem.skip(), coefficients: &coefficients };
        let mut x = vec![0.0; order.count()];
        let mut deviance = None;
        if !x.is_empty() {
            x = conditional.minimise(&x)?;
        }
        if estimation == Estimation::Conditional {
            let variance = conditional.score(&x).variance();
            deviance = Some(n * (1.0 + (2.0 * std::f64::consts::PI * variance.max(1e-300)).ln()));
        } else if !x.is_empty() {
            x = problem.minimise(&x, &mut |x| {
                let (phi, theta, mean) = problem.coefficients(x);
                problem.centred(mean, &mut centred);
                filter.run(&centred, &phi, &theta)
            })?;
        }
        let (phi, theta, mean) = problem.coefficients(&x);
        problem.centred(mean, &mut centred);
        let score = filter.run(&centred, &phi, &theta)?;
        let deviance = deviance.unwrap_or_else(|| score.deviance());
        let aicc = deviance + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
        let variance = score.squares / (n - k + 1.0).max(1.0);
        let sound = aicc.is_finite() && variance.is_finite();
        sound.then_some(Self { order, aicc, values: y.to_vec(), phi, theta, mean, variance, filter })
    }
}

impl ArimaFit {
    /// Whether all roots keep their distance from the unit circle: models that a search may choose.
    pub(super) fn is_clear_of_unit_roots(&self) -> bool {
        let moving: Vec<f64> = self.theta.iter().map(|v| -v).collect();
        is_clear_of_unit_roots(&self.phi) && is_clear_of_unit_roots(&moving)
    }

    /// The model's orders.
    pub(crate) fn order(&self) -> Order {
        self.order
    }
}

fn is_clear_of_unit_roots(phi: &[f64]) -> bool {
    let mut power = 1.0;
    let moved = phi.iter().map(|c| {
        power *= ROOT_MIN;
        c * power
    });
    to_partial(&moved.collect::<Vec<_>>()).is_some()
}

impl Fitted for ArimaFit {
    fn model(&self) -> String {
        self.order.to_string()
    }

    fn fitted(&self) -> Vec<f64> {
        let lost = self.order.lost();
        let tail = self.values.iter().skip(lost).zip(&self.filter.innovations).map(|(y, e)| y - e);
        std::iter::repeat_n(f64::NAN, lost.min(self.values.len())).chain(tail).collect()
    }

    fn path(&self, horizon: usize) -> Path {
        let unit = differences(self.order.d, self.order.seasonal_d, self.order.period);
        let changes = self.filter.forecast(&self.phi, horizon);
        let n = self.values.len();
        let mut all = self.values[n - unit.len()..].to_vec();
        for (h, change) in changes.iter().enumerate() {
            let end = unit.len() + h;
            let past: f64 = unit.iter().enumerate().map(|(j, c)| c * all[end - 1 - j]).sum();
            all.push(change + self.mean + past);
        }
        let mut sum = 0.0;
        let psi = responses(&multiply(&self.phi, &unit, 1), &self.theta, horizon);
        let deviation = psi.iter().map(|p| {
            sum += p * p;
            (self.variance * sum).sqrt()
        });
        Path { mean: all.split_off(unit.len()), deviation: deviation.collect() }
    }
}

//! Logistic regression.

use headwater_common::{Error, Result};
use headwater_timeseries::lbfgs::{Bounds, minimize};
use headwater_timeseries::linear::{Matrix, dot};

use crate::boosting::{log_1_plus_exp, logistic, softmax};
use crate::context::{Context, check_rows};
use crate::data::{Features, Target};
use crate::linear::LinearModel;
use crate::scale::Scale;
use crate::standard::Standard;

/// Logistic regression of two classes, multinomial of more: the coefficients that minimise the mean log loss plus
/// l2 |w|² / 2 over features of mean 0 and deviation 1 (Cox, 1958; Hastie, Tibshirani & Friedman, 4.4), by L-BFGS.
/// O(steps x rows x features x classes).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    /// Penalty of squared coefficients, above 0: without it classes that can be told apart have no solution.
    pub l2: f64,
}

impl Default for Logistic {
    fn default() -> Self {
        Self { l2: 1e-4 }
    }
}

impl Logistic {
    /// Fits. Errors: `l2` is not above 0, the target has numbers, fewer than two rows, too many features, cancelled.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<LinearModel> {
        check_rows(features, target)?;
        if !(self.l2 > 0.0 && self.l2.is_finite()) {
            return Err(Error::invalid("logistic: l2 must be above 0"));
        }
        let Target::Classes { codes, names } = target else {
            return Err(Error::invalid("logistic predicts classes; use linear for numbers"));
        };
        let standard = Standard::fit(features)?;
        let rows = standard.rows(features)?;
        let outputs = if names.len() == 2 { 1 } else { names.len() };
        let problem = Problem { rows: &rows, codes, outputs, l2: self.l2 };
        let bounds = Bounds { steps_max: 1000, gradient_tolerance: 1e-8, value_tolerance: 1e-13 };
        let mut stopped = Ok(());
        let loss = |w: &[f64], gradient: &mut [f64]| {
            stopped = context.cancel.check();
            if stopped.is_err() {
                return f64::NAN;
            }
            problem.loss(w, gradient)
        };
        let found = minimize(loss, &vec![0.0; outputs * (standard.width() + 1)], bounds).x;
        stopped?;
        let mut weights: Vec<Vec<f64>> = found.chunks(standard.width() + 1).map(<[f64]>::to_vec).collect();
        let intercepts = weights.iter_mut().map(|w| w.pop().unwrap_or(0.0)).collect();
        Ok(LinearModel::new(target.task(), standard, weights, intercepts, Scale::default()))
    }
}

#[derive(Debug)]
struct Problem<'a> {
    rows: &'a Matrix,
    codes: &'a [u32],
    outputs: usize,
    l2: f64,
}

impl Problem<'_> {
    /// The penalised mean log loss of weights (each output's features, then its intercept), and its gradient.
    fn loss(&self, weights: &[f64], gradient: &mut [f64]) -> f64 {
        let width = self.rows.columns();
        let (block, count) = (width + 1, self.codes.len() as f64);
        gradient.fill(0.0);
        let mut sum = 0.0;
        let mut margins = vec![0.0; self.outputs];
        for (at, &code) in self.codes.iter().enumerate() {
            let row = self.rows.row(at);
            for (margin, w) in margins.iter_mut().zip(weights.chunks(block)) {
                *margin = dot(&w[..width], row) + w[width];
            }
            let code = code as usize;
            if self.outputs == 1 {
                sum += log_1_plus_exp(if code == 1 { -margins[0] } else { margins[0] });
                margins[0] = logistic(margins[0]) - code as f64;
            } else {
                let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                sum += margins.iter().map(|m| (m - largest).exp()).sum::<f64>().ln() + largest - margins[code];
                softmax(&mut margins);
                margins[code] -= 1.0;
            }
            for (error, g) in margins.iter().zip(gradient.chunks_mut(block)) {
                g[..width].iter_mut().zip(row).for_each(|(g, x)| *g += error * x);
                g[width] += error;
            }
        }
        gradient.iter_mut().for_each(|g| *g /= count);
        let mut penalty = 0.0;
        for (w, g) in weights.chunks(block).zip(gradient.chunks_mut(block)) {
            penalty += dot(&w[..width], &w[..width]);
            g[..width].iter_mut().zip(w).for_each(|(g, w)| *g += self.l2 * w);
        }
        sum / count + self.l2 * penalty / 2.0
    }
}

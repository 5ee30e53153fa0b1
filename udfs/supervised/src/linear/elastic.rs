//! Least squares, ridge, lasso and elastic net.

use headwater_common::{Error, Result};
use headwater_timeseries::linear::{Matrix, dot, solve_positive};

use crate::context::{Context, check_rows};
use crate::data::{Features, Target};
use crate::linear::LinearModel;
use crate::scale::Scale;
use crate::standard::Standard;

const SWEEPS_MAX: usize = 10_000;
const TOLERANCE: f64 = 1e-9;

/// A linear model of a number: the coefficients w that minimise |y - Xw|² / 2n + l1 |w|₁ + l2 |w|² / 2, where features and
/// target were brought to mean 0 and deviation 1. Both penalties 0: least squares; `l2` alone: ridge (Hoerl & Kennard,
/// 1970); `l1` alone: lasso (Tibshirani, 1996); both: elastic net (Zou & Hastie, 2005).
///
/// Without `l1` the normal equations are solved, O(rows x features² + features³); with it coordinates descend one by one
/// (Friedman, Hastie & Tibshirani, "Regularization paths", 2010). Features that depend on each other share their weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    /// Penalty of absolute coefficients, 0 or more.
    pub l1: f64,
    /// Penalty of squared coefficients, 0 or more.
    pub l2: f64,
}

impl Default for Linear {
    fn default() -> Self {
        Self { l1: 0.0, l2: 1e-4 }
    }
}

impl Linear {
    /// Fits. Errors: a penalty is negative, the target has classes, fewer than two rows, too many features, cancelled.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<LinearModel> {
        check_rows(features, target)?;
        let penalty = |p: f64| p >= 0.0 && p.is_finite();
        if !penalty(self.l1) || !penalty(self.l2) {
            return Err(Error::invalid("linear: l1 and l2 must be 0 or more"));
        }
        let Target::Numbers(values) = target else {
            return Err(Error::invalid("linear predicts numbers; use logistic for classes"));
        };
        let standard = Standard::fit(features)?;
        let rows = standard.rows(features)?;
        let scale = Scale::of(values);
        let answers: Vec<f64> = values.iter().map(|v| scale.forward(*v)).collect();
        let count = values.len() as f64;
        let divided = |x: Vec<f64>| x.into_iter().map(|v| v / count).collect::<Vec<_>>();
        let gram = rows.gram();
        let gram = Matrix::from_fn(gram.rows(), gram.columns(), |r, c| gram.row(r)[c] / count);
        let products = divided(rows.transposed_times(&answers));
        context.cancel.check()?;
        let weights = if self.l1 > 0.0 {
            self.descend(&gram, &products, context)?
        } else {
            let gradient = |w: &[f64]| {
                let errors: Vec<f64> = rows.times(w).iter().zip(&answers).map(|(p, y)| y - p).collect();
                let pull = divided(rows.transposed_times(&errors));
                pull.iter().zip(w).map(|(g, w)| g - self.l2 * w).collect::<Vec<_>>()
            };
            solve(&gram, self.l2, &products, gradient)
                .ok_or_else(|| Error::invalid("linear: the features leave no solution; give l2 a value above 0"))?
        };
        Ok(LinearModel::new(target.task(), standard, vec![weights], vec![0.0], scale))
    }

    fn descend(&self, gram: &Matrix, products: &[f64], context: &Context) -> Result<Vec<f64>> {
        let width = products.len();
        let mut weights = vec![0.0; width];
        // The gradient at the weights, kept up to date.
        let mut rest = products.to_vec();
        for _ in 0..SWEEPS_MAX {
            context.cancel.check()?;
            let mut moved: f64 = 0.0;
            for j in 0..width {
                let own = gram.row(j)[j];
                if own <= 0.0 {
                    continue;
                }
                let pull = rest[j] + own * weights[j];
                let new = pull.signum() * (pull.abs() - self.l1).max(0.0) / (own + self.l2);
                let step = new - weights[j];
                if step != 0.0 {
                    weights[j] = new;
                    rest.iter_mut().zip(gram.row(j)).for_each(|(r, g)| *r -= step * g);
                    moved = moved.max(step.abs());
                }
            }
            if moved < TOLERANCE {
                break;
            }
        }
        Ok(weights)
    }
}

/// Solves (gram + l2) w = products with one step of refinement; a system without a unique solution gets the smallest
/// further penalty that gives it one.
fn solve(gram: &Matrix, l2: f64, products: &[f64], gradient: impl Fn(&[f64]) -> Vec<f64>) -> Option<Vec<f64>> {
    if products.is_empty() {
        return Some(Vec::new());
    }
    [0.0, 1e-10, 1e-8, 1e-6, 1e-4].into_iter().find_map(|more| {
        let diagonal = |r: usize| if gram.row(r)[r] > 0.0 { l2 + more } else { 1.0 };
        let system =
            Matrix::from_fn(gram.rows(), gram.columns(), |r, c| gram.row(r)[c] + if r == c { diagonal(r) } else { 0.0 });
        let first = solve_positive(&system, products)?;
        let step = solve_positive(&system, &gradient(&first))?;
        let refined: Vec<f64> = first.iter().zip(&step).map(|(w, s)| w + s).collect();
        let large = dot(&refined, &refined) > 1e8;
        (!large && refined.iter().all(|w| w.is_finite())).then_some(refined)
    })
}

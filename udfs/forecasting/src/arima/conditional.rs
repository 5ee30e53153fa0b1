//! The conditional sum of squares and its minimum.

use headwater_timeseries::linear::{Matrix, dot, solve_positive};

use super::likelihood::Score;

/// Coefficients that are not zero, with their lags.
fn present(coefficients: &[f64]) -> Vec<(usize, f64)> {
    coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0).map(|(lag, c)| (lag + 1, *c)).collect()
}

/// Innovations when all values before the series are taken as zero; the first `skip` are zero. O(n x non-zero lags).
pub(super) fn innovations(w: &[f64], phi: &[f64], theta: &[f64], skip: usize) -> Vec<f64> {
    let mut out = w.to_vec();
    for (lag, c) in present(phi).into_iter().filter(|(lag, _)| *lag < w.len()) {
        out[lag..].iter_mut().zip(w).for_each(|(o, w)| *o -= c * w);
    }
    let skip = skip.min(w.len());
    out[..skip].fill(0.0);
    undo_moving_average(&mut out, &present(theta), skip);
    out
}

/// Divides by the moving average polynomial, in place.
fn undo_moving_average(x: &mut [f64], theta: &[(usize, f64)], from: usize) {
    let longest = theta.last().map_or(0, |(lag, _)| *lag);
    if longest == 0 {
        return;
    }
    for t in from..x.len() {
        let mut sum = x[t];
        if t >= longest {
            theta.iter().for_each(|(lag, c)| sum -= c * x[t - lag]);
        } else {
            theta.iter().filter(|(lag, _)| *lag <= t).for_each(|(lag, c)| sum -= c * x[t - lag]);
        }
        x[t] = sum;
    }
}

/// Autoregressive and moving average coefficients and the mean.
pub(super) type Coefficients = (Vec<f64>, Vec<f64>, f64);

/// What is minimised over a vector of parameters.
pub(super) struct SumOfSquares<'a> {
    pub(super) w: &'a [f64],
    pub(super) skip: usize,
    /// Coefficients of a vector of parameters.
    pub(super) coefficients: &'a dyn Fn(&[f64]) -> Coefficients,
}

impl SumOfSquares<'_> {
    fn errors(&self, x: &[f64]) -> Vec<f64> {
        let (phi, theta, mean) = (self.coefficients)(x);
        let centred: Vec<f64> = self.w.iter().map(|v| v - mean).collect();
        innovations(&centred, &phi, &theta, self.skip)
    }

    pub(super) fn score(&self, x: &[f64]) -> Score {
        let errors = self.errors(x);
        let count = errors.len().saturating_sub(self.skip);
        Score { squares: dot(&errors, &errors), log_variances: 0.0, count }
    }

    /// The minimum by the method of Levenberg (1944) and Marquardt (1963). Two filters give all derivatives: those by
    /// coefficients of one kind are the same series at different lags. O(steps x n x (lags + parameters²)).
    pub(super) fn minimise(&self, start: &[f64]) -> Option<Vec<f64>> {
        let mut x = start.to_vec();
        let mut errors = self.errors(&x);
        let first = dot(&errors, &errors);
        // Far out the parameters' transforms are flat; a weak pull keeps the search where it can come back from.
        let pull = 1e-4 * first;
        let mut value = first + pull * dot(&x, &x);
        let mut damping = 1e-3;
        for _ in 0..40 {
            if !value.is_finite() {
                return None;
            }
            let columns = self.columns(&x, &errors);
            let k = x.len();
            let mut curvature = Matrix::zeros(k, k);
            for i in 0..k {
                for j in 0..=i {
                    let product = dot(&columns[i], &columns[j]) + if i == j { pull } else { 0.0 };
                    curvature.row_mut(i)[j] = product;
                    curvature.row_mut(j)[i] = product;
                }
            }
            let downhill: Vec<f64> = (0..k).map(|i| -dot(&columns[i], &errors) - pull * x[i]).collect();
            let mut gain = None;
            for _ in 0..8 {
                let mut damped = curvature.clone();
                (0..k).for_each(|i| damped.row_mut(i)[i] += damping * (curvature.row(i)[i] + 1e-12));
                let step = solve_positive(&damped, &downhill);
                damping *= 4.0;
                let Some(step) = step else { continue };
                let trial: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x + s.clamp(-2.0, 2.0)).collect();
                let found = self.errors(&trial);
                let after = dot(&found, &found) + pull * dot(&trial, &trial);
                if after < value {
                    gain = Some((value - after) / value.max(1e-300));
                    (x, errors, value) = (trial, found, after);
                    damping = (damping / 12.0).max(1e-9);
                    break;
                }
            }
            if gain.is_none_or(|gain| gain < 1e-7) {
                break;
            }
        }
        Some(x)
    }

    /// Derivatives of the errors by each parameter.
    fn columns(&self, x: &[f64], errors: &[f64]) -> Vec<Vec<f64>> {
        let n = self.w.len();
        let (phi, theta, mean) = (self.coefficients)(x);
        let lags = present(&theta);
        let mut past: Vec<f64> = self.w.iter().map(|v| v - mean).collect();
        undo_moving_average(&mut past, &lags, 0);
        let mut shocks = errors.to_vec();
        undo_moving_average(&mut shocks, &lags, self.skip);
        let mut level = innovations(&vec![-1.0; n], &phi, &theta, self.skip);
        let mut moved = x.to_vec();
        (0..x.len())
            .map(|i| {
                let step = 1e-6 * x[i].abs().max(1.0);
                moved[i] = x[i] + step;
                let (to_phi, to_theta, to_mean) = (self.coefficients)(&moved);
                moved[i] = x[i];
                if to_mean != mean {
                    let slope = (to_mean - mean) / step;
                    level.iter_mut().for_each(|v| *v *= slope);
                    return std::mem::take(&mut level);
                }
                let mut column = vec![0.0; n];
                for (from, to, series) in [(&phi, &to_phi, &past), (&theta, &to_theta, &shocks)] {
                    for (lag, (a, b)) in from.iter().zip(to).enumerate().filter(|(_, (a, b))| a != b) {
                        let slope = (b - a) / step;
                        let tail = column.get_mut(lag + 1..).unwrap_or_default();
                        tail.iter_mut().zip(series).for_each(|(c, s)| *c -= slope * s);
                    }
                }
                column[..self.skip.min(n)].fill(0.0);
                column
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_timeseries::random::Random;

    #[test]
    fn the_minimum_has_the_coefficients_of_the_process() {
        let mut random = Random::new(12);
        let (mut w, mut last) = (vec![0.0], 0.0);
        for _ in 0..4_000 {
            let shock = random.normal();
            w.push(0.7 * w[w.len() - 1] + shock - 0.4 * last);
            last = shock;
        }
        let coefficients = |x: &[f64]| (vec![x[0].tanh()], vec![x[1].tanh()], x[2]);
        let sum = SumOfSquares { w: &w, skip: 1, coefficients: &coefficients };
        let (phi, theta, mean) = coefficients(&sum.minimise(&[0.0; 3]).unwrap());
        assert!((phi[0] - 0.7).abs() < 0.05 && (theta[0] + 0.4).abs() < 0.06 && mean.abs() < 0.15);
    }
}

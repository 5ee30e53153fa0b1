//! Likelihood of a stationary ARMA process.

use super::polynomial::{autocovariances, responses};

/// What a filter says of a series: squared innovations in units of their variance, and the logarithms of the variances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    pub(super) squares: f64,
    pub(super) log_variances: f64,
    pub(super) count: usize,
}

impl Score {
    /// Estimate of the innovations' variance.
    pub(super) fn variance(&self) -> f64 {
        self.squares / self.count as f64
    }

    /// -2 log likelihood with the variance at its estimate.
    pub(super) fn deviance(&self) -> f64 {
        let n = self.count as f64;
        n * (1.0 + (2.0 * std::f64::consts::PI * self.variance().max(1e-300)).ln()) + self.log_variances
    }
}

/// State of the filter after the series: from it forecasts go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    state: Vec<f64>,
    gain: Vec<f64>,
    change: Vec<f64>,
    /// Errors of the forecasts one step ahead.
    pub(super) innovations: Vec<f64>,
}

/// Change of the state's variance below which the filter is steady.
const STEADY: f64 = 1e-9;

impl Filter {
    /// Exact likelihood by Chandrasekhar recursions; `None` when the process is not stationary. O(n x lags).
    pub(super) fn run(&mut self, w: &[f64], phi: &[f64], theta: &[f64]) -> Option<Score> {
        let r = phi.len().max(theta.len() + 1);
        let phi_at = |i: usize| phi.get(i).copied().unwrap_or(0.0);
        let gamma = autocovariances(phi, theta, r + 1)?;
        let psi = responses(phi, theta, r + 1);
        // Covariance of the state with the next value.
        let mut covariance = vec![0.0; r + 1];
        covariance[0] = gamma[0];
        for i in 1..r {
            covariance[i] = (i..phi.len()).map(|j| phi[j] * gamma[j + 1 - i]).sum::<f64>()
                + (i..=theta.len()).map(|j| theta[j - 1] * psi[j - i]).sum::<f64>();
        }
        self.gain = (0..r).map(|i| phi_at(i) * covariance[0] + covariance[i + 1]).collect();
        self.change = self.gain.clone();
        self.state.clear();
        self.state.resize(r + 1, 0.0);
        self.change.push(0.0);
        self.innovations.clear();
        let mut variance = gamma[0];
        let mut weight = -1.0 / variance;
        let (mut squares, mut product, mut logs) = (0.0, 1.0_f64, 0.0);
        let mut steady = false;
        for value in w {
            let error = value - self.state[0];
            self.innovations.push(error);
            squares += error * error / variance;
            product *= variance;
            if !(1e-100..1e100).contains(&product) {
                logs += product.ln();
                product = 1.0;
            }
            let (first, push) = (self.state[0], error / variance);
            for i in 0..phi.len() {
                self.state[i] = phi[i] * first + self.state[i + 1] + self.gain[i] * push;
            }
            for i in phi.len()..r {
                self.state[i] = self.state[i + 1] + self.gain[i] * push;
            }
            if !steady {
                steady = self.advance(phi, &mut variance, &mut weight);
            }
        }
        logs += product.ln();
        let sound = squares.is_finite() && logs.is_finite();
        sound.then_some(Score { squares, log_variances: logs, count: w.len() })
    }

    /// Gain and variance of the next step; whether they no longer change.
    fn advance(&mut self, phi: &[f64], variance: &mut f64, weight: &mut f64) -> bool {
        let r = self.gain.len();
        let head = self.change[0];
        let (old, scale) = (*variance, *weight * head);
        let new = old + scale * head;
        let keep = head / old;
        // The gain before this step, over its variance, also turns the change.
        for i in 0..r {
            let moved = phi.get(i).copied().unwrap_or(0.0) * head + self.change[i + 1];
            let gain = self.gain[i];
            self.change[i] = moved - gain * keep;
            self.gain[i] = gain + scale * moved;
        }
        *weight -= scale * scale / new.max(1.0);
        // Rounding must not make the variance smaller than that of an innovation.
        *variance = new.max(1.0);
        let left: f64 = self.change[..r].iter().map(|c| c * c).sum();
        left * weight.abs() < STEADY
    }

    /// Forecasts of the next values.
    pub(super) fn forecast(&self, phi: &[f64], horizon: usize) -> Vec<f64> {
        let mut state = self.state.clone();
        (0..horizon)
            .map(|_| {
                let first = state[0];
                for i in 0..state.len() - 1 {
                    state[i] = phi.get(i).copied().unwrap_or(0.0) * first + state[i + 1];
                }
                first
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_timeseries::linear::{Matrix, solve_positive};
    use headwater_timeseries::random::Random;

    /// The likelihood from the covariance matrix of the whole series.
    fn dense(w: &[f64], phi: &[f64], theta: &[f64]) -> (f64, f64) {
        let n = w.len();
        let gamma = autocovariances(phi, theta, n).unwrap();
        let covariance = |n: usize| Matrix::from_fn(n, n, |i, j| gamma[i.abs_diff(j)]);
        let solved = solve_positive(&covariance(n), w).unwrap();
        let squares = w.iter().zip(&solved).map(|(a, b)| a * b).sum();
        // Determinant by the variances of one-step forecasts.
        let mut logs = gamma[0].ln();
        for k in 1..n {
            let right: Vec<f64> = (0..k).map(|i| gamma[k - i]).collect();
            let weights = solve_positive(&covariance(k), &right).unwrap();
            logs += (gamma[0] - weights.iter().zip(&right).map(|(a, b)| a * b).sum::<f64>()).ln();
        }
        (squares, logs)
    }

    #[test]
    fn the_recursions_have_the_likelihood_of_the_covariance_matrix() {
        let mut random = Random::new(6);
        let w: Vec<f64> = (0..40).map(|_| random.normal()).collect();
        let models: [(&[f64], &[f64]); 6] = [
            (&[], &[]),
            (&[0.7], &[]),
            (&[0.5, -0.3], &[0.4]),
            (&[], &[0.6, 0.3]),
            (&[0.3, 0.0, 0.0, 0.5, -0.15], &[0.2, 0.0, 0.0, -0.6, -0.12]),
            (&[1.5, -0.56], &[-0.9]),
        ];
        for (phi, theta) in models {
            let mut filter = Filter::default();
            let score = filter.run(&w, phi, theta).unwrap();
            let (squares, logs) = dense(&w, phi, theta);
            assert!((score.squares - squares).abs() < 1e-6 * squares, "{phi:?} {theta:?} {score:?} {squares} {logs}");
            assert!((score.log_variances - logs).abs() < 1e-6, "{phi:?} {theta:?}");
        }
    }

    #[test]
    fn explosive_processes_have_no_likelihood() {
        assert!(Filter::default().run(&[1.0, 2.0], &[1.01], &[]).is_none());
    }
}

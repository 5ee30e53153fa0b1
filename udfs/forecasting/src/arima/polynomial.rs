//! Lag polynomials: coefficients that are stationary by construction, products, autocovariances.

/// Coefficients of a stationary autoregression from its partial autocorrelations (Durbin & Levinson; Barndorff-Nielsen &
/// Schou, "On the parametrization of autoregressive models by partial autocorrelations", 1973). O(p²).
pub(super) fn from_partial(partial: &[f64]) -> Vec<f64> {
    let mut phi: Vec<f64> = Vec::with_capacity(partial.len());
    for r in partial {
        let k = phi.len();
        for j in 0..k / 2 {
            let (a, b) = (phi[j], phi[k - 1 - j]);
            phi[j] = a - r * b;
            phi[k - 1 - j] = b - r * a;
        }
        if k % 2 == 1 {
            phi[k / 2] *= 1.0 - r;
        }
        phi.push(*r);
    }
    phi
}

/// Partial autocorrelations of an autoregression, the inverse of [`from_partial`]; `None` when it is not stationary.
pub(super) fn to_partial(phi: &[f64]) -> Option<Vec<f64>> {
    let mut phi = phi.to_vec();
    let mut partial = vec![0.0; phi.len()];
    while let Some(r) = phi.pop() {
        if !(r.abs() < 1.0) {
            return None;
        }
        let k = phi.len();
        partial[k] = r;
        let scale = 1.0 / (1.0 - r * r);
        let before = phi.clone();
        (0..k).for_each(|j| phi[j] = (before[j] + r * before[k - 1 - j]) * scale);
    }
    Some(partial)
}

/// Coefficients of lags 1, 2, ... of (1 - plain)(1 - seasonal), where both are lists of coefficients to subtract.
pub(super) fn multiply(plain: &[f64], seasonal: &[f64], period: usize) -> Vec<f64> {
    let mut out = vec![0.0; plain.len() + seasonal.len() * period];
    out[..plain.len()].copy_from_slice(plain);
    for (k, s) in seasonal.iter().enumerate() {
        let lag = (k + 1) * period;
        out[lag - 1] += s;
        for (j, p) in plain.iter().enumerate() {
            out[lag + j] -= s * p;
        }
    }
    out
}

/// Coefficients to subtract of (1 - B)^d (1 - B^period)^D.
pub(super) fn differences(d: usize, seasonal_d: usize, period: usize) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::new();
    for lag in std::iter::repeat_n(1, d).chain(std::iter::repeat_n(period, seasonal_d)) {
        let mut unit = vec![0.0; lag];
        unit[lag - 1] = 1.0;
        out = multiply(&out, &unit, 1);
    }
    out
}

/// Responses 0, 1, ..., of an ARMA process to one innovation. O(count x (p + q)).
pub(super) fn responses(phi: &[f64], theta: &[f64], count: usize) -> Vec<f64> {
    let mut psi = Vec::with_capacity(count);
    for k in 0..count {
        let own = match k {
            0 => 1.0,
            k => theta.get(k - 1).copied().unwrap_or(0.0),
        };
        let past: f64 = phi.iter().take(k).enumerate().map(|(j, p)| p * psi[k - 1 - j]).sum();
        psi.push(own + past);
    }
    psi
}

/// Autocovariances 0 to `count` - 1 of an ARMA process with innovations of variance 1, from those of its autoregression
/// (step-down of Durbin & Levinson). `None` when it is not stationary. O(p² + count x q).
pub(super) fn autocovariances(phi: &[f64], theta: &[f64], count: usize) -> Option<Vec<f64>> {
    let (p, q) = (phi.len(), theta.len());
    let partial = to_partial(phi)?;
    let mut variance = 1.0 / partial.iter().map(|r| 1.0 - r * r).product::<f64>();
    let mut gamma = Vec::with_capacity(count + q);
    gamma.push(variance);
    let mut row: Vec<f64> = Vec::with_capacity(p);
    for k in 1..count + q {
        let predicted: f64 = row.iter().enumerate().map(|(j, c)| c * gamma[k - 1 - j]).sum();
        if let Some(r) = partial.get(k - 1) {
            gamma.push(predicted + r * variance);
            variance *= 1.0 - r * r;
            row = from_partial(&partial[..k]);
        } else {
            gamma.push(predicted);
        }
    }
    if q == 0 {
        return Some(gamma);
    }
    let moving = |i: usize| if i == 0 { 1.0 } else { theta[i - 1] };
    let present: Vec<usize> = (0..=q).filter(|i| moving(*i) != 0.0).collect();
    let mut products = vec![0.0; q + 1];
    for i in &present {
        for j in present.iter().filter(|j| *j >= i) {
            products[j - i] += moving(*i) * moving(*j);
        }
    }
    let lags: Vec<(usize, f64)> = products.into_iter().enumerate().filter(|(_, c)| *c != 0.0).collect();
    let at = |k: usize| {
        let term = |(lag, c): &(usize, f64)| {
            if *lag == 0 { c * gamma[k] } else { c * (gamma[k + lag] + gamma[k.abs_diff(*lag)]) }
        };
        lags.iter().map(term).sum()
    };
    Some((0..count).map(at).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_autocorrelations_and_coefficients_are_inverse() {
        let partial = [0.5, -0.3, 0.8, 0.1];
        let back = to_partial(&from_partial(&partial)).unwrap();
        assert!(partial.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(to_partial(&[1.2]).is_none());
    }

    #[test]
    fn seasonal_factors_multiply() {
        assert_eq!(multiply(&[0.5], &[0.4], 4), [0.5, 0.0, 0.0, 0.4, -0.2]);
        assert_eq!(differences(2, 0, 1), [2.0, -1.0]);
        assert_eq!(differences(1, 1, 4), [1.0, 0.0, 0.0, 1.0, -1.0]);
    }

    #[test]
    fn autocovariances_are_those_of_the_responses() {
        let (phi, theta) = ([0.6, -0.2], [0.4, 0.0, 0.3]);
        let psi = responses(&phi, &theta, 400);
        let found = autocovariances(&phi, &theta, 6).unwrap();
        for (k, gamma) in found.iter().enumerate() {
            let sum: f64 = psi.iter().zip(&psi[k..]).map(|(a, b)| a * b).sum();
            assert!((gamma - sum).abs() < 1e-10, "{k}");
        }
    }
}

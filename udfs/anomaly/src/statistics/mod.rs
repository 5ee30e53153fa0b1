//! Statistics that several detectors share.

pub(crate) mod fft;
pub(crate) mod linalg;
pub(crate) mod random;
pub(crate) mod rolling;
pub(crate) mod sorted;
pub(crate) mod special;

/// Larger magnitudes count as this one, so that squares and their sums stay finite.
const MAGNITUDE_MAX: f64 = 1e100;

/// MAD times this estimates the standard deviation of normal data.
pub(crate) const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// A value to calculate with; nothing for NaN and the infinities, which count as missing.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-MAGNITUDE_MAX, MAGNITUDE_MAX))
}

/// Mean; 0 for no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The least scale to divide by: a few of the steps between doubles as large as `magnitude`, which rounding leaves.
pub(crate) fn scale_floor(magnitude: f64) -> f64 {
    (magnitude.abs() * 64.0 * f64::EPSILON).max(1e-100)
}

/// Values with the missing ones on the straight line between their neighbours; nothing when all are missing.
pub(crate) fn interpolated(values: &[f64]) -> Option<Vec<f64>> {
    let mut filled: Vec<f64> = Vec::with_capacity(values.len());
    let mut last: Option<(usize, f64)> = None;
    for (i, value) in values.iter().enumerate() {
        let Some(value) = finite(*value) else {
            filled.push(last.map_or(f64::NAN, |l| l.1));
            continue;
        };
        let (from, start) = last.map_or((0, value), |(at, v)| (at + 1, v));
        let steps = (i - from + 1) as f64;
        for (k, gap) in filled.iter_mut().skip(from).enumerate() {
            *gap = start + (value - start) * ((k + 1) as f64 / steps);
        }
        filled.push(value);
        last = Some((i, value));
    }
    last.map(|_| filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled_between_their_neighbours() {
        let nan = f64::NAN;
        assert_eq!(interpolated(&[nan, 2.0, nan, nan, 5.0, f64::INFINITY]), Some(vec![2.0, 2.0, 3.0, 4.0, 5.0, 5.0]));
        assert_eq!(interpolated(&[nan, nan]), None);
        assert_eq!(interpolated(&[]), None);
    }

    #[test]
    fn no_value_is_too_large_to_square() {
        assert!(finite(f64::MAX).is_some_and(|v| (v * v * 1e6).is_finite()));
        assert_eq!(finite(f64::NEG_INFINITY), None);
    }
}

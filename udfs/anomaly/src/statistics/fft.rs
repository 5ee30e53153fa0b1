//! Autocorrelation by the fast Fourier transform.

use std::f64::consts::PI;

/// Autocorrelation at the lags 0..n, O(n log n); all zero for a constant series.
pub(crate) fn autocorrelation(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let size = (2 * n).next_power_of_two().max(2);
    let center = super::mean(values);
    let largest = values.iter().fold(0.0f64, |m, v| m.max((v - center).abs()));
    if n == 0 || largest <= super::scale_floor(center) {
        return vec![0.0; n];
    }
    let mut re = vec![0.0; size];
    let mut im = vec![0.0; size];
    for (to, value) in re.iter_mut().zip(values) {
        *to = (value - center) / largest;
    }
    transform(&mut re, &mut im);
    for (re, im) in re.iter_mut().zip(im.iter_mut()) {
        *re = *re * *re + *im * *im;
        *im = 0.0;
    }
    // The spectrum of power is real and even: the transform is its own inverse but for a factor, which the quotient removes.
    transform(&mut re, &mut im);
    let whole = re[0];
    re.truncate(n);
    re.iter_mut().for_each(|r| *r /= whole);
    re
}

/// Magnitudes of the discrete Fourier transform at all frequencies, for any length (Bluestein: A linear filtering approach to
/// the computation of discrete Fourier transform, 1970). O(n log n).
pub(crate) fn magnitudes(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let size = (2 * n).next_power_of_two().max(2);
    let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    // The square of a place modulo twice the length: the angle stays exact.
    let chirp = |k: usize| (PI * ((k as u128 * k as u128) % (2 * n as u128)) as f64 / n as f64).sin_cos();
    let (mut re, mut im) = (vec![0.0; size], vec![0.0; size]);
    let (mut other_re, mut other_im) = (vec![0.0; size], vec![0.0; size]);
    for (k, value) in values.iter().enumerate() {
        let (sin, cos) = chirp(k);
        (re[k], im[k]) = (value / scale * cos, -value / scale * sin);
        for place in [k, (size - k) % size] {
            (other_re[place], other_im[place]) = (cos, sin);
        }
    }
    transform(&mut re, &mut im);
    transform(&mut other_re, &mut other_im);
    for i in 0..size {
        let (a, b, c, d) = (re[i], im[i], other_re[i], other_im[i]);
        // Swapped, the transform is its own inverse but for a factor.
        (im[i], re[i]) = (a * c - b * d, a * d + b * c);
    }
    transform(&mut re, &mut im);
    re.iter().zip(&im).take(n).map(|(re, im)| re.hypot(*im) / size as f64 * scale).collect()
}

/// Radix-2 transform (Cooley and Tukey 1965) of a length that is a power of two, in place.
fn transform(re: &mut [f64], im: &mut [f64]) {
    let n = re.len();
    let shift = usize::BITS - n.trailing_zeros();
    for i in 0..n {
        let j = i.reverse_bits() >> shift;
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let table: Vec<(f64, f64)> = (0..n / 2).map(|k| (-2.0 * PI * k as f64 / n as f64).sin_cos()).collect();
    let mut half = 1;
    while half < n {
        let stride = n / (2 * half);
        for start in (0..n).step_by(2 * half) {
            for k in 0..half {
                let (sin, cos) = table[k * stride];
                let (a, b) = (start + k, start + k + half);
                let (x, y) = (re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos);
                (re[b], im[b]) = (re[a] - x, im[a] - y);
                (re[a], im[a]) = (re[a] + x, im[a] + y);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_those_of_the_definition_for_any_length() {
        for n in [1usize, 2, 5, 12, 37] {
            let values: Vec<f64> = (0..n).map(|i| ((i * i) % 11) as f64 - 3.0).collect();
            for (k, found) in magnitudes(&values).into_iter().enumerate() {
                let angle = |t: usize| -2.0 * PI * (k * t) as f64 / n as f64;
                let re: f64 = values.iter().enumerate().map(|(t, v)| v * angle(t).cos()).sum();
                let im: f64 = values.iter().enumerate().map(|(t, v)| v * angle(t).sin()).sum();
                assert!((found - re.hypot(im)).abs() < 1e-9, "{n} {k}");
            }
        }
    }

    #[test]
    fn autocorrelation_is_that_of_the_definition() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i % 7) + 1e6).collect();
        let center = values.iter().sum::<f64>() / 50.0;
        let product = |lag: usize| (lag..50).map(|i| (values[i] - center) * (values[i - lag] - center)).sum::<f64>();
        for (lag, r) in autocorrelation(&values).into_iter().enumerate() {
            assert!((r - product(lag) / product(0)).abs() < 1e-9, "lag {lag}");
        }
        assert_eq!(autocorrelation(&[5.0; 9]), vec![0.0; 9]);
        assert!(autocorrelation(&[]).is_empty());
    }
}

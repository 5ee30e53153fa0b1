//! Means, variances, quantiles.

/// Arithmetic mean; 0 of nothing.
pub fn mean(x: &[f64]) -> f64 {
    if x.is_empty() { 0.0 } else { x.iter().sum::<f64>() / x.len() as f64 }
}

/// Sample variance (divisor n - 1); 0 of fewer than two values.
pub fn variance(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return 0.0;
    }
    let m = mean(x);
    x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() - 1) as f64
}

/// Sample standard deviation.
pub fn deviation(x: &[f64]) -> f64 {
    variance(x).sqrt()
}

/// The middle value, the mean of the two middle ones of an even number; NaN of nothing. NaN sorts last.
pub fn median(x: &[f64]) -> f64 {
    quantile(x, 0.5)
}

/// Quantile by linear interpolation (type 7 of Hyndman & Fan, "Sample quantiles in statistical packages", 1996).
/// O(n log n).
pub fn quantile(x: &[f64], p: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, p)
}

/// [`quantile`] of values that are in order already. O(1).
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(last);
    let share = place - low as f64;
    if share == 0.0 { sorted[low] } else { sorted[low] + share * (sorted[high] - sorted[low]) }
}

/// The power of two that brings values around 1 when squares of them or of their differences would leave the range of doubles; 1 of
/// all others.
pub fn scale_for_squares(x: &[f64]) -> f64 {
    let largest = x.iter().filter(|v| v.is_finite()).fold(0.0_f64, |a, v| a.max(v.abs()));
    if largest == 0.0 || (1e-100..=1e100).contains(&largest) {
        return 1.0;
    }
    // From 2^-1000 on, so that its inverse is a double.
    2f64.powf(-largest.log2().floor().clamp(-1000.0, 1000.0))
}

/// Whether all values are the same.
pub fn is_constant(x: &[f64]) -> bool {
    x.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_at_the_ends_of_doubles_are_scaled() {
        assert_eq!(scale_for_squares(&[0.0, 5e9, f64::NAN]), 1.0);
        assert_eq!(scale_for_squares(&[]), 1.0);
        for largest in [f64::MAX, 7e300, 1e-200, f64::MIN_POSITIVE] {
            let scale = scale_for_squares(&[largest, -largest / 2.0]);
            assert_eq!(largest * scale / scale, largest);
            assert!(variance(&[largest * scale, 0.0]) > 1e-20, "{largest}");
        }
    }

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let x = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&x), 2.5);
        assert_eq!(quantile(&x, 0.0), 1.0);
        assert_eq!(quantile(&x, 1.0), 4.0);
        assert!((quantile(&x, 0.9) - 3.7).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn variance_has_the_divisor_of_a_sample() {
        assert_eq!(variance(&[1.0, 3.0]), 2.0);
        assert_eq!(variance(&[5.0]), 0.0);
    }
}

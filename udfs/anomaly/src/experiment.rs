//! Comparison of two variants by what was measured of each.

use crate::statistics::special::student_t_upper;

/// How two means differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Mean of the second sample minus that of the first.
    pub difference: f64,
    /// Lower end of the interval of the difference.
    pub lower: f64,
    /// Upper end of the interval of the difference.
    pub upper: f64,
    /// Probability of a difference at least as large, in either direction, when the means are equal.
    pub p_value: f64,
}

/// Welch's test of two means whose variances may differ (Welch, "The generalization of Student's problem when several different
/// population variances are involved", 1947), with an interval of this level. Values that are not finite are left out. `None`
/// when a sample has fewer than two values or neither varies. O(n).
pub fn welch(first: &[f64], second: &[f64], level: f64) -> Option<Difference> {
    let (first, second) = (Moments::of(first)?, Moments::of(second)?);
    let (a, b) = (first.variance / first.count, second.variance / second.count);
    let error = (a + b).sqrt();
    if !(error > 0.0 && error.is_finite()) {
        return None;
    }
    // Shares of the error, so that large variances do not overflow.
    let (a, b) = (a / (error * error), b / (error * error));
    let degrees = 1.0 / (a * a / (first.count - 1.0) + b * b / (second.count - 1.0));
    let difference = second.mean - first.mean;
    let p_value = (2.0 * student_t_upper((difference / error).abs(), degrees)).min(1.0);
    let reach = error * upper_quantile((1.0 - level) / 2.0, degrees);
    Some(Difference { difference, lower: difference - reach, upper: difference + reach, p_value })
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        if values.len() < 2 {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().map(|v| v / count).sum::<f64>();
        let variance = values.iter().map(|v| (v - mean) * ((v - mean) / (count - 1.0))).sum::<f64>();
        (mean.is_finite() && variance.is_finite()).then_some(Self { count, mean, variance })
    }
}

/// The value that Student's t exceeds with this probability, below one half, by halving an interval.
fn upper_quantile(probability: f64, degrees: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while student_t_upper(high, degrees) > probability && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if student_t_upper(middle, degrees) > probability { low = middle } else { high = middle }
    }
    high
}

/// Which of several variants a unit belongs to, from 0: the same one whenever it is asked for, with probabilities in proportion
/// to the weights, and independent of other experiments. `None` when no weight is positive or one is negative or not finite.
pub fn variant(experiment: &str, unit: &str, weights: &[f64]) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if weights.iter().any(|w| w.is_nan() || *w < 0.0) || total <= 0.0 || !total.is_finite() {
        return None;
    }
    let place = share(experiment, unit) * total;
    let mut sum = 0.0;
    let found = weights.iter().position(|w| {
        sum += w;
        place < sum
    });
    found.or_else(|| weights.iter().rposition(|w| *w > 0.0))
}

/// A number in 0 to 1 of two texts: FNV-1a over both with their lengths, mixed by the finalizer of SplitMix64 (Steele, Lea &
/// Flood, 2014).
fn share(experiment: &str, unit: &str) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for text in [experiment, unit] {
        let length = (text.len() as u64).to_le_bytes();
        for byte in length.iter().chain(text.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_of_means_is_that_of_its_definition() {
        // The p-value is the integral of the density of t = 2.852955 with 27.887304 degrees of freedom.
        let a = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        let b = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4];
        let found = welch(&a, &b, 0.95).unwrap();
        assert!((found.p_value - 0.008_071_938).abs() < 1e-8, "{found:?}");
        assert!((found.difference - 2.833_333).abs() < 1e-5);
        assert!((found.lower + found.upper - 2.0 * found.difference).abs() < 1e-9 && found.lower > 0.0);
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0], 0.95), None);
        assert_eq!(welch(&[1.0], &[2.0, 3.0], 0.95), None);
        assert_eq!(welch(&[1.0, f64::NAN], &[2.0, 3.0], 0.95), None);
        let same = welch(&a, &a, 0.9).unwrap();
        assert!((same.p_value - 1.0).abs() < 1e-12 && same.lower < 0.0);
    }

    #[test]
    fn units_keep_their_variant_and_variants_their_share() {
        let weights = [0.2, 0.0, 0.7, 0.1];
        let mut counts = [0_u32; 4];
        let mut both = 0_u32;
        for unit in 0..20_000 {
            let unit = unit.to_string();
            let found = variant("prices", &unit, &weights).unwrap();
            assert_eq!(variant("prices", &unit, &weights), Some(found));
            counts[found] += 1;
            both += u32::from(found == 2 && variant("colours", &unit, &[1.0, 1.0]) == Some(0));
        }
        assert_eq!(counts[1], 0);
        for (count, weight) in counts.iter().zip(weights) {
            assert!((f64::from(*count) / 20_000.0 - weight).abs() < 0.01, "{counts:?}");
        }
        assert!((f64::from(both) / 20_000.0 - 0.35).abs() < 0.015, "{both}");
        assert_eq!(variant("e", "u", &[]), None);
        assert_eq!(variant("e", "u", &[0.0]), None);
        assert_eq!(variant("e", "u", &[1.0, -0.1]), None);
        assert_eq!(variant("e", "u", &[f64::NAN]), None);
    }
}

//! Order statistics of sorted values, and sorting.

/// Median of sorted values; NaN for none.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * sorted[n / 2 - 1] + 0.5 * sorted[n / 2],
    }
}

/// Quantile of sorted values, linear between them; NaN for none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, share) = (position.floor() as usize, position.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * share
}

/// Median of the absolute deviations of sorted values from `center`, in O(log n): the deviations left and right of it are
/// two sorted sequences. NaN for no values.
pub(crate) fn mad(sorted: &[f64], center: f64) -> f64 {
    let n = sorted.len();
    if n == 0 {
        return f64::NAN;
    }
    let middle = kth_deviation(sorted, center, n / 2);
    if n % 2 == 1 { middle } else { 0.5 * middle + 0.5 * kth_deviation(sorted, center, n / 2 - 1) }
}

/// The k-th smallest absolute deviation from `center`.
fn kth_deviation(sorted: &[f64], center: f64, k: usize) -> f64 {
    let split = sorted.partition_point(|v| *v < center);
    let left = |i: usize| center - sorted[split - 1 - i];
    let right = |i: usize| sorted[split + i] - center;
    let (lefts, rights) = (split, sorted.len() - split);
    // How many of the k + 1 smallest lie on the left: the least i for which the next on the left is not needed.
    let (mut low, mut high) = ((k + 1).saturating_sub(rights), (k + 1).min(lefts));
    while low < high {
        let i = (low + high) / 2;
        if left(i) < right(k - i) { low = i + 1 } else { high = i }
    }
    let of_left = if low > 0 { left(low - 1) } else { f64::NEG_INFINITY };
    let of_right = if k + 1 > low { right(k - low) } else { f64::NEG_INFINITY };
    of_left.max(of_right)
}

/// The finite values in order.
pub(crate) fn sorted_finite(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().filter_map(|v| super::finite(*v)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Row numbers in the order of their values (which must not be NaN), each with a key that orders as its value. O(n).
pub(crate) fn argsort(values: &[f64]) -> Vec<(u64, u32)> {
    let key = |v: f64| {
        let bits = (v + 0.0).to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    sorted_by_key(values.iter().zip(0u32..).map(|(v, i)| (key(*v), i)).collect())
}

/// Sorts by keys, least significant digit first (Knuth, The art of computer programming 3, 5.2.5). Stable, O(n).
pub(crate) fn sorted_by_key(mut from: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    let mut counts = vec![[0usize; 256]; 8];
    for (key, _) in &from {
        for (digit, counts) in counts.iter_mut().enumerate() {
            counts[(key >> (8 * digit)) as usize & 255] += 1;
        }
    }
    let mut to = vec![(0u64, 0u32); from.len()];
    for (digit, counts) in counts.iter_mut().enumerate() {
        if counts.contains(&from.len()) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for item in &from {
            let place = &mut counts[(item.0 >> (8 * digit)) as usize & 255];
            to[*place] = *item;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::random::Random;

    #[test]
    fn mad_is_that_of_the_definition() {
        let mut random = Random::new(1, 1);
        for n in 1..40 {
            let mut values: Vec<f64> = (0..n).map(|_| (random.below(12) as f64) - 3.0).collect();
            values.sort_by(f64::total_cmp);
            for center in [median(&values), values[0] - 1.0, values[n - 1] + 1.0, 2.5] {
                let mut deviations: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
                deviations.sort_by(f64::total_cmp);
                assert_eq!(mad(&values, center), median(&deviations), "{values:?} around {center}");
            }
        }
        assert!(mad(&[], 0.0).is_nan() && median(&[]).is_nan() && quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn argsort_orders_negative_equal_and_extreme_values() {
        let values = [3.5, -1.0, f64::MAX, -0.0, 0.0, f64::MIN, -1.0, 1e-300];
        let order: Vec<u32> = argsort(&values).into_iter().map(|v| v.1).collect();
        assert_eq!(order, [5, 1, 6, 3, 4, 7, 0, 2]);
        assert!(argsort(&[]).is_empty());
    }

    #[test]
    fn quantiles_are_linear_between_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0], 0.3), 1.0);
    }
}

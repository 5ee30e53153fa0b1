//! Features cut into at most 255 bins, so that a split is looked for among bins and not among rows.

use crate::data::{Features, Kind};

/// Most bins of present values; bin 0 holds the missing ones.
pub(crate) const BINS_MAX: usize = 254;

/// How a feature was cut.
#[derive(Debug)]
pub(crate) enum Cut {
    /// Upper ends of all bins but the last, which has none: values up to `upper[b - 1]` are in bins 1 to b.
    Numeric { upper: Vec<f64> },
    /// Code c is in bin c + 1.
    Category,
}

impl Cut {
    /// The threshold of a split behind a bin.
    pub(crate) fn threshold(&self, bin: u8) -> f64 {
        match self {
            Self::Numeric { upper } => upper.get(usize::from(bin).wrapping_sub(1)).copied().unwrap_or(f64::INFINITY),
            Self::Category => f64::INFINITY,
        }
    }
}

/// All features of the training rows, cut.
#[derive(Debug)]
pub(crate) struct Binned {
    pub(crate) cuts: Vec<Cut>,
    /// The bin of each row, feature by feature.
    pub(crate) bins: Vec<Vec<u8>>,
    /// Where the bins of a feature start in a histogram of all; one entry more than features.
    pub(crate) offsets: Vec<usize>,
}

impl Binned {
    /// Cuts features into at most `bins_max` bins of about equally many rows (as Ke et al., "LightGBM", 2017).
    /// O(features x n log n).
    pub(crate) fn new(features: &Features, bins_max: usize) -> Self {
        let mut new = Self { cuts: Vec::new(), bins: Vec::new(), offsets: vec![0] };
        for (column, kind) in features.columns().iter().zip(features.kinds()) {
            let (cut, bins, count) = match kind {
                Kind::Numeric => {
                    let upper = upper_ends(column, bins_max.clamp(2, BINS_MAX));
                    let bins = column.iter().map(|x| bin(&upper, *x)).collect();
                    let count = upper.len() + 2;
                    (Cut::Numeric { upper }, bins, count)
                }
                Kind::Category(n) => {
                    let code = |x: &f64| if *x >= 0.0 && *x < f64::from(*n) { *x as u8 + 1 } else { 0 };
                    (Cut::Category, column.iter().map(code).collect(), *n as usize + 1)
                }
            };
            new.cuts.push(cut);
            new.bins.push(bins);
            new.offsets.push(new.offsets.last().copied().unwrap_or(0) + count);
        }
        new
    }
}

fn bin(upper: &[f64], x: f64) -> u8 {
    if x.is_nan() { 0 } else { upper.partition_point(|u| *u < x) as u8 + 1 }
}

/// Upper ends of bins: each distinct value has its own bin while there are bins for them; else bins hold about equally
/// many rows, and a value as frequent as a bin is alone in it.
fn upper_ends(column: &[f64], bins_max: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = column.iter().copied().filter(|x| !x.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct: Vec<(f64, usize)> = Vec::new();
    for x in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == x => *count += 1,
            _ => distinct.push((x, 1)),
        }
    }
    let few = distinct.len() <= bins_max;
    let (mut rows_left, mut bins_left) = (distinct.iter().map(|d| d.1).sum::<usize>(), bins_max);
    let mut upper = Vec::new();
    let mut inside = 0;
    for pair in distinct.windows(2) {
        let ((low, count), (high, next)) = (pair[0], pair[1]);
        inside += count;
        let full = inside * bins_left >= rows_left || next * bins_left >= rows_left;
        if few || (full && bins_left > 1) {
            upper.push(between(low, high));
            rows_left -= inside;
            bins_left -= 1;
            inside = 0;
        }
    }
    upper
}

/// A number with `low <= number < high`, in the middle where there is one.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_separate_what_differs_even_at_the_ends_of_the_numbers() {
        let column = [f64::NEG_INFINITY, -f64::MAX, -1.0, 0.0, f64::MIN_POSITIVE, 1.0, f64::MAX, f64::INFINITY];
        let upper = upper_ends(&column, 254);
        let bins: Vec<u8> = column.iter().map(|x| bin(&upper, *x)).collect();
        assert_eq!(bins, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bin(&upper, f64::NAN), 0);
        assert_eq!(bin(&upper, -0.0), 4);
        assert!(upper_ends(&[f64::NAN, 2.0, 2.0], 254).is_empty());
        assert!(upper_ends(&[], 254).is_empty());
    }

    #[test]
    fn many_values_share_bins_of_about_equal_size_and_a_frequent_one_is_alone() {
        let column: Vec<f64> = (0..10_000).map(|i| if i % 2 == 0 { 0.5 } else { f64::from(i) / 10_000.0 }).collect();
        let upper = upper_ends(&column, 20);
        assert!(upper.len() <= 19 && upper.len() >= 15, "{}", upper.len());
        let mut sizes = vec![0; 21];
        column.iter().for_each(|x| sizes[usize::from(bin(&upper, *x))] += 1);
        assert_eq!(sizes[usize::from(bin(&upper, 0.5))], 5_000);
        assert!(sizes.iter().filter(|s| **s > 0 && **s != 5_000).all(|s| (100..600).contains(s)), "{sizes:?}");
    }
}

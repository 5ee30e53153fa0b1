//! Statistics of the latest values.

use std::collections::VecDeque;

use super::sorted;

/// Mean and variance of the last `window` values, O(1) a value.
///
/// Sums are taken around a recent mean and afresh once a window, so that rounding cannot add up.
#[derive(Debug, Clone)]
pub(crate) struct RollingMoments {
    window: usize,
    values: VecDeque<f64>,
    origin: f64,
    sum: f64,
    squares: f64,
    until_refresh: usize,
}

impl RollingMoments {
    pub(crate) fn new(window: usize) -> Self {
        let window = window.max(1);
        Self { window, values: VecDeque::new(), origin: 0.0, sum: 0.0, squares: 0.0, until_refresh: 0 }
    }

    pub(crate) fn push(&mut self, value: f64) {
        if self.values.len() == self.window
            && let Some(old) = self.values.pop_front()
        {
            self.sum -= old - self.origin;
            self.squares -= (old - self.origin).powi(2);
        }
        self.values.push_back(value);
        if self.until_refresh == 0 {
            self.refresh();
        } else {
            self.until_refresh -= 1;
            self.sum += value - self.origin;
            self.squares += (value - self.origin).powi(2);
            // The origin is too far from the values for their differences to survive in the sums.
            if self.around_mean() < 1e-8 * self.squares {
                self.refresh();
            }
        }
    }

    fn around_mean(&self) -> f64 {
        self.squares - self.sum * self.sum / self.values.len() as f64
    }

    fn refresh(&mut self) {
        self.until_refresh = if self.values.len() < self.window { self.values.len() } else { self.window };
        self.origin = self.values.iter().sum::<f64>() / self.values.len() as f64;
        self.sum = self.values.iter().map(|v| v - self.origin).sum();
        self.squares = self.values.iter().map(|v| (v - self.origin).powi(2)).sum();
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// NaN for no values.
    pub(crate) fn mean(&self) -> f64 {
        self.origin + self.sum / self.values.len() as f64
    }

    /// Standard deviation (of a sample); 0 for fewer than two values.
    pub(crate) fn deviation(&self) -> f64 {
        let n = self.values.len() as f64;
        if n < 2.0 {
            return 0.0;
        }
        (self.around_mean() / (n - 1.0)).max(0.0).sqrt()
    }
}

/// The last `window` values in order: O(log window) comparisons and one move of memory a value.
#[derive(Debug, Clone)]
pub(crate) struct RollingOrder {
    window: usize,
    values: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl RollingOrder {
    pub(crate) fn new(window: usize) -> Self {
        Self { window: window.max(1), values: VecDeque::new(), sorted: Vec::new() }
    }

    pub(crate) fn push(&mut self, value: f64) {
        if self.values.len() == self.window
            && let Some(old) = self.values.pop_front()
        {
            let at = self.sorted.partition_point(|v| *v < old);
            self.sorted.remove(at.min(self.sorted.len() - 1));
        }
        self.values.push_back(value);
        let at = self.sorted.partition_point(|v| *v < value);
        self.sorted.insert(at, value);
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    pub(crate) fn median(&self) -> f64 {
        sorted::median(&self.sorted)
    }

    pub(crate) fn mad(&self) -> f64 {
        sorted::mad(&self.sorted, self.median())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::mean;
    use crate::statistics::random::Random;

    #[test]
    fn rolling_statistics_are_those_of_the_window_even_far_from_zero() {
        let mut random = Random::new(3, 0);
        let values: Vec<f64> = (0..500).map(|i| if i < 250 { 1e9 } else { -1e6 } + random.uniform()).collect();
        let (mut moments, mut order) = (RollingMoments::new(20), RollingOrder::new(20));
        for (i, value) in values.iter().enumerate() {
            moments.push(*value);
            order.push(*value);
            let window = &values[(i + 1).saturating_sub(20)..=i];
            let center = mean(window);
            let variance = window.iter().map(|v| (v - center).powi(2)).sum::<f64>() / (window.len() as f64 - 1.0).max(1.0);
            assert!((moments.mean() - center).abs() <= 1e-6 * center.abs());
            assert!((moments.deviation() - variance.sqrt()).abs() <= 1e-3 * variance.sqrt() + 1e-6, "at {i}");
            let mut sorted = window.to_vec();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(order.sorted(), sorted);
        }
    }
}

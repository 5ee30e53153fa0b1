//! Numbers brought to mean 0 and deviation 1, whatever their magnitude.

use headwater_registry::record;

/// Centre and width of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) centre: f64,
    pub(crate) width: f64,
}

record!(Scale { centre, width } check check);

impl Default for Scale {
    fn default() -> Self {
        Self { centre: 0.0, width: 1.0 }
    }
}

impl Scale {
    /// Mean and deviation (divisor n) of the finite values. Sums are taken of values that were divided by the largest,
    /// so that they do not overflow. A constant has width 1. O(n).
    pub(crate) fn of(values: &[f64]) -> Self {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let count = finite().count() as f64;
        let largest = finite().fold(0.0, |a: f64, v| a.max(v.abs()));
        if count == 0.0 || largest == 0.0 {
            return Self::default();
        }
        let mean = finite().map(|v| v / largest).sum::<f64>() / count;
        let variance = finite().map(|v| (v / largest - mean).powi(2)).sum::<f64>() / count;
        let width = variance.sqrt() * largest;
        // A deviation that is rounding beside the mean is none.
        let constant = !width.is_normal() || variance.sqrt() <= 1e-13 * mean.abs();
        Self { centre: mean * largest, width: if constant { 1.0 } else { width } }
    }

    pub(crate) fn forward(&self, x: f64) -> f64 {
        let distance = x - self.centre;
        // The distance of numbers near the largest there are is none.
        if distance.is_finite() { distance / self.width } else { x / self.width - self.centre / self.width }
    }

    pub(crate) fn back(&self, z: f64) -> f64 {
        z * self.width + self.centre
    }

    fn check(&self) -> headwater_common::Result<()> {
        match self.centre.is_finite() && self.width.is_normal() && self.width > 0.0 {
            true => Ok(()),
            false => Err(headwater_registry::codec::damaged("a scale is not one")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_tiny_and_constant_values_are_scaled() {
        for unit in [1e-300, 1.0, 1e12, 1e307] {
            let values: Vec<f64> = (0..10).map(|i| unit * f64::from(i)).collect();
            let scale = Scale::of(&values);
            let z: Vec<f64> = values.iter().map(|v| scale.forward(*v)).collect();
            let square = z.iter().map(|z| z * z).sum::<f64>() / 10.0;
            assert!((square - 1.0).abs() < 1e-9, "{unit} {square}");
            assert!((scale.back(z[9]) / values[9] - 1.0).abs() < 1e-9);
        }
        assert_eq!(Scale::of(&[0.1; 7]).width, 1.0);
        assert!((Scale::of(&[5.0, f64::NAN, f64::INFINITY]).centre - 5.0).abs() < 1e-12);
        assert_eq!(Scale::of(&[]), Scale::default());
    }
}

//! Ranges and their round numbers.

use chrono::DateTime;

/// Where a value lies between two ends, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From the least to the greatest value; room is made around a single one.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        if low == high {
            let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            return Self { low: low - room, high: high + room };
        }
        Self { low, high }
    }

    /// The same with a share more on both sides.
    pub(super) fn wider(self, share: f64) -> Self {
        let room = (self.high / 2.0 - self.low / 2.0) * 2.0 * share;
        Self { low: self.low - room, high: self.high + room }
    }

    /// Share of the way from the low to the high end.
    pub(super) fn share(self, value: f64) -> f64 {
        // Halves: the ends of the range of doubles are no overflow.
        (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
    }

    /// About five round values, with their texts.
    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        let rough = (self.high - self.low) / 5.0;
        if !rough.is_finite() || rough <= 0.0 {
            return Vec::new();
        }
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= rough).unwrap_or(rough);
        let digits = if step < 1.0 { (-step.log10().floor()) as usize } else { 0 };
        let first = (self.low / step).ceil();
        let ticks = (0..12).map(|i| (first + f64::from(i)) * step).take_while(|v| *v <= self.high);
        ticks.map(|v| (v, number(v, digits))).collect()
    }

    /// Five times evenly apart, as days or with their minutes when the range is short.
    pub(super) fn times(self) -> Vec<(f64, String)> {
        const DAY_US: f64 = 86_400e6;
        let format = match self.high - self.low {
            range if range > 8.0 * DAY_US => "%Y-%m-%d",
            range if range > 600e6 => "%m-%d %H:%M",
            _ => "%H:%M:%S",
        };
        let at = |i: i32| self.low + (self.high - self.low) * f64::from(i) / 4.0;
        let text = |us: f64| DateTime::from_timestamp_micros(us as i64).map(|t| t.format(format).to_string());
        (0..5).map(|i| (at(i), text(at(i)).unwrap_or_default())).collect()
    }
}

fn number(value: f64, digits: usize) -> String {
    // Minus zero is zero.
    let value = value + 0.0;
    if value.abs() >= 1e7 || digits > 6 { format!("{value:.3e}") } else { format!("{value:.digits$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let texts = |low, high| Axis { low, high }.ticks().into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(texts(0.0, 100.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(texts(-0.11, 0.12), ["-0.10", "-0.05", "0.00", "0.05", "0.10"]);
        assert!(texts(1e12, 3e12)[0].contains('e'));
        assert!(Axis::of([5.0].into_iter()).share(5.0) == 0.5);
        assert!(Axis::of(std::iter::empty()).ticks().len() > 3);
        let whole = Axis::of([f64::MIN, f64::MAX].into_iter());
        assert!(whole.share(0.0) == 0.5 && whole.ticks().is_empty());
        let week = Axis { low: 0.0, high: 10.0 * 86_400e6 };
        assert_eq!(week.times()[4].1, "1970-01-11");
    }
}

//! Parts of the calendar.

use headwater_timeseries::calendar::{DAY_US, civil_from_days, days_from_civil, weekday};

use crate::data::Column;

/// The name of a part, and the part of a time.
type Part = (&'static str, fn(i64) -> f64);

const PARTS: [Part; 6] = [
    ("year", |t| civil_from_days(t.div_euclid(DAY_US)).0 as f64),
    ("month", |t| civil_from_days(t.div_euclid(DAY_US)).1 as f64),
    ("day of year", |t| {
        let days = t.div_euclid(DAY_US);
        (days - days_from_civil(civil_from_days(days).0, 1, 1) + 1) as f64
    }),
    ("day of month", |t| civil_from_days(t.div_euclid(DAY_US)).2 as f64),
    ("day of week", |t| weekday(t.div_euclid(DAY_US)) as f64),
    ("hour", |t| t.rem_euclid(DAY_US) as f64 / (DAY_US / 24) as f64),
];

/// Columns of the parts of times, microseconds of wall time. The week starts with Monday, 0. O(rows).
pub(super) fn parts(name: &str, times: &[Option<i64>]) -> Vec<Column> {
    let column = |(part, of): &Part| {
        Column::numbers(&format!("{name} {part}"), times.iter().map(|t| t.map_or(f64::NAN, of)).collect())
    };
    PARTS.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Values;

    #[test]
    fn parts_of_leap_days_and_of_times_before_the_epoch() {
        // 2024-02-29 06:30, a Thursday, and 1969-12-31 23:00, a Wednesday.
        let leap = days_from_civil(2024, 2, 29) * DAY_US + 13 * DAY_US / 48;
        let columns = parts("t", &[Some(leap), Some(-DAY_US / 24), None, Some(i64::MAX), Some(i64::MIN)]);
        let row = |r: usize| -> Vec<f64> {
            let at = |c: &Column| match &c.values {
                Values::Numbers(x) => x[r],
                _ => panic!(),
            };
            columns.iter().map(at).collect()
        };
        assert_eq!(row(0), [2024.0, 2.0, 60.0, 29.0, 3.0, 6.5]);
        assert_eq!(row(1), [1969.0, 12.0, 365.0, 31.0, 2.0, 23.0]);
        assert!(row(2).iter().all(|v| v.is_nan()));
        assert!(row(3).iter().chain(&row(4)).all(|v| v.is_finite()));
    }
}

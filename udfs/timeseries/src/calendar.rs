//! The proleptic Gregorian calendar over days since 1970-01-01, and the zone that turns instants into wall time.

/// Microseconds of a day without a change of the clock.
pub const DAY_US: i64 = 86_400_000_000;

/// Turns instants (microseconds since the epoch, UTC) into wall time (the same unit, read off a wall clock) and back.
///
/// The rules of time zones are the caller's: this crate has no zone database.
pub trait Zone: std::fmt::Debug + Send + Sync {
    /// Wall time of an instant.
    fn to_wall(&self, instant_us: i64) -> i64;
    /// Instant of a wall time. A time that exists twice is the first one; one that is skipped is the instant after it.
    fn to_instant(&self, wall_us: i64) -> i64;
}

/// The zone in which wall time is UTC. Right for timestamps without a zone and for dates.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utc;

impl Zone for Utc {
    fn to_wall(&self, instant_us: i64) -> i64 {
        instant_us
    }

    fn to_instant(&self, wall_us: i64) -> i64 {
        wall_us
    }
}

/// Year, month (1 to 12) and day (1 to 31) of a day since the epoch (Hinnant, "chrono-compatible low-level date
/// algorithms", 2014).
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// Day since the epoch of a year, month and day.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Number of days of a month.
pub fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

/// Months since January of year 0.
pub fn month_index(days: i64) -> i64 {
    let (year, month, _) = civil_from_days(days);
    year * 12 + month - 1
}

/// The day `anchor` of a month that is given by [`month_index`], or the last day of a shorter month.
pub fn day_of_month_index(index: i64, anchor: i64) -> i64 {
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    days_from_civil(year, month, anchor.min(days_in_month(year, month)))
}

/// Day of the week, Monday is 0.
pub fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_civil_dates_are_inverse() {
        for days in (-800_000..800_000).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!(day <= days_in_month(year, month));
        }
        assert_eq!(civil_from_days(0), (1970, 1, 1));
        assert_eq!(days_in_month(2024, 2), 29);
        assert_eq!(weekday(0), 3);
    }

    #[test]
    fn the_anchor_day_returns_after_a_short_month() {
        let january = month_index(days_from_civil(2023, 1, 31));
        assert_eq!(civil_from_days(day_of_month_index(january + 1, 31)), (2023, 2, 28));
        assert_eq!(civil_from_days(day_of_month_index(january + 2, 31)), (2023, 3, 31));
    }
}

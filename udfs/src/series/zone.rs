//! Time zones by their IANA names or offsets.

use chrono::{DateTime, LocalResult, Offset, TimeDelta, TimeZone};
use datafusion::arrow::array::timezone::Tz;
use headwater_common::{Error, Result};
use headwater_timeseries::calendar::{DAY_US, Utc, Zone};
use std::sync::Arc;

/// The zone of a timestamp column; UTC when it has none.
pub(crate) fn named(name: Option<&str>) -> Result<Arc<dyn Zone>> {
    let Some(name) = name.filter(|n| !matches!(*n, "UTC" | "+00:00" | "Z")) else { return Ok(Arc::new(Utc)) };
    let tz: Tz = name.parse().map_err(|_| Error::invalid(format!("the time zone \"{name}\" is not known")))?;
    Ok(Arc::new(Named(tz)))
}

#[derive(Debug)]
struct Named(Tz);

impl Named {
    fn offset_us(&self, instant_us: i64) -> i64 {
        // Times out of chrono's range (260,000 years) have the offset of none.
        DateTime::from_timestamp_micros(instant_us).map_or(0, |utc| {
            let offset = self.0.offset_from_utc_datetime(&utc.naive_utc());
            i64::from(offset.fix().local_minus_utc()) * 1_000_000
        })
    }
}

impl Zone for Named {
    fn to_wall(&self, instant_us: i64) -> i64 {
        instant_us.saturating_add(self.offset_us(instant_us))
    }

    fn to_instant(&self, wall_us: i64) -> i64 {
        let Some(wall) = DateTime::from_timestamp_micros(wall_us).map(|t| t.naive_utc()) else { return wall_us };
        match self.0.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_micros(),
            LocalResult::None => {
                // Skipped: the offset from before the change gives the instant after it.
                let before = self.0.from_local_datetime(&(wall - TimeDelta::microseconds(DAY_US))).earliest();
                let offset = before.map_or(0, |at| i64::from(at.offset().fix().local_minus_utc()) * 1_000_000);
                wall_us - offset
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_timeseries::calendar::days_from_civil;

    #[test]
    fn days_of_summer_time_begin_at_midnight_on_the_wall() {
        let zone = named(Some("Europe/Berlin")).unwrap();
        for (month, day) in [(3, 30), (3, 31), (4, 1), (10, 26), (10, 27), (10, 28)] {
            let wall = days_from_civil(2024, month, day) * DAY_US;
            assert_eq!(zone.to_wall(zone.to_instant(wall)), wall);
        }
        let hour = DAY_US / 24;
        let skipped = days_from_civil(2024, 3, 31) * DAY_US + 2 * hour + hour / 2;
        assert_eq!(zone.to_wall(zone.to_instant(skipped)), skipped + hour);
        let twice = days_from_civil(2024, 10, 27) * DAY_US + 2 * hour + hour / 2;
        assert_eq!(zone.to_instant(twice), twice - 2 * hour, "the first of the two");
        assert!(named(Some("Mars/Olympus")).is_err());
        assert_eq!(named(Some("+02:00")).unwrap().to_wall(0), 2 * hour);
    }
}

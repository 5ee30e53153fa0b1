//! The regular timestamps of a series: from the first observation on, in steps of its frequency, in its zone.

use std::sync::Arc;

use crate::Frequency;
use crate::calendar::{DAY_US, Utc, Zone, day_of_month_index, month_index, weekday};

/// Places (0, 1, 2, ...) and their instants. All functions are O(1).
#[derive(Debug, Clone)]
pub struct Grid {
    frequency: Frequency,
    start_wall_us: i64,
    start_us: i64,
    zone: Arc<dyn Zone>,
}

impl Grid {
    /// A grid whose place 0 is at an instant.
    pub fn new(start_us: i64, frequency: Frequency, zone: Arc<dyn Zone>) -> Self {
        Self { frequency, start_wall_us: zone.to_wall(start_us), start_us, zone }
    }

    /// A grid of the places themselves, for values without timestamps.
    pub fn of_places() -> Self {
        Self::new(0, Frequency::Fixed { step_us: 1 }, Arc::new(Utc))
    }

    /// Step between places.
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Instant of a place, in microseconds since the epoch; `None` when it is out of range.
    pub fn time(&self, place: i64) -> Option<i64> {
        let time_of_day = self.start_wall_us.rem_euclid(DAY_US);
        let day = self.start_wall_us.div_euclid(DAY_US);
        let at = |day: i64| Some(self.zone.to_instant(day.checked_mul(DAY_US)?.checked_add(time_of_day)?));
        match self.frequency {
            Frequency::Fixed { step_us } => self.start_us.checked_add(step_us.checked_mul(place)?),
            Frequency::Days { days } => at(day.checked_add(days.checked_mul(place)?)?),
            Frequency::Weekdays => at(weekday_from_index(weekday_index(day).checked_add(place)?)?),
            Frequency::Months { months, anchor_day } => {
                let index = month_index(day).checked_add(months.checked_mul(place)?)?;
                // Years beyond +-260,000 do not fit into microseconds.
                (index.abs() < 3_200_000).then_some(())?;
                at(day_of_month_index(index, anchor_day))
            }
        }
    }

    /// The place an instant belongs to: the nearest one of a fixed step, the one of its day, week or month otherwise.
    pub fn place(&self, instant_us: i64) -> i64 {
        let day = |wall_us: i64| wall_us.div_euclid(DAY_US);
        let wall_us = self.zone.to_wall(instant_us);
        match self.frequency {
            Frequency::Fixed { step_us } => {
                let step_us = i128::from(step_us.max(1));
                let distance = i128::from(instant_us) - i128::from(self.start_us) + step_us / 2;
                i64::try_from(distance.div_euclid(step_us)).unwrap_or(i64::MAX)
            }
            Frequency::Days { days } => (day(wall_us) - day(self.start_wall_us)).div_euclid(days.max(1)),
            Frequency::Weekdays => weekday_index(day(wall_us)) - weekday_index(day(self.start_wall_us)),
            Frequency::Months { months, .. } => {
                (month_index(day(wall_us)) - month_index(day(self.start_wall_us))).div_euclid(months.max(1))
            }
        }
    }
}

/// Number of weekdays since Monday 1970-01-05; a weekend counts as the Friday before it.
fn weekday_index(day: i64) -> i64 {
    let monday_based = day - 4;
    monday_based.div_euclid(7) * 5 + weekday(day).min(4)
}

fn weekday_from_index(index: i64) -> Option<i64> {
    index.div_euclid(5).checked_mul(7)?.checked_add(index.rem_euclid(5) + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{civil_from_days, days_from_civil};

    /// Central European time by its rule: summer time from the last Sunday of March to that of October, at 01:00 UTC.
    #[derive(Debug)]
    struct Berlin;

    impl Berlin {
        fn offset_us(instant_us: i64) -> i64 {
            let (year, _, _) = civil_from_days(instant_us.div_euclid(DAY_US));
            let change = |month: i64| {
                let last = days_from_civil(year, month, 31);
                (last - (weekday(last) + 1) % 7) * DAY_US + DAY_US / 24
            };
            let summer = (change(3)..change(10)).contains(&instant_us);
            if summer { DAY_US / 12 } else { DAY_US / 24 }
        }
    }

    impl Zone for Berlin {
        fn to_wall(&self, instant_us: i64) -> i64 {
            instant_us + Self::offset_us(instant_us)
        }

        fn to_instant(&self, wall_us: i64) -> i64 {
            let guess = wall_us - Self::offset_us(wall_us - DAY_US / 12);
            if guess + Self::offset_us(guess) == wall_us { guess } else { wall_us - Self::offset_us(wall_us) }
        }
    }

    #[test]
    fn days_of_23_and_25_hours_are_one_step() {
        let zone: Arc<dyn Zone> = Arc::new(Berlin);
        for (year, month) in [(2024, 3), (2024, 10)] {
            let start = zone.to_instant(days_from_civil(year, month, 20) * DAY_US);
            let grid = Grid::new(start, Frequency::Days { days: 1 }, Arc::clone(&zone));
            let times: Vec<i64> = (0..20).map(|k| grid.time(k).unwrap()).collect();
            assert!(times.iter().all(|t| zone.to_wall(*t).rem_euclid(DAY_US) == 0), "midnight on the wall");
            assert!(times.windows(2).any(|p| p[1] - p[0] != DAY_US), "one day is longer or shorter");
            assert_eq!(Frequency::infer(&times, zone.as_ref()).unwrap(), Frequency::Days { days: 1 });
            assert!(times.iter().enumerate().all(|(k, t)| grid.place(*t) == k as i64));
        }
    }

    #[test]
    fn hours_stay_hours_over_a_change_of_the_clock() {
        let zone: Arc<dyn Zone> = Arc::new(Berlin);
        let start = days_from_civil(2024, 10, 26) * DAY_US;
        let times: Vec<i64> = (0..48).map(|h| start + h * DAY_US / 24).collect();
        assert_eq!(Frequency::infer(&times, zone.as_ref()).unwrap().to_string(), "1h");
    }

    #[test]
    fn places_and_times_are_inverse() {
        let start = days_from_civil(2024, 1, 31) * DAY_US + 5;
        for text in ["1y", "1mo", "3mo", "1w", "3d", "weekdays", "1h", "15min", "7us"] {
            let grid = Grid::new(start, text.parse().unwrap(), Arc::new(Utc));
            for place in [0, 1, 2, 3, 11, 12, 13, 1000] {
                assert_eq!(grid.place(grid.time(place).unwrap()), place, "{text} {place}");
            }
        }
    }

    #[test]
    fn absurd_places_have_no_time() {
        for text in ["1y", "1mo", "1w", "weekdays", "1h"] {
            let grid = Grid::new(0, text.parse().unwrap(), Arc::new(Utc));
            assert!(grid.time(i64::MAX).is_none(), "{text}");
            grid.place(i64::MAX);
            grid.place(i64::MIN);
        }
    }
}

//! How far one observation is from the next: a duration, calendar days, weekdays or months.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use headwater_common::{Error, Result};

use crate::calendar::{DAY_US, Zone, civil_from_days, days_in_month, month_index, weekday};

/// Step between observations. Days and months are steps of the calendar, not durations: a day of 23 or 25 hours and a
/// month of 28 to 31 days are one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frequency {
    /// A fixed duration.
    Fixed {
        /// Length in microseconds.
        step_us: i64,
    },
    /// A number of calendar days.
    Days {
        /// How many.
        days: i64,
    },
    /// Monday to Friday.
    Weekdays,
    /// A number of months, always on the same day of the month or the last one of a shorter month.
    Months {
        /// How many.
        months: i64,
        /// Day of the month; 31 is the month's end.
        anchor_day: i64,
    },
}

impl Frequency {
    /// Finds the step of timestamps (microseconds since the epoch) in any order, with duplicates and gaps.
    ///
    /// Calendar steps are tried first, then the most frequent distance. O(n log n).
    pub fn infer(times_us: &[i64], zone: &dyn Zone) -> Result<Self> {
        let mut wall: Vec<i64> = times_us.iter().map(|t| zone.to_wall(*t)).collect();
        wall.sort_unstable();
        wall.dedup();
        if wall.len() < 3 {
            return Err(Error::invalid(format!(
                "the frequency cannot be inferred from {} different timestamps; set frequency",
                wall.len()
            )));
        }
        let time_of_day = wall[0].rem_euclid(DAY_US);
        if wall.iter().all(|t| t.rem_euclid(DAY_US) == time_of_day) {
            let days: Vec<i64> = wall.iter().map(|t| t.div_euclid(DAY_US)).collect();
            return Self::of_days(&days);
        }
        // Instants, not wall times: the hour that a wall clock repeats is not a duplicate.
        let mut instants = times_us.to_vec();
        instants.sort_unstable();
        instants.dedup();
        let step_us = common_step(&instants)?;
        Ok(Self::Fixed { step_us })
    }

    fn of_days(days: &[i64]) -> Result<Self> {
        let civil: Vec<_> = days.iter().map(|d| civil_from_days(*d)).collect();
        let anchor_day = civil.iter().map(|c| c.2).max().unwrap_or(1);
        let on_anchor = civil.iter().all(|(y, m, d)| *d == anchor_day.min(days_in_month(*y, *m)));
        let month_end = civil.iter().all(|(y, m, d)| *d == days_in_month(*y, *m));
        let months: Vec<i64> = days.iter().map(|d| month_index(*d)).collect();
        let distinct = months.windows(2).all(|pair| pair[0] != pair[1]);
        if distinct && (on_anchor || month_end) {
            let anchor_day = if month_end { 31 } else { anchor_day };
            return Ok(Self::Months { months: common_step(&months)?, anchor_day });
        }
        let step = common_step(days)?;
        let span = days[days.len() - 1] - days[0] + 1;
        let weekends = days.iter().filter(|d| weekday(**d) > 4).count();
        if step == 1 && weekends == 0 && span >= 14 {
            return Ok(Self::Weekdays);
        }
        Ok(Self::Days { days: step })
    }

    /// Numbers of observations after which a season may repeat, the shortest first; empty when none is usual.
    pub fn periods(&self) -> Vec<usize> {
        const MINUTE_US: i64 = 60_000_000;
        const HOUR_US: i64 = 60 * MINUTE_US;
        match *self {
            Self::Months { months: 1, .. } => vec![12],
            Self::Months { months: 2, .. } => vec![6],
            Self::Months { months: 3, .. } => vec![4],
            Self::Months { months: 6, .. } => vec![2],
            Self::Days { days: 1 } => vec![7, 365],
            Self::Days { days: 7 } => vec![52],
            Self::Weekdays => vec![5, 260],
            Self::Fixed { step_us } if step_us > 0 => {
                let fits = |span: i64| (span % step_us == 0).then_some((span / step_us) as usize);
                let spans: &[i64] = match step_us {
                    s if s >= HOUR_US => &[DAY_US, 7 * DAY_US],
                    s if s >= MINUTE_US => &[HOUR_US, DAY_US, 7 * DAY_US],
                    _ => &[MINUTE_US, HOUR_US],
                };
                spans.iter().filter_map(|span| fits(*span)).filter(|p| *p > 1).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The step that most distances between ordered, different places are multiples of.
fn common_step(places: &[i64]) -> Result<i64> {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for pair in places.windows(2) {
        let gap = pair[1].checked_sub(pair[0]).ok_or_else(|| Error::invalid("timestamps are too far apart"))?;
        *counts.entry(gap).or_default() += 1;
    }
    let gaps = places.len() - 1;
    let mode = counts.iter().max_by_key(|(gap, count)| (**count, -**gap)).map_or(1, |(gap, _)| *gap);
    let multiples: usize = counts.iter().filter(|(gap, _)| **gap % mode == 0).map(|(_, count)| *count).sum();
    if multiples * 10 >= gaps * 8 {
        return Ok(mode);
    }
    let divisor = counts.keys().fold(0, |a, b| greatest_common_divisor(a, *b));
    let span = i128::from(places[places.len() - 1]) - i128::from(places[0]);
    if span / i128::from(divisor.max(1)) <= 4 * gaps as i128 {
        return Ok(divisor);
    }
    Err(Error::invalid("the timestamps have no common step; aggregate them to one (date_bin) or set frequency"))
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Suffix, unit in microseconds of durations.
const DURATIONS: [(&str, i64); 5] = [("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Months { months, .. } if months % 12 == 0 => write!(f, "{}y", months / 12),
            Self::Months { months, .. } => write!(f, "{months}mo"),
            Self::Days { days } if days % 7 == 0 => write!(f, "{}w", days / 7),
            Self::Days { days } => write!(f, "{days}d"),
            Self::Weekdays => f.write_str("weekdays"),
            Self::Fixed { step_us } => {
                let (suffix, unit) = DURATIONS.iter().find(|(_, unit)| step_us % unit == 0).unwrap_or(&("us", 1));
                write!(f, "{}{suffix}", step_us / unit)
            }
        }
    }
}

impl FromStr for Frequency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!(
                "'{}' is not a frequency; write auto, weekdays or a number with y, mo, w, d, h, min, s, ms or us, such as 15min",
                text.chars().take(40).collect::<String>()
            ))
        };
        if text == "weekdays" {
            return Ok(Self::Weekdays);
        }
        let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: i64 = if end == 0 { 1 } else { text[..end].parse().map_err(|_| wrong())? };
        if !(1..=1_000_000_000).contains(&count) {
            return Err(wrong());
        }
        Ok(match &text[end..] {
            "y" => Self::Months { months: count * 12, anchor_day: 31 },
            "mo" => Self::Months { months: count, anchor_day: 31 },
            "w" => Self::Days { days: count * 7 },
            "d" => Self::Days { days: count },
            unit => {
                let (_, unit_us) = DURATIONS.iter().find(|(suffix, _)| *suffix == unit).ok_or_else(wrong)?;
                Self::Fixed { step_us: count * unit_us }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{Utc, days_from_civil};

    fn days(dates: &[(i64, i64, i64)]) -> Vec<i64> {
        dates.iter().map(|(y, m, d)| days_from_civil(*y, *m, *d) * DAY_US).collect()
    }

    #[test]
    fn month_ends_are_monthly_and_stay_at_the_end() {
        let times = days(&[(2023, 1, 31), (2023, 2, 28), (2023, 3, 31), (2023, 4, 30)]);
        assert_eq!(Frequency::infer(&times, &Utc).unwrap(), Frequency::Months { months: 1, anchor_day: 31 });
        let times = days(&[(2023, 2, 28), (2023, 4, 30), (2023, 6, 30)]);
        assert_eq!(Frequency::infer(&times, &Utc).unwrap(), Frequency::Months { months: 2, anchor_day: 31 });
    }

    #[test]
    fn quarters_and_years_are_months() {
        let times = days(&[(2020, 1, 1), (2020, 4, 1), (2020, 7, 1), (2021, 1, 1), (2021, 4, 1)]);
        let found = Frequency::infer(&times, &Utc).unwrap();
        assert_eq!(found, Frequency::Months { months: 3, anchor_day: 1 });
        assert_eq!(found.periods(), [4]);
        let times = days(&[(2018, 6, 30), (2019, 6, 30), (2020, 6, 30)]);
        assert_eq!(Frequency::infer(&times, &Utc).unwrap().to_string(), "1y");
    }

    #[test]
    fn weekdays_and_weeks_are_told_apart_from_days() {
        let all: Vec<i64> = (0..28).map(|d| d * DAY_US).collect();
        assert_eq!(Frequency::infer(&all, &Utc).unwrap(), Frequency::Days { days: 1 });
        let week: Vec<i64> = all.iter().copied().filter(|t| weekday(t / DAY_US) < 5).collect();
        assert_eq!(Frequency::infer(&week, &Utc).unwrap(), Frequency::Weekdays);
        let weekly: Vec<i64> = (0..9).map(|w| w * 7 * DAY_US).collect();
        assert_eq!(Frequency::infer(&weekly, &Utc).unwrap().to_string(), "1w");
    }

    #[test]
    fn gaps_duplicates_and_order_do_not_change_the_step() {
        let hour = 3_600_000_000;
        let times: Vec<i64> = [7, 0, 1, 2, 2, 5, 6, 12, 11, 10].iter().map(|h| h * hour).collect();
        assert_eq!(Frequency::infer(&times, &Utc).unwrap().to_string(), "1h");
    }

    #[test]
    fn timestamps_without_a_step_are_refused_with_the_remedy() {
        let times: Vec<i64> = (1..40_i64).map(|i| i * i * i * 1_000_003).collect();
        assert!(Frequency::infer(&times, &Utc).unwrap_err().message().contains("date_bin"));
        assert!(Frequency::infer(&[1, 1, 2], &Utc).unwrap_err().message().contains("set frequency"));
    }

    #[test]
    fn text_and_frequency_are_inverse() {
        for text in ["1y", "1mo", "3mo", "1w", "2d", "weekdays", "1h", "15min", "10s", "250ms", "7us"] {
            assert_eq!(text.parse::<Frequency>().unwrap().to_string(), text);
        }
        for text in ["", "0d", "5", "1 hour", "99999999999y"] {
            assert!(text.parse::<Frequency>().is_err(), "{text}");
        }
    }
}

//! Observations as they come from a table, and the regular series that models need.

use std::sync::Arc;

use headwater_common::{Error, Result};

use crate::calendar::Zone;
use crate::{Frequency, Grid};

/// Most places of one regular series.
pub const PLACES_MAX: usize = 10_000_000;

/// Most places for each observation of a series with many places: what lies further apart is no series.
const PLACES_PER_OBSERVATION_MAX: usize = 1_000;

/// Places that any series may have.
const PLACES_FREE: usize = 100_000;

/// What stands where nothing was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fill {
    /// A straight line between the neighbours.
    #[default]
    Linear,
    /// The observation before.
    Previous,
    /// Zero, for counts that are only recorded when something happened.
    Zero,
    /// Nothing: a series with a gap is refused.
    Refuse,
}

/// What several observations of one place become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Duplicates {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// The one that came last.
    Last,
    /// Nothing: a series with duplicates is refused.
    Refuse,
}

/// A regular series without missing values.
#[derive(Debug, Clone)]
pub struct Series {
    /// Timestamps.
    pub grid: Grid,
    /// One finite value for each place.
    pub values: Vec<f64>,
    /// How many of the values were filled in.
    pub filled: usize,
    /// How many observations shared a place with another one.
    pub duplicates: usize,
}

impl Series {
    /// Takes away the places after the last value that was observed, where there is nothing to draw a line to. Returns how many
    /// there were.
    pub fn cut_unobserved_end(&mut self, times_us: &[i64], values: &[f64]) -> usize {
        let observed =
            times_us.iter().zip(values).filter(|(_, v)| !v.is_nan()).map(|(time, _)| self.grid.place(*time)).max();
        let kept = observed.and_then(|place| usize::try_from(place).ok()).map_or(0, |place| place + 1);
        let cut = self.values.len().saturating_sub(kept);
        self.values.truncate(kept);
        self.filled = self.filled.saturating_sub(cut);
        cut
    }
}

/// How observations become a series.
#[derive(Debug, Clone)]
pub struct Regularize {
    /// Step; inferred when it is `None`.
    pub frequency: Option<Frequency>,
    /// Zone of the calendar.
    pub zone: Arc<dyn Zone>,
    /// For missing places and values.
    pub fill: Fill,
    /// For places with several observations.
    pub duplicates: Duplicates,
}

impl Regularize {
    /// Makes a regular series of observations in any order. A value that is NaN is missing; an infinite one is refused.
    ///
    /// Missing places before the first value do not belong to the series; those after the last one do. O(n log n).
    pub fn series(&self, times_us: &[i64], values: &[f64]) -> Result<Series> {
        if times_us.len() != values.len() {
            return Err(Error::internal("a series has as many timestamps as values"));
        }
        if values.iter().any(|v| v.is_infinite()) {
            return Err(Error::invalid("the series has an infinite value; filter it out"));
        }
        let first = (0..values.len()).filter(|i| !values[*i].is_nan()).map(|i| times_us[i]).min();
        let (Some(first), Some(last)) = (first, times_us.iter().max()) else {
            return Err(Error::invalid("the series has no value"));
        };
        let frequency = match self.frequency {
            Some(frequency) => frequency,
            None => Frequency::infer(times_us, self.zone.as_ref())?,
        };
        let frequency = anchored(frequency, first, self.zone.as_ref());
        let grid = Grid::new(first, frequency, Arc::clone(&self.zone));
        let places = usize::try_from(grid.place(*last)).unwrap_or(0).saturating_add(1);
        let most = (times_us.len() * PLACES_PER_OBSERVATION_MAX).clamp(PLACES_FREE, PLACES_MAX);
        if places > most {
            return Err(Error::invalid(format!(
                "the series has {places} steps of {frequency} but {} observations; set a longer frequency",
                times_us.len()
            )));
        }
        let (mut observed, duplicates) = self.gather(&grid, places, times_us, values)?;
        let filled = self.fill_in(&mut observed)?;
        Ok(Series { grid, values: observed, filled, duplicates })
    }

    fn gather(&self, grid: &Grid, places: usize, times_us: &[i64], values: &[f64]) -> Result<(Vec<f64>, usize)> {
        let (mut observed, mut counts, mut duplicates) = (vec![f64::NAN; places], vec![0_u32; places], 0);
        for (time, value) in times_us.iter().zip(values).filter(|(_, v)| !v.is_nan()) {
            let Some(place) = usize::try_from(grid.place(*time)).ok().filter(|p| *p < places) else { continue };
            let slot = &mut observed[place];
            counts[place] += 1;
            if counts[place] == 1 {
                *slot = *value;
                continue;
            }
            duplicates += 1;
            match self.duplicates {
                Duplicates::Mean => *slot += (*value - *slot) / f64::from(counts[place]),
                Duplicates::Sum => *slot += *value,
                Duplicates::Last => *slot = *value,
                Duplicates::Refuse => {
                    return Err(Error::invalid("the series has two values of one time; aggregate them or set duplicates"));
                }
            }
        }
        if observed.iter().any(|v| v.is_infinite()) {
            return Err(Error::invalid("the values of one time add up to more than a double can hold"));
        }
        Ok((observed, duplicates))
    }

    fn fill_in(&self, observed: &mut [f64]) -> Result<usize> {
        let missing = observed.iter().filter(|v| v.is_nan()).count();
        if missing > 0 && self.fill == Fill::Refuse {
            return Err(Error::invalid(format!("the series lacks {missing} values; set fill")));
        }
        let mut known = 0;
        for place in 0..observed.len() {
            if observed[place].is_nan() {
                continue;
            }
            let gap = place - known;
            let (from, to) = (observed[known], observed[place]);
            for step in 1..gap {
                observed[known + step] = match self.fill {
                    Fill::Zero => 0.0,
                    Fill::Previous => from,
                    // In this form no difference of huge values can overflow.
                    _ => from * (1.0 - step as f64 / gap as f64) + to * (step as f64 / gap as f64),
                };
            }
            known = place;
        }
        let last = if self.fill == Fill::Zero { 0.0 } else { observed[known] };
        observed[known + 1..].fill(last);
        Ok(missing)
    }
}

/// A frequency of months that was given as text has no day of the month yet: it is that of the first observation.
fn anchored(frequency: Frequency, first_us: i64, zone: &dyn Zone) -> Frequency {
    use crate::calendar::{DAY_US, civil_from_days, days_in_month};
    match frequency {
        Frequency::Months { months, anchor_day: 31 } => {
            let (year, month, day) = civil_from_days(zone.to_wall(first_us).div_euclid(DAY_US));
            let anchor_day = if day == days_in_month(year, month) { 31 } else { day };
            Frequency::Months { months, anchor_day }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{DAY_US, Utc, civil_from_days, days_from_civil};

    fn rule(fill: Fill, duplicates: Duplicates) -> Regularize {
        Regularize { frequency: None, zone: Arc::new(Utc), fill, duplicates }
    }

    #[test]
    fn order_gaps_duplicates_and_nulls_become_a_regular_series() {
        let times: Vec<i64> = [4, 0, 1, 1, 2, 6, 7].iter().map(|d| d * DAY_US).collect();
        let values = [40.0, 0.0, 8.0, 12.0, 20.0, 60.0, f64::NAN];
        let series = rule(Fill::Linear, Duplicates::Mean).series(&times, &values).unwrap();
        assert_eq!(series.values, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 60.0]);
        assert_eq!((series.filled, series.duplicates), (3, 1));
        let zero = rule(Fill::Zero, Duplicates::Sum).series(&times, &values).unwrap();
        assert_eq!(zero.values, [0.0, 20.0, 20.0, 0.0, 40.0, 0.0, 60.0, 0.0]);
        let last = rule(Fill::Previous, Duplicates::Last).series(&times, &values).unwrap();
        assert_eq!(last.values, [0.0, 12.0, 20.0, 20.0, 40.0, 40.0, 60.0, 60.0]);
        assert!(rule(Fill::Refuse, Duplicates::Mean).series(&times, &values).is_err());
        assert!(rule(Fill::Linear, Duplicates::Refuse).series(&times, &values).is_err());
    }

    #[test]
    fn series_without_a_value_or_with_an_infinite_one_are_refused() {
        let times: Vec<i64> = (0..4).map(|d| d * DAY_US).collect();
        let all_null = rule(Fill::Linear, Duplicates::Mean).series(&times, &[f64::NAN; 4]).unwrap_err();
        assert!(all_null.message().contains("no value"));
        let infinite = rule(Fill::Linear, Duplicates::Mean).series(&times, &[1.0, f64::INFINITY, 1.0, 1.0]).unwrap_err();
        assert!(infinite.message().contains("infinite"));
        assert!(rule(Fill::Linear, Duplicates::Mean).series(&[], &[]).is_err());
    }

    #[test]
    fn the_end_without_values_can_be_cut_off() {
        let (times, values) = ([0, DAY_US, 2 * DAY_US, 4 * DAY_US], [1.0, f64::NAN, 3.0, f64::NAN]);
        let mut series = rule(Fill::Linear, Duplicates::Mean).series(&times, &values).unwrap();
        assert_eq!(series.values, [1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(series.cut_unobserved_end(&times, &values), 2);
        assert_eq!((series.values.as_slice(), series.filled), (&[1.0, 2.0, 3.0][..], 1));
        assert_eq!(series.cut_unobserved_end(&times, &values), 0);
    }

    #[test]
    fn a_step_that_is_far_too_short_is_refused() {
        let mut rule = rule(Fill::Linear, Duplicates::Mean);
        rule.frequency = Some(Frequency::Fixed { step_us: 1 });
        assert!(rule.series(&[0, DAY_US], &[1.0, 2.0]).unwrap_err().message().contains("frequency"));
    }

    #[test]
    fn a_stated_month_keeps_the_day_of_the_first_observation() {
        let mut rule = rule(Fill::Linear, Duplicates::Mean);
        rule.frequency = Some("1mo".parse().unwrap());
        let series = rule.series(&[days_from_civil(2023, 1, 15) * DAY_US], &[1.0]).unwrap();
        let next = series.grid.time(1).unwrap() / DAY_US;
        assert_eq!(civil_from_days(next), (2023, 2, 15));
    }
}

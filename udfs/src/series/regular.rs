//! From observations to a regular series with its seasons.

use std::sync::Arc;

use headwater_common::{Error, Result};
use headwater_timeseries::series::Regularize;
use headwater_timeseries::{Duplicates, Fill, Frequency, Series, seasonality};

use super::columns::check_finite;
use super::times::TimeType;
use crate::table::{Arguments, Spec};

/// `frequency`.
pub(crate) const FREQUENCY: Spec = Spec {
    name: "frequency",
    wanted: "'auto', 'weekdays' or a number with y, mo, w, d, h, min, s, ms or us, such as '15min' (a number alone for times that \
             are numbers)",
};
/// `seasonality`.
pub(crate) const SEASONALITY: Spec = Spec {
    name: "seasonality",
    wanted: "'auto', or a number or list of numbers of steps between 2 and 100000 after which the series repeats, such as [24, 168]",
};
/// `fill`.
pub(crate) const FILL: Spec = Spec { name: "fill", wanted: "'linear', 'previous', 'zero' or 'none'" };
/// `duplicates`.
pub(crate) const DUPLICATES: Spec = Spec { name: "duplicates", wanted: "'mean', 'sum' or 'none'" };

/// Longest season that may be named.
const PERIOD_MAX: usize = 100_000;
/// Most seasons.
const PERIODS_MAX: usize = 8;

/// How observations become a series.
#[derive(Debug)]
pub(crate) struct Regular {
    rule: Regularize,
    time: TimeType,
    /// Seasons that were named; `None` for those that the frequency suggests.
    pub(crate) periods: Option<Vec<usize>>,
}

impl Regular {
    /// Reads `frequency`, `seasonality`, `fill` and `duplicates`.
    pub(crate) fn read(arguments: &Arguments, time: &TimeType) -> Result<Self> {
        let fills = [("linear", Fill::Linear), ("previous", Fill::Previous), ("zero", Fill::Zero), ("none", Fill::Refuse)];
        let duplicates = [("mean", Duplicates::Mean), ("sum", Duplicates::Sum), ("none", Duplicates::Refuse)];
        let rule = Regularize {
            frequency: frequency(arguments, time)?,
            zone: Arc::clone(time.zone()),
            fill: arguments.choice("fill", &fills, Fill::Linear)?,
            duplicates: arguments.choice("duplicates", &duplicates, Duplicates::Mean)?,
        };
        Ok(Self { rule, time: time.clone(), periods: periods(arguments)? })
    }

    /// The regular series of observations.
    pub(crate) fn series(&self, times: &[i64], values: &[f64]) -> Result<Series> {
        // What is infinite is refused before a step is looked for, which could fail for another reason.
        check_finite(values)?;
        if values.iter().all(|v| v.is_nan()) {
            return Err(Error::invalid("the series has no value"));
        }
        let frequency = match self.rule.frequency {
            Some(frequency) => frequency,
            None => self.time.settled(Frequency::infer(times, self.time.zone().as_ref())?)?,
        };
        Regularize { frequency: Some(frequency), ..self.rule.clone() }.series(times, values)
    }

    /// The same up to its last value, and how many steps after it have a time and no value: a line has nothing to end at there.
    pub(crate) fn observed(&self, times: &[i64], values: &[f64]) -> Result<(Series, usize)> {
        let mut series = self.series(times, values)?;
        let ahead = if self.rule.fill == Fill::Linear { series.cut_unobserved_end(times, values) } else { 0 };
        Ok((series, ahead))
    }

    /// Seasons that a model may look for in a series.
    pub(crate) fn seasons(&self, series: &Series) -> Vec<usize> {
        match &self.periods {
            Some(named) => named.clone(),
            None if self.time.is_number() => seasonality::search(&series.values).iter().map(|s| s.period).collect(),
            None => series.grid.frequency().periods(),
        }
    }
}

fn frequency(arguments: &Arguments, time: &TimeType) -> Result<Option<Frequency>> {
    use crate::table::Constant;
    let text = match arguments.get("frequency") {
        None => return Ok(None),
        Some(Constant::Text(text)) if text == "auto" => return Ok(None),
        Some(Constant::Text(text) | Constant::Number(text)) => text,
        Some(other) => return Err(arguments.wrong("frequency", other)),
    };
    if time.is_number() {
        let step = text.parse().ok().filter(|n: &i64| (1..=i64::MAX / 4).contains(n));
        let step_us = step.ok_or_else(|| arguments.wrong("frequency", format!("'{text}' for times that are numbers")))?;
        return Ok(Some(Frequency::Fixed { step_us }));
    }
    let frequency = text.parse().map_err(|_| arguments.wrong("frequency", format!("'{text}'")))?;
    time.settled(frequency).map(Some)
}

fn periods(arguments: &Arguments) -> Result<Option<Vec<usize>>> {
    use crate::table::Constant;
    let whole = |value: &Constant| arguments.whole("seasonality", value, 2..=PERIOD_MAX);
    let mut found = match arguments.get("seasonality") {
        None => return Ok(None),
        Some(Constant::Text(text)) if text == "auto" => return Ok(None),
        Some(Constant::List(items)) if items.len() <= PERIODS_MAX => items.iter().map(whole).collect::<Result<Vec<_>>>()?,
        Some(value @ Constant::List(_)) => return Err(arguments.wrong("seasonality", value)),
        Some(one) => vec![whole(one)?],
    };
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

//! Which columns are derived.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::{Codec, Reader, Writer, record};

/// Most rows that a lag or window reaches back.
const REACH_MAX: usize = 10_000;

/// The value of a column some rows before, among rows with the same ids and an earlier time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lag {
    /// A column of numbers; it may be the target.
    pub column: String,
    /// How many rows before, 1 or more.
    pub steps: usize,
}

record!(Lag { column, steps });

/// What is taken of the values in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Their mean.
    Mean,
    /// Their standard deviation; 0 of one value.
    Deviation,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
}

impl Statistic {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Deviation => "deviation",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
        }
    }

    /// The statistic of values that are not missing; NaN of none.
    pub(crate) fn of(self, values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let mean = || values.iter().map(|v| v / count).sum::<f64>();
        match self {
            _ if values.is_empty() => f64::NAN,
            Self::Mean => mean(),
            Self::Deviation if values.len() == 1 => 0.0,
            Self::Deviation => {
                let mean = mean();
                (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
            }
            Self::Minimum => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Maximum => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

impl Codec for Statistic {
    fn encode(&self, to: &mut Writer) {
        (*self as u8).encode(to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self> {
        Ok(match u8::decode(from)? {
            0 => Self::Mean,
            1 => Self::Deviation,
            2 => Self::Minimum,
            3 => Self::Maximum,
            _ => return Err(damaged("a statistic is not known")),
        })
    }
}

/// A statistic of the rows before, never of the row itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// A column of numbers; it may be the target.
    pub column: String,
    /// How many rows before count; fewer at the start.
    pub window: usize,
    /// What is taken of them.
    pub statistic: Statistic,
}

record!(Rolling { column, window, statistic });

/// All that is derived. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derivation {
    /// The column of times: rows are in its order, and what is judged is later than what is fitted.
    pub time: Option<String>,
    /// Columns that say which rows belong together for lags and windows.
    pub ids: Vec<String>,
    /// Whether parts of the time are features: year, month, day of the year, of the month and of the week, hour.
    pub calendar: bool,
    /// Values of earlier rows.
    pub lags: Vec<Lag>,
    /// Statistics of earlier rows.
    pub rolling: Vec<Rolling>,
}

record!(Derivation { time, ids, calendar, lags, rolling } check check);

impl Derivation {
    /// Rows before a row that count for it.
    pub(crate) fn reach(&self) -> usize {
        self.lags.iter().map(|l| l.steps).chain(self.rolling.iter().map(|r| r.window)).max().unwrap_or(0)
    }

    /// Columns whose earlier values count, each once.
    pub(crate) fn sources(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.lags.iter().map(|l| l.column.as_str()).chain(self.rolling.iter().map(|r| r.column.as_str())).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Errors: something is derived of time and no time is named, or a lag or window is 0 or reaches too far.
    pub fn check(&self) -> Result<()> {
        let backward = !self.lags.is_empty() || !self.rolling.is_empty();
        if self.time.is_none() && (backward || self.calendar) {
            return Err(Error::invalid("lags, windows and parts of the calendar need the column of times"));
        }
        let zero = self.lags.iter().any(|l| l.steps == 0) || self.rolling.iter().any(|r| r.window == 0);
        if zero || self.reach() > REACH_MAX {
            return Err(Error::invalid(format!("lags and windows reach 1 to {REACH_MAX} rows back")));
        }
        Ok(())
    }
}

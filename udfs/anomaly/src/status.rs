//! How far a series or a table could be scored.

use std::fmt;

/// What came of scoring one series or table. Nothing here is an error of the query: one bad series must not fail the others.
///
/// Shown as text it is empty for [`Status::Ok`] and a short reason otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Scored.
    Ok,
    /// There are no rows.
    Empty,
    /// No value is a finite number.
    AllMissing,
    /// Every value is the same: nothing is anomalous.
    Constant,
    /// Fewer values than the method needs; nothing is scored.
    TooShort {
        /// The least number of values.
        needed: usize,
    },
    /// More values than the method takes; nothing is scored.
    TooLong {
        /// The greatest number of values.
        most: usize,
    },
    /// The columns or rows do not fit those of the fit.
    WrongShape,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Ok => Ok(()),
            Status::Empty => f.write_str("no rows"),
            Status::AllMissing => f.write_str("no finite values"),
            Status::Constant => f.write_str("all values are equal"),
            Status::TooShort { needed } => write!(f, "too few values; the method needs {needed}"),
            Status::TooLong { most } => write!(f, "too many values; the method takes at most {most}"),
            Status::WrongShape => f.write_str("the columns are not those of the fit"),
        }
    }
}

//! Orders of a model.

use std::fmt;

/// ARIMA(p, d, q)(P, D, Q) with a period, with or without a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Order {
    /// Autoregressive terms.
    pub p: usize,
    /// First differences.
    pub d: usize,
    /// Moving average terms.
    pub q: usize,
    /// Seasonal autoregressive terms.
    pub seasonal_p: usize,
    /// Seasonal differences.
    pub seasonal_d: usize,
    /// Seasonal moving average terms.
    pub seasonal_q: usize,
    /// Length of the season, 1 for none.
    pub period: usize,
    /// A mean, or a drift of a series that is differenced once.
    pub constant: bool,
}

impl Order {
    /// Number of coefficients, the constant included.
    pub fn count(&self) -> usize {
        self.p + self.q + self.seasonal_p + self.seasonal_q + usize::from(self.constant)
    }

    /// Values that differencing takes away.
    pub fn lost(&self) -> usize {
        self.d + self.seasonal_d * self.period
    }

    /// Whether a constant may be part of the model.
    pub fn may_have_constant(&self) -> bool {
        self.d + self.seasonal_d < 2
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ARIMA({},{},{})", self.p, self.d, self.q)?;
        if self.period > 1 {
            write!(f, "({},{},{})[{}]", self.seasonal_p, self.seasonal_d, self.seasonal_q, self.period)?;
        }
        match (self.constant, self.d + self.seasonal_d) {
            (false, _) => Ok(()),
            (true, 0) => f.write_str(" with mean"),
            (true, _) => f.write_str(" with drift"),
        }
    }
}

//! Intermittent demand: sizes of demands and the time between them are smoothed apart.

use headwater_common::{Error, Result};
use headwater_timeseries::statistics::deviation;

use crate::{Fitted, Forecaster, Path, Training};

/// How sizes and intervals are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Croston, "Forecasting and stock control for intermittent demands", 1972.
    Croston,
    /// Croston without its bias: Syntetos & Boylan, "The accuracy of intermittent demand estimates", 2005.
    Sba,
    /// The probability of demand is smoothed in each step, so that it falls while nothing is sold: Teunter, Syntetos &
    /// Babai, "Intermittent demand: linking forecasting to inventory obsolescence", 2011.
    Tsb,
}

/// A method for series that are zero most of the time and never negative. O(n).
#[derive(Debug, Clone, Copy)]
pub struct Croston {
    /// How sizes and intervals are put together.
    pub variant: Variant,
    /// Weight of the latest demand.
    pub size_weight: f64,
    /// Weight of the latest interval, or of the latest step's probability.
    pub interval_weight: f64,
}

impl Croston {
    /// A variant with the usual weights of 0.1.
    pub fn new(variant: Variant) -> Self {
        Self { variant, size_weight: 0.1, interval_weight: 0.1 }
    }
}

impl Forecaster for Croston {
    fn name(&self) -> &'static str {
        match self.variant {
            Variant::Croston => "croston",
            Variant::Sba => "sba",
            Variant::Tsb => "tsb",
        }
    }

    fn fit_scaled(&self, training: &Training<'_>) -> Result<Box<dyn Fitted>> {
        let y = &training.values;
        if y.iter().any(|v| *v < 0.0) {
            return Err(Error::invalid(format!("{} is for demand, which is never negative; use auto", self.name())));
        }
        let Some(first) = y.iter().position(|v| *v > 0.0) else {
            return Err(Error::invalid(format!("{} needs a demand that is not zero; use auto", self.name())));
        };
        let start = match self.variant {
            Variant::Tsb => f64::from(y[0] > 0.0),
            _ => (first + 1) as f64,
        };
        let (mut size, mut interval, mut waited) = (y[first], start, 1.0);
        let mut fitted = Vec::with_capacity(y.len());
        for (t, value) in y.iter().enumerate() {
            fitted.push(if t < first { f64::NAN } else { self.rate(size, interval) });
            let sold = *value > 0.0;
            if self.variant == Variant::Tsb {
                interval += self.interval_weight * (f64::from(sold) - interval);
            }
            if sold && t > first {
                size += self.size_weight * (value - size);
                if self.variant != Variant::Tsb {
                    interval += self.interval_weight * (waited - interval);
                }
            }
            waited = if sold { 1.0 } else { waited + 1.0 };
        }
        let errors: Vec<f64> = y.iter().zip(&fitted).skip(first).map(|(y, f)| y - f).collect();
        Ok(Box::new(Rate { name: self.name(), rate: self.rate(size, interval), deviation: deviation(&errors), fitted }))
    }
}

impl Croston {
    fn rate(&self, size: f64, interval: f64) -> f64 {
        match self.variant {
            Variant::Croston => size / interval,
            Variant::Sba => (1.0 - self.interval_weight / 2.0) * size / interval,
            Variant::Tsb => size * interval,
        }
    }
}

#[derive(Debug)]
struct Rate {
    name: &'static str,
    rate: f64,
    deviation: f64,
    fitted: Vec<f64>,
}

impl Fitted for Rate {
    fn model(&self) -> String {
        self.name.to_uppercase()
    }

    fn fitted(&self) -> Vec<f64> {
        self.fitted.clone()
    }

    fn path(&self, horizon: usize) -> Path {
        Path { mean: vec![self.rate; horizon], deviation: vec![self.deviation; horizon] }
    }
}

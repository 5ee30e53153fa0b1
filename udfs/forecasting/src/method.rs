//! Methods by their names in SQL.

use headwater_common::{Error, Result};

use crate::Forecaster;
use crate::additive::Additive;
use crate::arima::AutoArima;
use crate::auto::Auto;
use crate::ces::Ces;
use crate::croston::{Croston, Variant as Demand};
use crate::ets::AutoEts;
use crate::lstm::Lstm;
use crate::multiseasonal::MultiSeasonal;
use crate::naive::SeasonalNaive;
use crate::theta::{Theta, Variant};

/// A method with its usual settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// [`Auto`].
    Auto,
    /// [`SeasonalNaive`].
    SeasonalNaive,
    /// [`AutoEts`].
    AutoEts,
    /// [`Theta`], the best of its variants.
    AutoTheta,
    /// [`Theta`], the standard one.
    Theta,
    /// [`Theta`], dynamic and optimised.
    DynamicOptimisedTheta,
    /// [`AutoArima`].
    AutoArima,
    /// [`Ces`].
    Ces,
    /// [`MultiSeasonal`] with exponential smoothing.
    Mstl,
    /// [`Additive`].
    Prophet,
    /// [`Lstm`].
    Lstm,
    /// [`Croston`].
    Croston,
    /// [`Croston`] without bias.
    Sba,
    /// [`Croston`] with a probability for each step.
    Tsb,
}

impl Method {
    /// All methods with their names.
    pub const ALL: [(&'static str, Self); 14] = [
        ("auto", Self::Auto),
        ("seasonal_naive", Self::SeasonalNaive),
        ("auto_ets", Self::AutoEts),
        ("auto_theta", Self::AutoTheta),
        ("theta", Self::Theta),
        ("dynamic_optimised_theta", Self::DynamicOptimisedTheta),
        ("auto_arima", Self::AutoArima),
        ("ces", Self::Ces),
        ("mstl", Self::Mstl),
        ("prophet", Self::Prophet),
        ("lstm", Self::Lstm),
        ("croston", Self::Croston),
        ("sba", Self::Sba),
        ("tsb", Self::Tsb),
    ];

    /// The method of a name.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, method)| *method).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            let shown: String = name.chars().take(40).collect();
            Error::invalid(format!("there is no forecasting model '{shown}'; choose one of {}", names.join(", ")))
        })
    }

    /// The method with its usual settings, for forecasts of `horizon` steps.
    pub fn forecaster(self, horizon: usize) -> Box<dyn Forecaster> {
        match self {
            Self::Auto => Box::new(Auto::new(horizon)),
            Self::SeasonalNaive => Box::new(SeasonalNaive::default()),
            Self::AutoEts => Box::new(AutoEts::default()),
            Self::AutoTheta => Box::new(Theta::default()),
            Self::Theta => Box::new(Theta { variant: Some(Variant::Standard) }),
            Self::DynamicOptimisedTheta => Box::new(Theta { variant: Some(Variant::DynamicOptimised) }),
            Self::AutoArima => Box::new(AutoArima::default()),
            Self::Ces => Box::new(Ces::default()),
            Self::Mstl => Box::new(MultiSeasonal::default()),
            Self::Prophet => Box::new(Additive::default()),
            Self::Lstm => Box::new(Lstm::default()),
            Self::Croston => Box::new(Croston::new(Demand::Croston)),
            Self::Sba => Box::new(Croston::new(Demand::Sba)),
            Self::Tsb => Box::new(Croston::new(Demand::Tsb)),
        }
    }
}

//! Detectors of anomalies in one series of values at regular times.
//!
//! | detector | looks for | causal | cost of n values |
//! |---|---|---|---|
//! | [`RollingZ`] | values far from the mean of the last ones | yes | O(n) |
//! | [`Hampel`] | values far from the median of the last ones | yes | O(n log w) and moves in a window w |
//! | [`Ewma`] | values far from an exponentially weighted mean | yes | O(n) |
//! | [`ForecastResidual`] | values outside a conformal interval of a forecast | yes | O(n log n) |
//! | [`RelativeEntropy`] | windows distributed like none before | yes | O(n h) for h ≤ 128 kinds of windows |
//! | [`RandomCutForest`] | sequences that are easy to cut off | yes | O(n t log s) for t trees of s points |
//! | [`Auto`] | any of these: the default | yes | O(n log n) |
//! | [`MatrixProfile`] | sequences unlike all others (or all before) | if left | O(n²) |
//! | [`SubPca`] | sequences that few components do not explain | no | O(n w + w³) |
//! | [`SeasonalEsd`] | outliers beside season and median | no | O(n log n) |
//!
//! A causal detector's result at a point does not change when later points do. All are deterministic, need memory linear in
//! the length, and never fail: NaN and the infinities count as missing and get no score.

mod alerts;
mod auto;
mod calibration;
mod change_points;
mod ewma;
mod forecast_residual;
mod hampel;
mod matrix_profile;
mod online;
mod period;
mod random_cut_forest;
mod relative_entropy;
mod rolling_z;
mod seasonal_esd;
mod sub_pca;

use std::fmt::Debug;

pub use alerts::Alerts;
pub use auto::Auto;
pub use change_points::{ChangeCost, ChangePoints, Pelt};
pub use ewma::Ewma;
pub use forecast_residual::ForecastResidual;
pub use hampel::Hampel;
pub use matrix_profile::MatrixProfile;
pub use period::{Period, Periods, detect_periods, dominant_period};
pub use random_cut_forest::RandomCutForest;
pub use relative_entropy::RelativeEntropy;
pub use rolling_z::RollingZ;
pub use seasonal_esd::SeasonalEsd;
pub use sub_pca::SubPca;

use headwater_timeseries::Cancel;

use crate::statistics;
use crate::status::Status;

/// Values between two looks at a flag.
const CANCEL_EVERY: usize = 1024;

/// No score is larger: a tail probability of 1e-100.
pub const SCORE_MAX: f64 = 100.0;

/// A detector by its name, with its usual settings; `causal` decides for those that can look at the whole series or not.
pub fn detector(name: &str, causal: bool) -> Option<Box<dyn SeriesDetector>> {
    let all: [Box<dyn SeriesDetector>; 10] = [
        Box::new(Auto),
        Box::new(RollingZ::default()),
        Box::new(Hampel::default()),
        Box::new(Ewma::default()),
        Box::new(ForecastResidual::default()),
        Box::new(RelativeEntropy::default()),
        Box::new(RandomCutForest::default()),
        Box::new(MatrixProfile { left: causal, ..MatrixProfile::default() }),
        Box::new(SubPca::default()),
        Box::new(SeasonalEsd::default()),
    ];
    all.into_iter().find(|d| d.name() == name)
}

/// Finds anomalies in a series.
pub trait SeriesDetector: Debug + Send + Sync {
    /// The method's name in SQL.
    fn name(&self) -> &'static str;

    /// Whether a point's result depends on that point and earlier ones only.
    fn is_causal(&self) -> bool {
        true
    }

    /// Scores every value. `level` is the probability, say 0.99, from which a point counts as anomalous. Soon after `cancel`
    /// was cancelled it ends, and what it returns is of no use.
    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores;

    /// Scores every value, however long it takes.
    fn detect(&self, values: &[f64], level: f64) -> SeriesScores {
        self.detect_until(values, level, &Cancel::default())
    }
}

/// What a detector says of each value of a series. Where it says nothing there is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesScores {
    /// Surprise, calibrated for this series: minus the decimal logarithm of the probability of a value at least as unusual.
    /// 2 means one in a hundred. NaN for missing values and while the method has seen too little.
    pub score: Vec<f64>,
    /// What the method expected; NaN where it has no notion of it.
    pub expected: Vec<f64>,
    /// Lower bound of the values that are not anomalous at the level asked for.
    pub lower: Vec<f64>,
    /// Upper bound of the values that are not anomalous at the level asked for.
    pub upper: Vec<f64>,
    /// How far the series could be scored.
    pub status: Status,
}

impl SeriesScores {
    pub(crate) fn unscored(n: usize, status: Status) -> Self {
        let nothing = vec![f64::NAN; n];
        Self { score: nothing.clone(), expected: nothing.clone(), lower: nothing.clone(), upper: nothing, status }
    }

    /// Probability that a usual value is less unusual than this one; NaN where there is no score.
    pub fn probability(&self, i: usize) -> f64 {
        self.score.get(i).map_or(f64::NAN, |s| 1.0 - 10f64.powf(-s))
    }

    /// Makes the bounds of a value, which rounding may put on its wrong side, agree with what its score says at a level.
    pub(crate) fn settle(&mut self, i: usize, value: f64, level: f64) {
        let (lower, upper) = (self.lower[i], self.upper[i]);
        if self.score[i].is_nan() || lower.is_nan() || upper.is_nan() {
            return;
        }
        match self.is_anomaly(i, level) {
            false => (self.lower[i], self.upper[i]) = (lower.min(value), upper.max(value)),
            true if (lower..=upper).contains(&value) && value >= self.expected[i] => self.upper[i] = value.next_down(),
            true if (lower..=upper).contains(&value) => self.lower[i] = value.next_up(),
            true => {}
        }
    }

    /// Whether a value is anomalous at a level; never where there is no score.
    pub fn is_anomaly(&self, i: usize, level: f64) -> bool {
        self.score.get(i).is_some_and(|s| *s >= surprise_of_level(level))
    }
}

/// The score from which a point is anomalous at a level.
pub fn surprise_of_level(level: f64) -> f64 {
    -(1.0 - level.clamp(0.0, 1.0)).max(1e-100).log10()
}

/// What is wrong with a series before any method sees it.
pub(crate) fn status_of(values: &[f64], needed: usize) -> Status {
    let mut finite = values.iter().filter_map(|v| statistics::finite(*v));
    let Some(first) = finite.next() else {
        return if values.is_empty() { Status::Empty } else { Status::AllMissing };
    };
    let (count, same) = finite.fold((1, true), |(n, same), v| (n + 1, same && v == first));
    match (count < needed, same) {
        (true, _) => Status::TooShort { needed },
        (false, true) => Status::Constant,
        (false, false) => Status::Ok,
    }
}

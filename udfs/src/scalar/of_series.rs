//! `series_outliers_tukey`, `series_decompose_stl`, `series_period_fft`: ClickHouse's functions of series, by its rules.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use headwater_anomaly::series::dominant_period;
use headwater_common::{Error, Result};
use headwater_timeseries::stl::Stl;

use super::lists::{Rule, doubles, doubles_type};

/// The functions.
pub(super) const FUNCTIONS: &[Rule] = &[
    Rule {
        name: "series_outliers_tukey",
        usage: "series_outliers_tukey(list [, low share, high share, factor]) with shares between 0.02 and 0.98",
        lists: 1,
        numbers: (0, 3),
        result: doubles_type,
        compute: tukey,
    },
    Rule {
        name: "series_decompose_stl",
        usage: "series_decompose_stl(list, period) with a whole number of steps as the period",
        lists: 1,
        numbers: (1, 1),
        result: parts_type,
        compute: decompose,
    },
    Rule {
        name: "series_period_fft",
        usage: "series_period_fft(list)",
        lists: 1,
        numbers: (0, 0),
        result: || DataType::Float64,
        compute: period,
    },
];

/// Values that a function needs, as in ClickHouse.
const NEEDED: usize = 4;

/// How far each value lies beyond Tukey's fences (Exploratory data analysis, 1977), with its sign; 0 inside, null for a
/// missing value. Quantiles as ClickHouse's `seriesOutliersDetectTukey` takes them. O(n log n).
fn tukey(lists: &[Vec<f64>], numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let at = |i: usize, usual: f64| numbers.get(i).copied().unwrap_or(usual);
    let (low, high, factor) = (at(0, 0.25), at(1, 0.75), at(2, 1.5));
    let shares = 0.02..=0.98;
    let sound = shares.contains(&low) && shares.contains(&high) && low <= high && factor >= 0.0 && factor.is_finite();
    if !sound {
        return Err(Error::invalid(
            "series_outliers_tukey takes shares between 0.02 and 0.98, the lower one first, and a factor of at least 0",
        ));
    }
    let values = &lists[0];
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if sorted.len() < NEEDED {
        return Ok(None);
    }
    sorted.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let place = sorted.len() as f64 * share;
        let below = (place.ceil() as usize).saturating_sub(1).min(sorted.len() - 1);
        // On the border between two values: their mean.
        let next = if place.fract() == 0.0 { (below + 1).min(sorted.len() - 1) } else { below };
        sorted[below] / 2.0 + sorted[next] / 2.0
    };
    let (first, third) = (quantile(low), quantile(high));
    let reach = factor * (third - first);
    Ok(Some(doubles(values.iter().map(|v| (v - (first - reach)).min(0.0) + (v - (third + reach)).max(0.0) + v * 0.0))))
}

fn parts_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(doubles_type(), true)))
}

/// Season, trend, residual and baseline (season + trend) by STL (Cleveland et al., 1990). O(n x window).
fn decompose(lists: &[Vec<f64>], numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let period = numbers[0];
    if period.fract() != 0.0 || !(2.0..=1e9).contains(&period) {
        return Err(Error::invalid("the period of series_decompose_stl is a whole number of at least 2"));
    }
    let (values, period) = (&lists[0], period as usize);
    if values.len() < 2 * period || values.iter().any(|v| !v.is_finite()) {
        return Ok(None);
    }
    let parts = Stl::new(period, 7).decompose(values)?;
    let season = parts.seasonal.into_iter().next().unwrap_or_default();
    let baseline: Vec<f64> = season.iter().zip(&parts.trend).map(|(s, t)| s + t).collect();
    let all = [season, parts.trend, parts.remainder, baseline].map(doubles);
    Ok(Some(ScalarValue::List(ScalarValue::new_list_nullable(&all, &doubles_type()))))
}

/// The period of the strongest frequency, as ClickHouse's `seriesPeriodDetectFFT` rounds it. O(n log n).
fn period(lists: &[Vec<f64>], _numbers: &[f64]) -> Result<Option<ScalarValue>> {
    let values = &lists[0];
    if values.len() < NEEDED || values.iter().any(|v| !v.is_finite()) {
        return Ok(None);
    }
    Ok(dominant_period(values).map(|period| ScalarValue::Float64(Some(period))))
}

//! Which seasons a series has.

use crate::autocorrelation::autocorrelation;
use crate::linear::straight_line;
use crate::mstl;
use crate::statistics::{is_constant, variance};

/// A season that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Number of observations after which it repeats.
    pub period: usize,
    /// From 0 (none) to 1 (all there is beside the trend).
    pub strength: f64,
}

/// Share of the season in what the trend leaves over (Wang, Smith & Hyndman, 2006). `None` for a series shorter than two
/// periods. O(one STL).
pub fn strength(y: &[f64], period: usize) -> Option<f64> {
    let parts = mstl::decompose(y, &[period]).ok()?;
    Some(strength_of(&parts.seasonal[0], &parts.remainder))
}

fn strength_of(seasonal: &[f64], remainder: &[f64]) -> f64 {
    let both: Vec<f64> = seasonal.iter().zip(remainder).map(|(s, r)| s + r).collect();
    let total = variance(&both);
    if total > 0.0 { (1.0 - variance(remainder) / total).max(0.0) } else { 0.0 }
}

/// Whether the autocorrelation at the period is significant at 10 % (the test that the M4 competition used for its
/// benchmarks; Fiorucci et al., 2016). O(n x period).
pub fn is_seasonal(y: &[f64], period: usize) -> bool {
    if period < 2 || y.len() < 2 * period + 1 || is_constant(y) {
        return false;
    }
    let acf = autocorrelation(y, period);
    let squares: f64 = acf[1..period].iter().map(|r| r * r).sum();
    acf[period].abs() > 1.645 * ((1.0 + 2.0 * squares) / y.len() as f64).sqrt()
}

/// Those of the candidate periods that a series has, the shortest first.
///
/// A season over few cycles explains a part of any noise (about one over their number); that part is taken off before
/// the strength counts. O(one MSTL).
pub fn detect(y: &[f64], candidates: &[usize]) -> Vec<Season> {
    let mut periods: Vec<usize> = candidates.iter().copied().filter(|p| *p > 1 && y.len() > 2 * p).collect();
    periods.sort_unstable();
    periods.dedup();
    if periods.is_empty() || is_constant(y) {
        return Vec::new();
    }
    let Ok(parts) = mstl::decompose(y, &periods) else { return Vec::new() };
    let seasons = periods.iter().zip(&parts.seasonal).map(|(period, seasonal)| {
        let by_chance = *period as f64 / y.len() as f64;
        let found = strength_of(seasonal, &parts.remainder);
        Season { period: *period, strength: (1.0 - (1.0 - found) / (1.0 - by_chance)).max(0.0) }
    });
    seasons.filter(|s| s.strength > STRENGTH_MIN).collect()
}

/// Least strength of a season that counts.
const STRENGTH_MIN: f64 = 0.2;
/// Longest period that is searched for without candidates.
const PERIOD_MAX: usize = 1_000;
/// Most seasons that are searched for without candidates.
const SEASONS_MAX: usize = 3;

/// Searches seasons of unknown length: the first high peak of the autocorrelation, then again without that season.
/// O(n x the longest period).
pub fn search(y: &[f64]) -> Vec<Season> {
    let (intercept, slope) = straight_line(y);
    let mut rest: Vec<f64> = y.iter().enumerate().map(|(t, v)| v - intercept - slope * t as f64).collect();
    let mut found: Vec<usize> = Vec::new();
    while found.len() < SEASONS_MAX {
        let Some(period) = first_peak(&rest).filter(|p| !found.contains(p)) else { break };
        found.push(period);
        remove_season(&mut rest, period);
    }
    detect(y, &found)
}

fn first_peak(x: &[f64]) -> Option<usize> {
    let lags = (x.len() / 3).min(PERIOD_MAX);
    if lags < 3 || is_constant(x) {
        return None;
    }
    let acf = autocorrelation(x, lags + 1);
    let significant = 2.0 / (x.len() as f64).sqrt();
    let peaks: Vec<usize> = (2..=lags)
        .filter(|lag| acf[*lag] > acf[lag - 1] && acf[*lag] >= acf[lag + 1] && acf[*lag] > significant.max(0.1))
        .collect();
    let highest = peaks.iter().map(|lag| acf[*lag]).fold(0.0, f64::max);
    peaks.into_iter().find(|lag| acf[*lag] > 0.9 * highest)
}

fn remove_season(x: &mut [f64], period: usize) {
    for phase in 0..period.min(x.len()) {
        let count = x.iter().skip(phase).step_by(period).count() as f64;
        let mean = x.iter().skip(phase).step_by(period).sum::<f64>() / count;
        x.iter_mut().skip(phase).step_by(period).for_each(|v| *v -= mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn noise(n: usize) -> Vec<f64> {
        let mut random = Random::new(11);
        (0..n).map(|_| random.normal()).collect()
    }

    fn waves(n: usize, periods: &[usize]) -> Vec<f64> {
        let mut y = noise(n);
        for period in periods {
            let wave = |t: usize| 3.0 * (t as f64 * std::f64::consts::TAU / *period as f64).sin();
            y.iter_mut().enumerate().for_each(|(t, v)| *v += wave(t) + 0.01 * t as f64);
        }
        y
    }

    #[test]
    fn seasons_among_candidates_are_found_and_absent_ones_are_not() {
        let periods = |y: &[f64], c: &[usize]| detect(y, c).iter().map(|s| s.period).collect::<Vec<_>>();
        assert_eq!(periods(&waves(700, &[24, 168]), &[24, 168]), [24, 168]);
        assert_eq!(periods(&waves(700, &[24]), &[24, 168]), [24]);
        assert!(periods(&noise(300), &[7, 12]).is_empty());
        assert!(periods(&[1.0; 50], &[7]).is_empty());
        assert!(periods(&[1.0, 2.0], &[7, 0, 1]).is_empty());
    }

    #[test]
    fn seasons_of_unknown_length_are_found() {
        let found: Vec<usize> = search(&waves(600, &[17])).iter().map(|s| s.period).collect();
        assert_eq!(found, [17]);
        assert!(search(&noise(600)).is_empty());
        assert!(search(&[1.0; 9]).is_empty());
        assert!(search(&[]).is_empty());
    }

    #[test]
    fn the_test_of_autocorrelation_sees_a_season() {
        assert!(is_seasonal(&waves(120, &[12]), 12));
        assert!(!is_seasonal(&noise(120), 12));
        assert!(!is_seasonal(&waves(20, &[12]), 12));
    }
}

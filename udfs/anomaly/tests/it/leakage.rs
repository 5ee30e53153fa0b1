//! Nothing of the future reaches a causal score.

use headwater_anomaly::series::{Alerts, SeriesScores};

use crate::samples::{seasonal, series_detectors};

fn assert_same(name: &str, whole: &SeriesScores, part: &SeriesScores, until: usize) {
    let parts = [
        (&whole.score, &part.score),
        (&whole.expected, &part.expected),
        (&whole.lower, &part.lower),
        (&whole.upper, &part.upper),
    ];
    for (a, b) in parts {
        for i in 0..until {
            assert!(a[i] == b[i] || (a[i].is_nan() && b[i].is_nan()), "{name} at {i}: {} and {}", a[i], b[i]);
        }
    }
}

#[test]
fn a_causal_score_never_changes_when_later_points_do() {
    let mut values = seasonal(700);
    values[300] = 500.0;
    values[410] = f64::NAN;
    for detector in series_detectors().iter().filter(|d| d.is_causal()) {
        let whole = detector.detect(&values, 0.99);
        for cut in [40, 120, 301, 411, 699] {
            assert_same(detector.name(), &whole, &detector.detect(&values[..cut], 0.99), cut);
            for other in [1e9, -1e9, 0.0, f64::NAN, f64::INFINITY] {
                let mut changed = values.clone();
                changed[cut..].fill(other);
                assert_same(detector.name(), &whole, &detector.detect(&changed, 0.99), cut);
            }
        }
    }
}

#[test]
fn alerts_are_causal_too() {
    let scores: Vec<f64> = (0..500).map(|i| ((i * 31) % 97) as f64).collect();
    let whole = Alerts::default().filter(&scores);
    for cut in [1, 50, 333] {
        assert_eq!(Alerts::default().filter(&scores[..cut]), whole[..cut]);
    }
}

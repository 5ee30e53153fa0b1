//! The same answers as scikit-learn, PyOD, scipy and stumpy (`fixtures/make.py` says how they were made).

use headwater_anomaly::drift::{DriftTest, KolmogorovSmirnov, PopulationStability};
use headwater_anomaly::series::{Ewma, Hampel, MatrixProfile, RollingZ, SeasonalEsd, SeriesDetector, SubPca};
use headwater_anomaly::table::{Copod, Ecod, Hbos, IsolationForest, Pca, TableDetector};

use crate::samples::csv;

const TABLE: &str = include_str!("../fixtures/table.csv");
const SERIES: &str = include_str!("../fixtures/series.csv");
const DETECTORS: &str = include_str!("../fixtures/detectors.csv");

fn table() -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut columns = csv(TABLE);
    let golden = columns.split_off(5);
    (columns, golden)
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

fn assert_close(ours: &[f64], golden: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), golden.len());
    for (row, (a, b)) in ours.iter().zip(golden).enumerate() {
        assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "row {row}: {a} is not {b}");
    }
}

#[test]
fn ecod_copod_hbos_and_pca_score_as_pyod_and_scikit_learn() {
    let (columns, golden) = table();
    let detectors: [&dyn TableDetector; 4] = [&Ecod, &Copod, &Hbos::default(), &Pca];
    for (detector, golden) in detectors.into_iter().zip(&golden) {
        assert_close(&detector.fit_score(&slices(&columns)).score, golden, 1e-7);
    }
}

#[test]
fn a_kept_fit_scores_its_own_rows_as_the_fit_itself() {
    let (columns, golden) = table();
    for (detector, golden) in [&Ecod as &dyn TableDetector, &Copod].into_iter().zip(&golden) {
        let fitted = detector.fit(&slices(&columns)).unwrap();
        assert_close(&fitted.score(&slices(&columns)).score, golden, 1e-7);
    }
}

/// Trees differ by chance; the mean over many of them does not.
#[test]
fn isolation_forest_scores_as_scikit_learn_within_the_noise_of_its_trees() {
    let (columns, golden) = table();
    let ours = IsolationForest { trees: 2000, ..IsolationForest::default() }.fit_score(&slices(&columns));
    assert_close(&ours.score, &golden[4], 0.01);
}

#[test]
fn the_matrix_profile_puts_discords_where_stumpy_does() {
    let columns = csv(SERIES);
    let (values, window) = (&columns[0], 12);
    for (left, golden) in [(false, &columns[1]), (true, &columns[2])] {
        let scores = MatrixProfile { window: Some(window), left }.detect(values, 0.99).score;
        // Scores grow with the distances: batch scores stand at the middle of a sequence, causal ones at its end.
        let shift = if left { window - 1 } else { window / 2 };
        let of = |i: usize| scores[i + shift];
        let known: Vec<usize> =
            (0..golden.len() - window).filter(|i| golden[*i].is_finite() && of(*i).is_finite()).collect();
        let top = known.iter().copied().max_by(|a, b| golden[*a].total_cmp(&golden[*b])).unwrap();
        assert!(of(top) > 1.5, "left {left}: the discord at {top} scores {}", of(top));
        if !left {
            for (a, b) in known.iter().zip(&known[1..]) {
                let (d, s) = (golden[*a] - golden[*b], of(*a) - of(*b));
                assert!(d.abs() < 1e-4 || d * s >= 0.0, "{a}: distances {d}, scores {s}");
            }
        }
    }
}

#[test]
fn causal_detectors_expect_what_their_formulas_say() {
    let (values, golden) = (&csv(SERIES)[0], csv(DETECTORS));
    let detectors: [&dyn SeriesDetector; 3] = [&RollingZ::default(), &Hampel::default(), &Ewma::default()];
    for (detector, golden) in detectors.into_iter().zip(&golden) {
        let expected = detector.detect(values, 0.99).expected;
        assert_eq!(expected.iter().position(|e| e.is_finite()), golden.iter().position(|e| e.is_finite()));
        let known: Vec<usize> = (0..golden.len()).filter(|i| golden[*i].is_finite()).collect();
        let of = |from: &[f64]| known.iter().map(|i| from[*i]).collect::<Vec<_>>();
        assert!(known.len() >= 270, "{}", detector.name());
        assert_close(&of(&expected), &of(golden), 1e-8);
    }
}

#[test]
fn the_esd_test_has_the_p_values_of_rosner() {
    let (values, golden) = (&csv(SERIES)[0], &csv(DETECTORS)[3]);
    let esd = SeasonalEsd { period: Some(25), ..SeasonalEsd::default() };
    assert!(golden.iter().any(|p| *p > 3.0));
    assert_close(&esd.detect(values, 0.99).score, golden, 1e-6);
}

#[test]
fn sub_pca_orders_values_as_scikit_learn() {
    let (values, golden) = (&csv(SERIES)[0], &csv(DETECTORS)[4]);
    let scores = SubPca { window: Some(12) }.detect(values, 0.99).score;
    for (i, j) in (0..values.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let (d, s) = (golden[i] - golden[j], scores[i] - scores[j]);
        assert!(d.abs() < 1e-6 * golden[i].abs() || d * s >= 0.0, "{i}, {j}: deviations {d}, scores {s}");
    }
}

#[test]
fn drift_statistics_are_those_of_scipy_and_numpy() {
    let values = &csv(SERIES)[0];
    let moved: Vec<f64> = values[150..].iter().map(|v| v + 1.5).collect();
    let ks = KolmogorovSmirnov::default();
    let psi = PopulationStability::default();
    let cases = [
        (&values[..100], &values[100..], [0.065, 0.9408422662966448, 0.08983219409373241]),
        (&values[..150], &moved[..], [0.2533333333333334, 0.0001318930110856387, 0.7706767719744366]),
    ];
    for (reference, current, golden) in cases {
        let found = ks.compare(reference, current);
        assert_close(&[found.statistic, found.p_value, psi.compare(reference, current).statistic], &golden, 1e-9);
        assert_eq!(found.is_drift, golden[1] < 0.05);
    }
}

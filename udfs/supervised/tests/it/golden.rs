//! The same answers as scikit-learn where the answer is exact.

use headwater_supervised::Context;
use headwater_supervised::data::{Column, Features, Table, Target};
use headwater_supervised::encoding::{Encoder, Encoding};
use headwater_supervised::linear::{Linear, Logistic};
use headwater_supervised::metrics::Metric;
use headwater_supervised::neighbors::Neighbors;
use headwater_supervised::validation::Folds;

use crate::samples::{TRAIN, assert_close, classes, columns, expected};

const SMALL: usize = 120;

fn measured(target: &Target, predicted: &[Vec<f64>]) -> Vec<f64> {
    Metric::of_task(target.task()).iter().map(|m| m.measure(target, predicted).unwrap()).collect()
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    let known = Target::Numbers(vec![1.0, 2.5, -3.0, 4.0, 0.5, 7.0]);
    assert_close(&measured(&known, &[vec![1.5, 2.0, -2.0, 5.5, 0.5, 6.0]]), &expected("numbers"), 1e-12);
    let second = vec![0.1, 0.8, 0.35, 0.35, 0.9, 0.6, 0.6, 0.2];
    let two = classes(&[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 2);
    assert_close(&measured(&two, &[second.iter().map(|p| 1.0 - p).collect(), second]), &expected("two"), 1e-12);
    let three =
        [[0.6, 0.2, 0.1, 0.4, 0.3, 0.5, 0.2], [0.3, 0.5, 0.2, 0.3, 0.4, 0.25, 0.6], [0.1, 0.3, 0.7, 0.3, 0.3, 0.25, 0.2]];
    let known = classes(&[0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 2.0], 3);
    assert_close(&measured(&known, &three.map(|c| c.to_vec())), &expected("three"), 1e-12);
}

fn small() -> (Features, Vec<Vec<f64>>) {
    let all = columns();
    let features = [0, 1, 3].map(|c: usize| all[c][..SMALL].to_vec());
    (Features::of_numbers(features.to_vec()).unwrap(), all)
}

#[test]
fn linear_models_have_the_coefficients_of_scikit_learn() {
    let (features, all) = small();
    let target = Target::Numbers(all[5][..SMALL].to_vec());
    for (name, l1, l2) in
        [("least squares", 0.0, 0.0), ("ridge 0.3", 0.0, 0.3), ("lasso 0.1", 0.1, 0.0), ("elastic net 0.05 0.2", 0.05, 0.2)]
    {
        let model = Linear { l1, l2 }.fit(&features, &target, &Context::default()).unwrap();
        assert_close(&model.weights()[0], &expected(name), 1e-7);
    }
}

#[test]
fn logistic_models_have_the_coefficients_of_scikit_learn() {
    let (features, all) = small();
    let fit = |target: &Target| Logistic { l2: 0.02 }.fit(&features, target, &Context::default()).unwrap();
    let two = fit(&classes(&all[6][..SMALL], 2));
    let found = [two.weights()[0].clone(), two.intercepts().to_vec()].concat();
    assert_close(&found, &expected("logistic 0.02 two"), 1e-4);
    let three = fit(&classes(&all[7][..SMALL], 3));
    assert_close(&three.weights().concat(), &expected("logistic 0.02 three"), 1e-4);
}

#[test]
fn neighbours_are_those_of_scikit_learn() {
    let (features, all) = small();
    let asked = [0, 1, 3].map(|c: usize| all[c][SMALL..SMALL + 20].to_vec());
    let asked = Features::of_numbers(asked.to_vec()).unwrap();
    let target = Target::Numbers(all[5][..SMALL].to_vec());
    for (name, by_distance) in [("neighbors uniform", false), ("neighbors distance", true)] {
        let neighbors = Neighbors { k: 5, by_distance, ..Neighbors::default() };
        let model = neighbors.fit(&features, &target, &Context::default()).unwrap();
        assert_close(&model.predict(&asked).unwrap()[0], &expected(name), 1e-9);
    }
}

#[test]
fn target_means_are_those_of_scikit_learn() {
    let all = columns();
    let rows: Vec<usize> = (0..TRAIN).filter(|r| !all[4][*r].is_nan()).collect();
    let mut texts: Vec<Option<String>> = rows.iter().map(|r| Some(format!("k{:02}", all[4][*r]))).collect();
    let target = Target::Numbers(rows.iter().map(|r| all[5][*r]).collect());
    let encode = |texts: &[Option<String>], asked: &Table| {
        let table = Table::new(vec![Column::texts("k", texts)]).unwrap();
        let (encoder, _) = Encoder::fit(&table, &["k".to_owned()], &target, Encoding::Dense, &Context::default()).unwrap();
        encoder.transform(asked).unwrap().columns()[0].clone()
    };
    let asked: Vec<Option<String>> = (0..12).map(|k| Some(format!("k{k:02}"))).collect();
    let asked = Table::new(vec![Column::texts("k", &asked)]).unwrap();
    // Twelve categories have a column each; five rows moved to new ones make them seventeen, whose means then count.
    let golden = expected("target means");
    for (at, text) in texts.iter_mut().enumerate().take(5) {
        *text = Some(format!("new{at}"));
    }
    let ours = encode(&texts, &asked);
    let count = |k: usize| rows.iter().filter(|r| all[4][**r] == k as f64).count() as f64;
    for (k, (a, b)) in ours.iter().zip(&golden).enumerate() {
        let moved = rows.iter().take(5).filter(|r| all[4][**r] == k as f64).count() as f64;
        let tolerance = if moved == 0.0 { 1e-9 } else { 3.0 * moved / count(k) };
        assert!((a - b).abs() <= tolerance, "{k}: {a} is not {b}");
    }
}

#[test]
fn folds_are_those_of_scikit_learn() {
    let target = Target::Numbers(vec![0.0; 23]);
    for (name, folds) in [("folds plain", Folds::Plain(4)), ("folds time", Folds::Time { folds: 4, gap: 2 })] {
        let ends = |rows: &[usize]| [rows[0], rows[rows.len() - 1], rows.len()].map(|v| v as f64);
        let ours: Vec<f64> =
            folds.split(&target).unwrap().iter().flat_map(|f| [ends(&f.train), ends(&f.test)].concat()).collect();
        assert_close(&ours, &expected(name), 0.0);
    }
}

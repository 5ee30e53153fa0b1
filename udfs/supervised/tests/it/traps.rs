//! Data that breaks models elsewhere.

use headwater_common::ErrorKind;
use headwater_supervised::boosting::Boosting;
use headwater_supervised::data::{Column, Features, Table, Target, Task};
use headwater_supervised::forest::Forest;
use headwater_supervised::linear::Linear;
use headwater_supervised::model::Algorithm;
use headwater_supervised::neighbors::Neighbors;
use headwater_supervised::network::Network;
use headwater_supervised::{Context, Goal, Predictions, Prepared, Spec, Trained};
use headwater_timeseries::Cancel;

fn train(table: &Table, algorithm: &str, goal: Option<Goal>) -> headwater_common::Result<Trained> {
    let prepared = Prepared::new(&Spec { goal, ..Spec::new("y") }, table, &Cancel::default())?;
    let algorithm = Algorithm::parse(algorithm, prepared.target.task())?;
    Trained::train(&prepared, &algorithm)
}

/// Algorithms that fit a task.
fn fitting(task: Task) -> impl Iterator<Item = &'static str> {
    Algorithm::NAMES.iter().copied().filter(move |n| Algorithm::parse(n, task).unwrap().fits(task))
}

fn values(predictions: Predictions) -> Vec<f64> {
    match predictions {
        Predictions::Numbers { values, .. } => values,
        Predictions::Classes { probabilities, .. } => {
            for row in 0..probabilities[0].len() {
                let sum: f64 = probabilities.iter().map(|p| p[row]).sum();
                assert!((sum - 1.0).abs() < 1e-9 && probabilities.iter().all(|p| p[row] >= 0.0));
            }
            probabilities.concat()
        }
    }
}

fn numbers(name: &str, count: usize, of: impl Fn(usize) -> f64) -> Column {
    Column::numbers(name, (0..count).map(of).collect())
}

/// Trains every algorithm for both goals and looks at predictions of the training rows.
fn every_algorithm_predicts(features: &[Column], count: usize) {
    let goals = [(Goal::Regression, Task::Regression), (Goal::Classification, Task::Classification(2))];
    for (goal, task) in goals {
        let target = numbers("y", count, |i| (i % 2) as f64);
        let table = Table::new([features.to_vec(), vec![target]].concat()).unwrap();
        for name in fitting(task) {
            let model = match train(&table, name, Some(goal)) {
                Ok(model) => model,
                // A stack needs folds.
                Err(error) => {
                    assert!(name == "stack" && count < 10, "{name} {count}: {error}");
                    continue;
                }
            };
            let predicted = values(model.predict(&table, 0.9).unwrap());
            assert!(predicted.iter().all(|p| p.is_finite()), "{name} {count}: {predicted:?}");
            assert!(predicted.iter().all(|p| (-3.0..=4.0).contains(p)), "{name} {count}: {predicted:?}");
        }
    }
}

#[test]
fn tiny_tables_are_fitted() {
    for count in [2, 3, 5, 11] {
        every_algorithm_predicts(&[numbers("x", count, |i| i as f64)], count);
    }
}

#[test]
fn constant_and_all_missing_columns_do_no_harm() {
    let count = 60;
    let none: Vec<Option<&str>> = vec![None; count];
    every_algorithm_predicts(
        &[
            numbers("constant", count, |_| 0.1),
            numbers("missing", count, |_| f64::NAN),
            Column::texts("one", &vec![Some("a"); count]),
            Column::texts("none", &none),
        ],
        count,
    );
}

#[test]
fn infinite_huge_and_tiny_features_do_no_harm() {
    let count = 60;
    let special = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -0.0, f64::NAN];
    every_algorithm_predicts(
        &[
            numbers("special", count, |i| special[i % 8]),
            numbers("huge", count, |i| 1e300 * (i as f64 - 30.0)),
            numbers("tiny", count, |i| 1e-300 * i as f64),
            numbers("offset", count, |i| 1e15 + i as f64),
        ],
        count,
    );
}

#[test]
fn dependent_columns_share_their_weight() {
    let count = 50;
    let x = |i: usize| (i * 7 % 50) as f64;
    let columns =
        vec![numbers("x", count, x), numbers("twice", count, |i| 2.0 * x(i)), numbers("y", count, |i| 3.0 * x(i) + 1.0)];
    let table = Table::new(columns).unwrap();
    let prepared = Prepared::new(&Spec::new("y"), &table, &Cancel::default()).unwrap();
    let least_squares = Algorithm::parse("linear", Task::Regression).unwrap().with("l2", 0.0).unwrap();
    let predicted = values(Trained::train(&prepared, &least_squares).unwrap().predict(&table, 0.9).unwrap());
    for (row, p) in predicted.iter().enumerate() {
        assert!((p - 3.0 * x(row) - 1.0).abs() < 1e-3, "{p}");
    }
}

/// A target times a number has predictions times that number, however large or small it is.
#[test]
fn the_unit_of_the_target_does_not_count() {
    let column = |a: usize, b: usize| (0..80).map(|i| (i * a % b) as f64).collect::<Vec<_>>();
    let features = Features::of_numbers(vec![column(13, 31), column(1, 9)]).unwrap();
    let context = Context::default();
    type Fit<'a> = &'a dyn Fn(&Target) -> Vec<Vec<f64>>;
    let fits: [Fit<'_>; 5] = [
        &|t| Boosting::default().fit(&features, t, &context).unwrap().predict(&features).unwrap(),
        &|t| Forest::default().fit(&features, t, &context).unwrap().predict(&features).unwrap(),
        &|t| Linear::default().fit(&features, t, &context).unwrap().predict(&features).unwrap(),
        &|t| Neighbors::default().fit(&features, t, &context).unwrap().predict(&features).unwrap(),
        &|t| Network::default().fit(&features, t, &context).unwrap().predict(&features).unwrap(),
    ];
    for (at, fit) in fits.into_iter().enumerate() {
        let of = |unit: f64| fit(&Target::Numbers(column(13, 31).iter().map(|y| unit * (y - 9.0)).collect())).remove(0);
        let plain = of(1.0);
        for unit in [2_f64.powi(-600), 2_f64.powi(40), 2_f64.powi(1000)] {
            let scaled = of(unit);
            assert!(scaled.iter().zip(&plain).all(|(s, p)| (s / unit - p).abs() < 1e-6), "{at} {unit:e}");
        }
    }
}

#[test]
fn a_constant_target_is_predicted() {
    let table = Table::new(vec![numbers("x", 40, |i| i as f64), numbers("y", 40, |_| 1e12)]).unwrap();
    for name in fitting(Task::Regression) {
        let model = train(&table, name, None).unwrap();
        let Predictions::Numbers { values, lower, .. } = model.predict(&table, 0.9).unwrap() else { panic!() };
        assert!(values.iter().chain(&lower).all(|v| (v / 1e12 - 1.0).abs() < 1e-6), "{name} {values:?}");
    }
}

#[test]
fn targets_that_cannot_be_learnt_are_clear_errors() {
    let x = numbers("x", 10, |i| i as f64);
    let message = |y: Column, goal| {
        let error = train(&Table::new(vec![x.clone(), y]).unwrap(), "boosting", goal).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.message().to_owned()
    };
    assert!(message(Column::texts("y", &[Some("a"); 10]), None).contains("one class only"));
    assert!(message(numbers("y", 10, |_| f64::NAN), None).contains("two rows"));
    assert!(message(numbers("y", 10, |i| if i == 3 { f64::INFINITY } else { 1.0 }), None).contains("infinite"));
    assert!(message(Column::texts("y", &[Some("a"); 10]), Some(Goal::Regression)).contains("not numbers"));
    assert!(message(Column::times("y", vec![Some(1); 10]), None).contains("has times"));
    let alone = train(&Table::new(vec![numbers("y", 10, |i| i as f64)]).unwrap(), "boosting", None).unwrap_err();
    assert!(alone.message().contains("no column to predict from"));
    let wrong = train(&Table::new(vec![x.clone(), numbers("y", 10, |i| i as f64)]).unwrap(), "logistic", None);
    assert!(wrong.unwrap_err().message().contains("logistic does not predict numbers"));
}

#[test]
fn rows_without_a_target_are_left_out_and_still_predicted() {
    let y = numbers("y", 90, |i| if i % 3 == 0 { f64::NAN } else { (i % 7) as f64 });
    let table = Table::new(vec![numbers("x", 90, |i| (i % 7) as f64), y]).unwrap();
    let prepared = Prepared::new(&Spec::new("y"), &table, &Cancel::default()).unwrap();
    assert_eq!((prepared.left_out, prepared.target.len()), (30, 60));
    let model = Trained::train(&prepared, &Algorithm::parse("boosting", Task::Regression).unwrap()).unwrap();
    let predicted = values(model.predict(&table, 0.9).unwrap());
    assert!(predicted.len() == 90 && predicted.iter().enumerate().all(|(i, p)| (p - (i % 7) as f64).abs() < 0.1));
}

#[test]
fn cancelled_fits_stop() {
    let table = Table::new(vec![numbers("x", 50, |i| i as f64), numbers("y", 50, |i| (i % 5) as f64)]).unwrap();
    let cancel = Cancel::default();
    let prepared = Prepared::new(&Spec::new("y"), &table, &cancel).unwrap();
    cancel.cancel();
    for name in fitting(Task::Regression).filter(|n| *n != "neighbors") {
        let error = Trained::train(&prepared, &Algorithm::parse(name, Task::Regression).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{name}");
    }
}

#[test]
fn numbers_with_fractions_are_no_classes() {
    let table = |classes: usize| {
        let target = numbers("y", 200, |i| (i % classes) as f64 + 0.5);
        Table::new(vec![numbers("x", 200, |i| i as f64), target]).unwrap()
    };
    let error = train(&table(200), "logistic", Some(Goal::Classification)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("200 different numbers with fractions"), "{error}");
    assert!(train(&table(3), "logistic", Some(Goal::Classification)).is_ok());
}

//! The search for an algorithm.

use headwater_common::ErrorKind;
use headwater_supervised::data::{Column, Table, Task};
use headwater_supervised::metrics::Metric;
use headwater_supervised::model::Algorithm;
use headwater_supervised::search::Method;
use headwater_supervised::{Leaderboard, Predictions, Prepared, Search, Spec, Trained};
use headwater_timeseries::Cancel;

use crate::samples::table;

fn prepared(target: &str, rows: usize) -> Prepared {
    let table = table(target).take(&(0..rows).collect::<Vec<_>>());
    Prepared::new(&Spec { folds: 2, ..Spec::new(target) }, &table, &Cancel::default()).unwrap()
}

/// A small search without costly algorithms.
fn small(method: Method, trials: usize) -> Search {
    let algorithms = ["linear", "neighbors"].map(|n| Algorithm::parse(n, Task::Regression).unwrap()).to_vec();
    Search { method, trials, algorithms, ..Search::default() }
}

fn rows(board: &Leaderboard) -> Vec<(String, Option<f64>)> {
    board.trials.iter().map(|t| (format!("{} {}", t.algorithm.name(), t.algorithm.describe()), t.value)).collect()
}

#[test]
fn every_method_ends_with_a_leaderboard_in_order_and_the_same_one_again() {
    let prepared = prepared("y", 150);
    for name in ["grid", "random", "tpe", "halving"] {
        let search = small(Method::parse(name).unwrap(), 14);
        let board = search.run(&prepared, &mut || 0.0).unwrap();
        assert!(board.trials.len() <= 14 && board.trials.len() >= 11, "{name} {}", board.trials.len());
        let whole: Vec<f64> = board.trials.iter().filter(|t| t.share >= 1.0).filter_map(|t| t.value).collect();
        assert!(whole.windows(2).all(|w| w[0] <= w[1]), "{name} {whole:?}");
        let usual = board.trials.iter().find(|t| t.algorithm.name() == "linear" && t.algorithm.describe().is_empty());
        assert!(board.best().unwrap().value <= usual.unwrap().value);
        assert!(board.trials.iter().any(|t| t.algorithm.name() == "stack"), "{name}");
        assert_eq!(rows(&board), rows(&search.run(&prepared, &mut || 0.0).unwrap()), "{name}");
    }
    assert!(Method::parse("magic").unwrap_err().message().contains("grid, random, tpe, halving"));
}

#[test]
fn the_winner_is_trained_and_predicts() {
    let prepared = prepared("y", 150);
    let board = small(Method::Tpe, 8).run(&prepared, &mut || 0.0).unwrap();
    let model = Trained::of_trial(&prepared, board.best().unwrap()).unwrap();
    assert_eq!(model.score(), board.best().unwrap().value.map(|v| -v));
    let Predictions::Numbers { lower, .. } = model.predict(&prepared.table, 0.9).unwrap() else { panic!() };
    assert!(lower.iter().all(|l| l.is_finite()));
}

#[test]
fn boosting_of_a_search_stops_early_and_is_fitted_again_on_all_rows() {
    let prepared = prepared("q", 200);
    let boosting = vec![Algorithm::parse("boosting", Task::Classification(2)).unwrap()];
    let search = Search { method: Method::Random, trials: 3, algorithms: boosting, ..Search::default() };
    let board = search.run(&prepared, &mut || 0.0).unwrap();
    assert!(board.trials.iter().any(|t| t.algorithm.describe().contains("patience")));
    let model = Trained::of_trial(&prepared, board.best().unwrap()).unwrap();
    assert!(matches!(model.predict(&prepared.table, 0.9).unwrap(), Predictions::Classes { .. }));
}

#[test]
fn the_budget_of_seconds_ends_the_search_after_one_trial_at_least() {
    let prepared = prepared("y", 100);
    let mut now = 0.0;
    let mut clock = || {
        now += 1.0;
        now
    };
    let search = Search { seconds: Some(20.0), ..small(Method::Random, 1000) };
    let board = search.run(&prepared, &mut clock).unwrap();
    assert!(board.stopped_early && (1..20).contains(&board.trials.len()), "{}", board.trials.len());
    let none = Search { seconds: Some(0.0), ..small(Method::Random, 1000) };
    assert_eq!(none.run(&prepared, &mut || 1.0).unwrap().trials.len(), 1);
}

#[test]
fn candidates_that_fail_are_rows_and_a_search_without_any_is_an_error() {
    let prepared = prepared("y", 100);
    let bad = Algorithm::parse("neighbors", Task::Regression).unwrap().with("rows_max", 0.0).unwrap();
    let good = Algorithm::parse("linear", Task::Regression).unwrap();
    let search = |algorithms| Search { trials: 2, algorithms, stack: false, ..Search::default() };
    let board = search(vec![bad.clone(), good]).run(&prepared, &mut || 0.0).unwrap();
    assert_eq!(board.best().unwrap().algorithm.name(), "linear");
    assert!(board.trials[1].error.as_ref().unwrap().contains("rows_max"));
    let error = search(vec![bad]).run(&prepared, &mut || 0.0).unwrap_err();
    assert!(error.message().contains("no algorithm could be fitted"), "{error}");
    let wrong = Search { metric: Some(Metric::RocAuc), ..small(Method::Tpe, 2) };
    assert!(wrong.run(&prepared, &mut || 0.0).unwrap_err().message().contains("roc_auc does not measure"));
    prepared.context.cancel.cancel();
    let cancelled = small(Method::Tpe, 5).run(&prepared, &mut || 0.0).unwrap_err();
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
}

#[test]
fn too_few_rows_for_the_folds_are_an_error() {
    let table = Table::new(vec![Column::numbers("x", vec![1.0, 2.0]), Column::numbers("y", vec![1.0, 2.0])]).unwrap();
    let prepared = Prepared::new(&Spec::new("y"), &table, &Cancel::default()).unwrap();
    let error = Search::default().run(&prepared, &mut || 0.0).unwrap_err();
    assert!(error.message().contains("too few for 5 folds"), "{error}");
}

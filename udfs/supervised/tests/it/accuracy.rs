//! Predictions of rows that were not seen, as good as those of xgboost, lightgbm and scikit-learn.

use headwater_supervised::data::Task;
use headwater_supervised::estimator::Estimator;
use headwater_supervised::metrics::Metric;
use headwater_supervised::model::Algorithm;
use headwater_supervised::{Goal, Prepared, Spec};
use headwater_timeseries::Cancel;

use crate::samples::{expected, halves, table};

/// Error of an algorithm trained on the first rows and judged by the others.
fn error(algorithm: &str, target: &str) -> f64 {
    let (train, test) = halves(&table(target));
    let goal = if target == "y" { Goal::Regression } else { Goal::Classification };
    let spec = Spec { goal: Some(goal), ..Spec::new(target) };
    let Prepared { table, columns, target, context, .. } = Prepared::new(&spec, &train, &Cancel::default()).unwrap();
    let algorithm = Algorithm::parse(algorithm, target.task()).unwrap();
    let estimator = Estimator::fit(&algorithm, &table, &columns, &target, &context).unwrap();
    let known = Prepared::new(&spec, &test, &Cancel::default()).unwrap();
    let predicted = estimator.predict(&known.table).unwrap();
    Metric::primary(target.task()).measure(&known.target, &predicted).unwrap()
}

#[track_caller]
fn assert_as_good(algorithm: &str, target: &str, slack: f64) {
    let peers = expected(&format!("{algorithm} {target}"));
    let best = peers.iter().copied().fold(f64::INFINITY, f64::min);
    let ours = error(algorithm, target);
    assert!(ours <= best * slack, "{algorithm} {target}: {ours}, others {peers:?}");
}

#[test]
fn boosting_is_within_a_percent_of_the_better_of_xgboost_and_lightgbm() {
    for target in ["y", "q", "m"] {
        assert_as_good("boosting", target, 1.01);
    }
}

#[test]
fn forests_are_as_good_as_those_of_scikit_learn() {
    for target in ["y", "q", "m"] {
        assert_as_good("forest", target, 1.05);
    }
}

#[test]
fn networks_are_as_good_as_those_of_scikit_learn() {
    for target in ["y", "q", "m"] {
        assert_as_good("network", target, 1.05);
    }
}

#[test]
fn a_stack_is_at_least_about_as_good_as_its_best_member() {
    let members = [error("boosting", "y"), error("forest", "y"), error("linear", "y")];
    let best = members.iter().copied().fold(f64::INFINITY, f64::min);
    let stack = error("stack", "y");
    assert!(stack <= 1.02 * best, "{stack} {members:?}");
    assert!(matches!(Algorithm::parse("stack", Task::Regression), Ok(Algorithm::Stack(_))));
}

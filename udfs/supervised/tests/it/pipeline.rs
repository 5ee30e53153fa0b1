//! Training and serving are one pipeline.

use std::collections::BTreeMap;

use headwater_registry::Codec;
use headwater_supervised::data::{Column, Table, Task, Values};
use headwater_supervised::derive::{Derivation, Lag, Rolling, Statistic};
use headwater_supervised::metrics::Metric;
use headwater_supervised::model::Algorithm;
use headwater_supervised::{Context, Predictions, Prepared, Spec, Trained};
use headwater_timeseries::Cancel;

use crate::samples::{halves, table};

const DAY: i64 = 86_400_000_000;

fn trained(spec: &Spec, table: &Table, algorithm: &str) -> Trained {
    let prepared = Prepared::new(spec, table, &Cancel::default()).unwrap();
    Trained::train(&prepared, &Algorithm::parse(algorithm, prepared.target.task()).unwrap()).unwrap()
}

fn numbers(model: &Trained, table: &Table, level: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    match model.predict(table, level).unwrap() {
        Predictions::Numbers { values, lower, upper } => (values, lower, upper),
        other => panic!("{other:?}"),
    }
}

/// Two shops with a weekly season and a level each.
fn sales(days: i64) -> Table {
    let rows: Vec<(i64, usize)> = (0..days).flat_map(|d| [(d, 0), (d, 1)]).collect();
    let noise = |d: i64, s: usize| ((d * 37 + s as i64 * 11) % 17) as f64 / 17.0;
    Table::new(vec![
        Column::times("day", rows.iter().map(|r| Some(r.0 * DAY)).collect()),
        Column::texts("shop", &rows.iter().map(|r| Some(["north", "south"][r.1])).collect::<Vec<_>>()),
        Column::numbers("y", rows.iter().map(|&(d, s)| 10.0 * (d % 7) as f64 + 50.0 * s as f64 + noise(d, s)).collect()),
    ])
    .unwrap()
}

fn sales_spec() -> Spec {
    let lags = [1, 7].map(|steps| Lag { column: "y".into(), steps }).to_vec();
    let rolling = vec![Rolling { column: "y".into(), window: 7, statistic: Statistic::Mean }];
    let (time, ids) = (Some("day".to_owned()), vec!["shop".to_owned()]);
    Spec { derivation: Derivation { time, ids, calendar: true, lags, rolling }, ..Spec::new("y") }
}

#[test]
fn the_order_of_rows_and_columns_changes_nothing() {
    let (train, test) = halves(&table("y"));
    let train = train.take(&(0..120).collect::<Vec<_>>());
    let backward: Vec<usize> = (0..120).rev().collect();
    let turned = train.take(&backward);
    for algorithm in ["boosting", "forest", "linear", "neighbors"] {
        let (a, b) = (trained(&Spec::new("y"), &train, algorithm), trained(&Spec::new("y"), &turned, algorithm));
        assert_eq!(a.to_bytes(), b.to_bytes(), "{algorithm}");
        let columns: Vec<Column> = test.columns().iter().rev().cloned().collect();
        assert_eq!(numbers(&a, &test, 0.9).0, numbers(&b, &Table::new(columns).unwrap(), 0.9).0);
    }
    let seeded = |seed| trained(&Spec { seed, ..Spec::new("y") }, &train, "forest").to_bytes();
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn stored_models_predict_what_they_did_before() {
    for (target, task) in [("y", Task::Regression), ("q", Task::Classification(2)), ("m", Task::Classification(3))] {
        let (train, test) = halves(&table(target));
        let (train, test) = (train.take(&(0..60).collect::<Vec<_>>()), test.take(&[0, 1, 2]));
        for name in Algorithm::NAMES.iter().filter(|n| Algorithm::parse(n, task).unwrap().fits(task)) {
            let model = trained(&Spec::new(target), &train, name);
            let file = model.to_artifact().seal(1 << 28).unwrap();
            let artifact = headwater_registry::Artifact::open(&file, 1 << 28).unwrap();
            let again = Trained::from_artifact(&artifact, 1 << 28).unwrap();
            assert_eq!(again, model, "{name} {target}");
            assert_eq!(again.predict(&test, 0.9).unwrap(), model.predict(&test, 0.9).unwrap());
            assert!(Trained::from_artifact(&artifact, 1000).unwrap_err().message().contains("memory"));
        }
    }
}

#[test]
fn lags_of_the_target_are_learnt_and_served() {
    let all = sales(120);
    let (train, test) = (all.take(&(0..200).collect::<Vec<_>>()), all.take(&(200..240).collect::<Vec<_>>()));
    let model = trained(&sales_spec(), &train, "boosting");
    let errors = |predicted: &[f64], from: usize| {
        let known = all.numbers("y").unwrap();
        predicted.iter().enumerate().map(|(i, p)| (p - known[from + i]).abs()).fold(0.0, f64::max)
    };
    let (values, ..) = numbers(&model, &test, 0.9);
    assert!(errors(&values, 200) < 8.0, "{}", errors(&values, 200));
    // Whether the rows before come along or were kept does not count, nor does the order.
    let later = all.take(&(150..240).rev().collect::<Vec<_>>());
    let mut with_history = numbers(&model, &later, 0.9).0;
    with_history.reverse();
    assert_eq!(values, with_history[50..]);
    let future = Table::new(test.columns()[..2].to_vec()).unwrap().take(&[0, 1]);
    assert_eq!(numbers(&model, &future, 0.9).0, values[..2]);
}

#[test]
fn folds_do_not_cut_through_a_day() {
    let prepared = Prepared::new(&Spec { gap: 3, ..sales_spec() }, &sales(61), &Cancel::default()).unwrap();
    let Values::Times(days) = prepared.table.values("day").unwrap() else { panic!() };
    for fold in prepared.folds().unwrap() {
        let latest = fold.train.iter().map(|r| days[*r]).max().unwrap();
        assert!(fold.test.iter().all(|r| days[*r] > latest));
    }
}

/// No row's features may hold its own target or a later one.
#[test]
fn later_rows_change_no_earlier_features() {
    let all = sales(60);
    let mut changed = all.columns().to_vec();
    changed[2] = Column::numbers("y", (0..120).map(|i| if i < 80 { all.numbers("y").unwrap()[i] } else { 1e6 }).collect());
    let changed = Table::new(changed).unwrap();
    // Of each day and shop; rows of one day are in no order of their own.
    let features = |table: &Table, name: &str| {
        let table = Prepared::new(&sales_spec(), table, &Cancel::default()).unwrap().table;
        let (Values::Times(days), Values::Categories(shops)) =
            (table.values("day").unwrap(), table.values("shop").unwrap())
        else {
            panic!()
        };
        let of = |r: usize| ((days[r], shops.name(r).unwrap().to_owned()), table.numbers(name).unwrap()[r].to_bits());
        (0..table.rows()).map(of).collect::<BTreeMap<_, _>>()
    };
    for name in ["y lag 1", "y lag 7", "y mean of 7 before"] {
        let (a, b) = (features(&all, name), features(&changed, name));
        // The first changed rows are those of day 40: they still see what they saw. Those of the first 7 days have no lag and are left out.
        assert!(a.iter().take(68).eq(b.iter().take(68)), "{name}");
        assert!(!a.iter().eq(b.iter()), "{name}");
    }
}

#[test]
fn intervals_hold_the_share_of_rows_they_promise() {
    let (train, test) = halves(&table("y"));
    let known = test.numbers("y").unwrap();
    for algorithm in ["boosting", "linear", "forest"] {
        let model = trained(&Spec::new("y"), &train, algorithm);
        for level in [0.8, 0.95] {
            let (_, lower, upper) = numbers(&model, &test, level);
            let inside = (0..400).filter(|&r| lower[r] <= known[r] && known[r] <= upper[r]).count() as f64 / 400.0;
            assert!((inside - level).abs() < 0.05, "{algorithm} {level}: {inside}");
        }
    }
    let few = trained(&Spec::new("y"), &train.take(&[0, 1, 2]), "boosting");
    assert!(numbers(&few, &test, 0.9).1.iter().all(|v| v.is_nan()));
    assert_eq!((few.score(), few.rows()), (None, 3));
}

#[test]
fn unknown_categories_and_missing_columns_when_serving() {
    let (train, test) = halves(&table("y"));
    let model = trained(&Spec::new("y"), &train, "boosting");
    let mut columns = test.columns().to_vec();
    columns[4] = Column::texts("k", &vec![Some("never seen"); test.rows()]);
    columns.push(Column::numbers("more", vec![0.0; test.rows()]));
    let served = numbers(&model, &Table::new(columns.clone()).unwrap(), 0.9).0;
    columns[4] = Column::texts("k", &vec![None::<&str>; test.rows()]);
    assert_eq!(served, numbers(&model, &Table::new(columns.clone()).unwrap(), 0.9).0);
    columns.remove(1);
    let error = model.predict(&Table::new(columns).unwrap(), 0.9).unwrap_err();
    assert!(error.message().contains("no column b; there are a, c, d, k, y, more"), "{error}");
}

#[test]
fn columns_that_matter_are_found() {
    let (train, test) = halves(&table("y"));
    let columns =
        [train.columns().to_vec(), vec![Column::numbers("noise", (0..1000).map(|i| f64::from(i * 7919 % 1000)).collect())]];
    let model = trained(&Spec::new("y"), &Table::new(columns.concat()).unwrap(), "boosting");
    let shares = model.importance().unwrap();
    let share = |name: &str| shares.iter().find(|s| s.0 == name).unwrap().1;
    assert!(share("noise") < 0.05 && share("a") > 0.2 && share("b") > 0.1, "{shares:?}");
    let columns = [test.columns().to_vec(), vec![Column::numbers("noise", (0..400).map(f64::from).collect())]];
    let test = Table::new(columns.concat()).unwrap();
    let falls = model.permutation_importance(&test, Metric::Rmse, 2, &Context::default()).unwrap();
    let fall = |name: &str| falls.iter().find(|f| f.0 == name).unwrap().1;
    assert!(fall("a") > 0.5 && fall("noise").abs() < 0.1 && falls.len() == 6, "{falls:?}");
    assert!(falls.windows(2).all(|w| w[0].1 >= w[1].1));
    let (names, found) = model.explain(&test.take(&[0, 1, 2])).unwrap();
    let (values, ..) = numbers(&model, &test.take(&[0, 1, 2]), 0.9);
    assert_eq!(names, ["a", "b", "c", "d", "k", "noise"]);
    for (row, value) in values.iter().enumerate() {
        let sum: f64 = found.outputs[0].features.iter().map(|f| f[row]).sum();
        assert!((sum + found.outputs[0].base - value).abs() < 1e-9);
    }
}

/// A linear model sees a text as a column for each of its values, and a number with gaps as two.
#[test]
fn contributions_of_linear_models_are_those_of_columns() {
    let mut gaps: Vec<f64> = (0..120).map(|i| f64::from(i * 7 % 23)).collect();
    gaps[5] = f64::NAN;
    let colours: Vec<Option<&str>> = (0..120).map(|i| Some(["red", "green", "blue"][i % 3])).collect();
    let y = (0..120).map(|i| f64::from(i % 3) * 10.0 + f64::from(i * 7 % 23));
    let columns = vec![Column::numbers("a", gaps), Column::texts("c", &colours), Column::numbers("y", y.collect())];
    let all = Table::new(columns).unwrap();
    let model = trained(&Spec::new("y"), &all, "linear");
    let (names, found) = model.explain(&all).unwrap();
    assert_eq!(names, ["a", "c"]);
    let (values, ..) = numbers(&model, &all, 0.9);
    for (row, value) in values.iter().enumerate() {
        let output = &found.outputs[0];
        assert!((output.base + output.features[0][row] + output.features[1][row] - value).abs() < 1e-9, "{row}");
    }
}

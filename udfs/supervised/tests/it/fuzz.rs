//! Any bytes are a model or an error, and what is a model predicts without panic.

use std::sync::LazyLock;

use headwater_registry::Codec;
use headwater_supervised::data::{Table, Task};
use headwater_supervised::model::Algorithm;
use headwater_supervised::{Prepared, Spec, Trained};
use headwater_timeseries::Cancel;
use proptest::prelude::*;

use crate::samples::table;

const MEMORY: usize = 4 << 20;

/// A small model of each algorithm for numbers and for three classes, in bytes, with rows to ask.
static MODELS: LazyLock<Vec<(Vec<u8>, Table)>> = LazyLock::new(|| {
    let mut out = Vec::new();
    for (target, task) in [("y", Task::Regression), ("m", Task::Classification(3))] {
        let table = table(target).take(&(0..30).collect::<Vec<_>>());
        let prepared = Prepared::new(&Spec::new(target), &table, &Cancel::default()).unwrap();
        for name in Algorithm::NAMES {
            let mut algorithm = Algorithm::parse(name, task).unwrap();
            for (parameter, value) in [("rounds", 3.0), ("trees", 3.0), ("units", 4.0), ("epochs", 2.0), ("folds", 2.0)] {
                algorithm = algorithm.with(parameter, value).unwrap_or(algorithm);
            }
            if algorithm.fits(task) {
                let bytes = Trained::train(&prepared, &algorithm).unwrap().to_bytes();
                out.push((bytes, table.take(&[0, 1, 2])));
            }
        }
    }
    out
});

fn use_bytes(bytes: &[u8], rows: &Table) {
    if let Ok(model) = Trained::from_bytes(bytes, MEMORY) {
        let _ = model.predict(rows, 0.9);
        let _ = model.explain(rows);
        let _ = model.importance();
        let _ = model.evaluate(rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_a_model_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        use_bytes(&bytes, &MODELS[0].1);
    }

    #[test]
    fn changed_bytes_are_a_model_or_an_error(
        model in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (bytes, rows) = model.get(&MODELS);
        let mut bytes = bytes.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        use_bytes(&bytes, rows);
    }

    #[test]
    fn cut_bytes_are_an_error(model in any::<prop::sample::Index>(), end in any::<prop::sample::Index>()) {
        let (bytes, _) = model.get(&MODELS);
        prop_assert!(Trained::from_bytes(&bytes[..end.index(bytes.len())], MEMORY).is_err());
    }
}

//! From training to a registry and back.

use std::sync::Arc;

use headwater_registry::{Limits, MemoryStore, Mode, ModelName, Registry, Strategy};
use headwater_supervised::data::Task;
use headwater_supervised::model::Algorithm;
use headwater_supervised::{Prepared, Spec, Trained};
use headwater_timeseries::Cancel;

use crate::samples::{halves, table};

#[tokio::test]
async fn the_better_of_two_versions_is_deployed_and_predicts_as_when_it_was_trained() {
    let (train, test) = halves(&table("y"));
    let prepared = Prepared::new(&Spec::new("y"), &train.take(&(0..200).collect::<Vec<_>>()), &Cancel::default()).unwrap();
    let registry = Registry::new(Arc::new(MemoryStore::default()), Limits::default());
    let name = ModelName::new("public", "signal").unwrap();
    let mut trained = Vec::new();
    for algorithm in ["boosting", "linear"] {
        let model = Trained::train(&prepared, &Algorithm::parse(algorithm, Task::Regression).unwrap()).unwrap();
        let about = model.about(1, "SELECT * FROM signals");
        registry.publish(&name, Mode::CreateOrReplace, &model.to_artifact(), about).await.unwrap();
        trained.push(model);
    }
    assert!(trained[0].score() > trained[1].score());
    assert_eq!(registry.describe(&name).await.unwrap().default_version(), Some(2));
    assert_eq!(registry.deploy(&name, Strategy::BestScore).await.unwrap(), 1);
    let (version, artifact) = registry.load(&name, None).await.unwrap();
    let served = Trained::from_artifact(&artifact, 1 << 26).unwrap();
    assert_eq!(served.predict(&test, 0.9).unwrap(), trained[0].predict(&test, 0.9).unwrap());
    assert_eq!((version.about.rows, version.about.fingerprint.as_str()), (200, prepared.fingerprint.as_str()));
    assert_eq!(version.about.options[1].1, "boosting");
}

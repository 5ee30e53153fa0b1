//! Versions, the default and what happens when several change a model at once.

use std::sync::Arc;

use headwater_common::ErrorKind;
use headwater_registry::store::Store;
use headwater_registry::version::About;
use headwater_registry::{Artifact, Limits, MemoryStore, Mode, ModelName, Registry, Strategy};

fn artifact(text: &str) -> Artifact {
    Artifact { kind: "text/1".into(), payload: text.as_bytes().to_vec() }
}

fn about(score: Option<f64>) -> About {
    About { score, query: "select 1".into(), seed: 7, ..About::default() }
}

fn registry(versions_max: usize) -> (Arc<MemoryStore>, Registry, ModelName) {
    let store = Arc::new(MemoryStore::default());
    let registry = Registry::new(Arc::<MemoryStore>::clone(&store), Limits { versions_max, ..Limits::default() });
    (store, registry, ModelName::new("public", "sales").unwrap())
}

#[tokio::test]
async fn a_published_model_is_loaded_as_it_was() {
    let (_, registry, name) = registry(8);
    assert_eq!(registry.load(&name, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    registry.publish(&name, Mode::Create, &artifact("one"), about(Some(0.5))).await.unwrap();
    let (version, loaded) = registry.load(&name, None).await.unwrap();
    assert_eq!((version.number, loaded), (1, artifact("one")));
    assert_eq!(version.about, about(Some(0.5)));
    let again = registry.publish(&name, Mode::Create, &artifact("two"), about(None)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    assert_eq!(registry.list().await.unwrap(), std::slice::from_ref(&name));
}

/// What the error advises helps, and other models do not suffer.
#[tokio::test]
async fn a_damaged_list_of_versions_is_named_and_can_be_replaced_or_dropped() {
    let (store, registry, name) = registry(8);
    let other = ModelName::new("public", "other").unwrap();
    for name in [&name, &other] {
        registry.publish(name, Mode::Create, &artifact("1"), about(None)).await.unwrap();
    }
    let path = store.list("").await.unwrap().into_iter().find(|p| p.contains("sales") && p.ends_with("manifest")).unwrap();
    for damage in [Vec::new(), b"HWMODEL".to_vec(), vec![0xff; 200]] {
        store.put(&path, damage.clone()).await.unwrap();
        assert!(registry.describe(&name).await.unwrap_err().message().contains("model public.sales is damaged"));
        assert_eq!(registry.list().await.unwrap(), std::slice::from_ref(&other));
        assert!(registry.publish(&name, Mode::Create, &artifact("2"), about(None)).await.is_err());
        registry.publish(&name, Mode::CreateOrReplace, &artifact("2"), about(None)).await.unwrap();
        assert_eq!(registry.load(&name, None).await.unwrap().1, artifact("2"));
        store.put(&path, damage).await.unwrap();
        registry.drop_model(&name).await.unwrap();
        assert_eq!(registry.describe(&name).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn the_default_follows_replacements_choices_and_rollbacks() {
    let (_, registry, name) = registry(8);
    let missing = registry.publish(&name, Mode::AddVersion, &artifact("x"), about(None)).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    registry.publish(&name, Mode::Create, &artifact("1"), about(Some(0.9))).await.unwrap();
    assert!(registry.deploy(&name, Strategy::Rollback).await.is_err());
    registry.publish(&name, Mode::CreateOrReplace, &artifact("2"), about(Some(0.4))).await.unwrap();
    registry.publish(&name, Mode::AddVersion, &artifact("3"), about(Some(f64::NAN))).await.unwrap();
    assert_eq!(registry.describe(&name).await.unwrap().default_version(), Some(2));
    assert_eq!(registry.deploy(&name, Strategy::BestScore).await.unwrap(), 1);
    assert_eq!(registry.deploy(&name, Strategy::MostRecent).await.unwrap(), 3);
    assert_eq!(registry.deploy(&name, Strategy::Rollback).await.unwrap(), 1);
    assert_eq!(registry.deploy(&name, Strategy::Rollback).await.unwrap(), 2);
    registry.set_default(&name, 3).await.unwrap();
    assert_eq!(registry.load(&name, None).await.unwrap().1, artifact("3"));
    assert_eq!(registry.load(&name, Some(1)).await.unwrap().1, artifact("1"));
    assert_eq!(registry.set_default(&name, 9).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn one_version_goes_unless_it_is_the_default_of_others() {
    let (store, registry, name) = registry(8);
    for text in ["1", "2", "3"] {
        registry.publish(&name, Mode::CreateOrReplace, &artifact(text), about(None)).await.unwrap();
    }
    assert!(registry.drop_version(&name, 3).await.unwrap_err().message().contains("is the default"));
    assert_eq!(registry.drop_version(&name, 9).await.unwrap_err().kind(), ErrorKind::NotFound);
    registry.drop_version(&name, 2).await.unwrap();
    assert_eq!(store.list("models/").await.unwrap().len(), 3);
    // What the default was before is gone, the one before that is not.
    assert_eq!(registry.deploy(&name, Strategy::Rollback).await.unwrap(), 1);
    registry.drop_version(&name, 3).await.unwrap();
    registry.drop_version(&name, 1).await.unwrap();
    assert_eq!(registry.describe(&name).await.unwrap_err().kind(), ErrorKind::NotFound);
    let next = registry.publish(&name, Mode::Create, &artifact("4"), about(None)).await.unwrap();
    assert_eq!(next.number, 4);
}

#[tokio::test]
async fn models_that_may_not_be_changed_are_read() {
    let (store, registry, name) = registry(8);
    registry.publish(&name, Mode::Create, &artifact("1"), about(None)).await.unwrap();
    let read = Registry::new(store, Limits { changes: false, ..Limits::default() });
    assert_eq!(read.load(&name, None).await.unwrap().1, artifact("1"));
    let again = read.publish(&name, Mode::CreateOrReplace, &artifact("2"), about(None)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::PermissionDenied);
    assert_eq!(read.drop_model(&name).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn old_versions_go_but_never_the_default_and_numbers_are_not_used_again() {
    let (store, registry, name) = registry(3);
    registry.publish(&name, Mode::Create, &artifact("0"), about(None)).await.unwrap();
    for text in ["1", "2", "3", "4"] {
        registry.publish(&name, Mode::AddVersion, &artifact(text), about(None)).await.unwrap();
    }
    let manifest = registry.describe(&name).await.unwrap();
    assert_eq!(manifest.versions().iter().map(|v| v.number).collect::<Vec<_>>(), [1, 4, 5]);
    assert_eq!(store.list("models/").await.unwrap().len(), 4);
    registry.drop_model(&name).await.unwrap();
    assert_eq!(registry.load(&name, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(registry.list().await.unwrap().is_empty());
    assert_eq!(registry.drop_model(&name).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(registry.publish(&name, Mode::Create, &artifact("5"), about(None)).await.unwrap().number, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replacements_at_the_same_time_all_become_versions() {
    let (store, registry, name) = registry(64);
    // Half of them publish the same bytes, which a lost race must not delete.
    let tasks: Vec<_> = (0..24)
        .map(|i| {
            let (registry, name) = (registry.clone(), name.clone());
            let text = if i % 2 == 0 { "same".to_owned() } else { i.to_string() };
            tokio::spawn(async move {
                registry.publish(&name, Mode::CreateOrReplace, &artifact(&text), about(None)).await.unwrap().number
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<u64>>());
    for number in numbers {
        assert_eq!(registry.load(&name, Some(number)).await.unwrap().0.number, number);
    }
    assert_eq!(registry.describe(&name).await.unwrap().default_version(), Some(24));
    assert_eq!(store.list("models/").await.unwrap().len(), 25);
}

#[tokio::test]
async fn changed_and_missing_files_are_refused() {
    let (store, registry, name) = registry(8);
    registry.publish(&name, Mode::Create, &artifact("one"), about(None)).await.unwrap();
    let path = store.list("models/").await.unwrap().into_iter().find(|p| !p.ends_with("manifest")).unwrap();
    let other = artifact("other").seal(1 << 20).unwrap();
    store.put(&path, other).await.unwrap();
    assert!(registry.load(&name, None).await.unwrap_err().message().contains("was changed"));
    store.delete(&path).await.unwrap();
    assert!(registry.load(&name, None).await.unwrap_err().message().contains("is gone"));
    store.put("models/public/sales/manifest", b"nonsense".repeat(9)).await.unwrap();
    assert!(registry.load(&name, None).await.unwrap_err().message().contains("model public.sales is damaged"));
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_stored() {
    let store = Arc::new(MemoryStore::default());
    let limits = Limits { artifact_max_bytes: 200, versions_max: 2, ..Limits::default() };
    let registry = Registry::new(Arc::<MemoryStore>::clone(&store), limits);
    let name = ModelName::new("s", "m").unwrap();
    assert!(registry.publish(&name, Mode::Create, &artifact(&"x".repeat(200)), about(None)).await.is_err());
    let long = About { query: "x".repeat(70_000), ..About::default() };
    assert!(registry.publish(&name, Mode::Create, &artifact("x"), long).await.is_err());
    assert!(store.list("").await.unwrap().is_empty());
}

//! Every store keeps what the registry builds on.
#![allow(clippy::disallowed_methods, reason = "tokio::test starts a runtime")]

use headwater_common::config::ModelsConfig;
use headwater_registry::{About, Artifact, Limits, Mode, ModelName, Registry};
use object_store::memory::InMemory;

use super::*;

fn stores(folder: &FilePath) -> Vec<Arc<dyn Store>> {
    vec![
        Arc::new(FolderStore::new(folder).unwrap()),
        Arc::new(ObjectModels::new(Arc::new(InMemory::new()), Path::from("a/b"))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_swapped_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    for store in stores(folder.path()) {
        assert!(store.get("models/x%2fy/m/manifest", 10).await.unwrap().is_none());
        let path = "models/x%2fy/m/manifest";
        assert_eq!(store.compare_and_swap(path, None, vec![1]).await.unwrap(), Swap::Done);
        assert_eq!(store.compare_and_swap(path, None, vec![2]).await.unwrap(), Swap::Conflict);
        let first = store.get(path, 10).await.unwrap().unwrap();
        assert_eq!(first.bytes, [1]);
        assert_eq!(store.compare_and_swap(path, Some(&first.tag), vec![3]).await.unwrap(), Swap::Done);
        assert_eq!(store.compare_and_swap(path, Some(&first.tag), vec![4]).await.unwrap(), Swap::Conflict);
        assert_eq!(store.get(path, 10).await.unwrap().unwrap().bytes, [3]);
        store.put("models/a/m/1", vec![0; 20]).await.unwrap();
        assert!(store.get("models/a/m/1", 19).await.unwrap_err().message().contains("20 bytes"));
        assert_eq!(store.list("models/").await.unwrap(), ["models/a/m/1", path]);
        store.delete("models/a/m/1").await.unwrap();
        store.delete("models/a/m/1").await.unwrap();
        assert_eq!(store.list("models/").await.unwrap(), [path]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_at_once_every_one_gets_a_version_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for store in stores(folder.path()) {
        let name = ModelName::new("public", "m").unwrap();
        let mut writers = Vec::new();
        for writer in 0..12_u8 {
            let (registry, name) = (Registry::new(Arc::clone(&store), Limits::default()), name.clone());
            writers.push(tokio::spawn(async move {
                let artifact = Artifact { kind: "text/1".into(), payload: vec![writer] };
                registry.publish(&name, Mode::CreateOrReplace, &artifact, About::default()).await.unwrap().number
            }));
        }
        let mut numbers = Vec::new();
        for writer in writers {
            numbers.push(writer.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
        let registry = Registry::new(store, Limits::default());
        for number in numbers {
            registry.load(&name, Some(number)).await.unwrap();
        }
    }
}

#[test]
fn locations_are_folders_and_urls_and_nothing_else() {
    let of = |location: &str| {
        let keys = ["aws_access_key_id", "aws_secret_access_key"];
        let options = keys.map(|key| (key.to_owned(), headwater_common::Secret::new("hunter2"))).to_vec();
        let config = ModelsConfig { location: Some(location.to_owned()), options, ..ModelsConfig::default() };
        super::super::registry(&config).map(drop)
    };
    let folder = tempfile::tempdir().unwrap();
    of(folder.path().join("a/b").to_str().unwrap()).unwrap();
    of(&format!("file://{}/c", folder.path().display())).unwrap();
    of("s3://bucket/models").unwrap();
    for wrong in ["http://x/y", "ftp://x", "s3://"] {
        let error = of(wrong).unwrap_err();
        assert!(error.message().starts_with("models.location: ") && !error.message().contains("hunter2"), "{error}");
    }
}

//! Files of models in an object store or a folder.

use std::fmt;
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt;
use headwater_common::{Error, Result};
use headwater_registry::Store;
use headwater_registry::artifact::digest;
use headwater_registry::store::{Object, Swap, Tag};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

/// Who failed, in errors.
const ORIGIN: &str = "models";
/// File that is locked while a manifest of a folder is compared and changed.
const LOCK: &str = ".models.lock";

/// Files below a prefix of a store that can compare and write in one step.
pub(super) struct ObjectModels {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl fmt::Debug for ObjectModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectModels").field("store", &self.store.to_string()).finish_non_exhaustive()
    }
}

impl ObjectModels {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix }
    }

    fn path(&self, path: &str) -> Result<Path> {
        let whole = if self.prefix.as_ref().is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) };
        Path::parse(whole).map_err(|_| Error::internal("the path of a model is none of an object store"))
    }

    /// The bytes of a file and what the store calls their version.
    async fn read(&self, path: &str, bytes_max: usize) -> Result<Option<(Vec<u8>, UpdateVersion)>> {
        let got = match self.store.get(&self.path(path)?).await {
            Ok(got) => got,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        if got.meta.size > bytes_max as u64 {
            return Err(Error::invalid(format!("a stored file has {} bytes, more than {bytes_max}", got.meta.size)));
        }
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        let bytes = got.bytes().await.map_err(failed)?;
        Ok(Some((bytes.to_vec(), version)))
    }

    async fn write(&self, path: &str, bytes: Vec<u8>, mode: PutMode) -> Result<Swap> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.store.put_opts(&self.path(path)?, PutPayload::from(bytes), options).await {
            Ok(_) => Ok(Swap::Done),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(Swap::Conflict),
            Err(e) => Err(failed(e)),
        }
    }

    async fn paths(&self, prefix: &str) -> Result<Vec<String>> {
        let folder = self.path(prefix.trim_end_matches('/'))?;
        let found: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(failed)?;
        let skip = if self.prefix.as_ref().is_empty() { 0 } else { self.prefix.as_ref().len() + 1 };
        let mut paths: Vec<String> =
            found.iter().filter_map(|meta| meta.location.as_ref().get(skip..).map(str::to_owned)).collect();
        paths.retain(|path| path.starts_with(prefix));
        paths.sort();
        Ok(paths)
    }

    async fn remove(&self, path: &str) -> Result<()> {
        match self.store.delete(&self.path(path)?).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(e) => Err(failed(e)),
        }
    }
}

#[async_trait]
impl Store for ObjectModels {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Object>> {
        let Some((bytes, version)) = self.read(path, bytes_max).await? else { return Ok(None) };
        Ok(Some(Object { bytes, tag: tag_of(&version) }))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.write(path, bytes, PutMode::Overwrite).await.map(drop)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.paths(prefix).await
    }

    async fn compare_and_swap(&self, path: &str, expected: Option<&Tag>, bytes: Vec<u8>) -> Result<Swap> {
        let mode = match expected {
            None => PutMode::Create,
            Some(tag) => PutMode::Update(version_of(tag)?),
        };
        self.write(path, bytes, mode).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.remove(path).await
    }
}

/// An ETag and a version in one text.
fn tag_of(version: &UpdateVersion) -> Tag {
    let part = |text: &Option<String>| text.as_ref().map_or_else(String::new, |t| format!("={t}"));
    Tag(format!("{}\n{}", part(&version.e_tag), part(&version.version)))
}

fn version_of(tag: &Tag) -> Result<UpdateVersion> {
    let (e_tag, version) = tag.0.split_once('\n').unwrap_or((&tag.0, ""));
    let part = |text: &str| text.strip_prefix('=').map(str::to_owned);
    let found = UpdateVersion { e_tag: part(e_tag), version: part(version) };
    match (&found.e_tag, &found.version) {
        (None, None) => Err(Error::unsupported("the store at models.location has no conditional writes")),
        _ => Ok(found),
    }
}

/// Files in a folder. Changes of a manifest hold a lock, in this process and between processes of one machine.
#[derive(Debug)]
pub(super) struct FolderStore {
    files: ObjectModels,
    lock: PathBuf,
}

impl FolderStore {
    /// The folder, which is made. Errors: it cannot be.
    pub(super) fn new(folder: &FilePath) -> Result<Self> {
        let wrong =
            |e: &dyn fmt::Display| Error::configuration(format!("cannot use models.location {}: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(|e| wrong(&e))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|e| wrong(&e))?;
        let files = ObjectModels::new(Arc::new(store), Path::default());
        Ok(Self { files, lock: folder.join(LOCK) })
    }

    /// Waits for the lock of the folder; it is free again when the file is dropped.
    async fn locked(&self) -> Result<File> {
        let path = self.lock.clone();
        let lock = move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        };
        let locked = tokio::task::spawn_blocking(lock).await.map_err(|e| Error::internal(e.to_string()))?;
        locked.map_err(|e| Error::unavailable(ORIGIN, format!("cannot lock the folder of the models: {e}")))
    }
}

#[async_trait]
impl Store for FolderStore {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Object>> {
        let Some((bytes, _)) = self.files.read(path, bytes_max).await? else { return Ok(None) };
        // The time of a file is too coarse to tell two contents apart.
        let tag = Tag(digest(&bytes));
        Ok(Some(Object { bytes, tag }))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        Store::put(&self.files, path, bytes).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.files.paths(prefix).await
    }

    async fn compare_and_swap(&self, path: &str, expected: Option<&Tag>, bytes: Vec<u8>) -> Result<Swap> {
        let lock = self.locked().await?;
        let found = self.get(path, usize::MAX).await?.map(|object| object.tag);
        if found.as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        let written = self.files.write(path, bytes, PutMode::Overwrite).await;
        drop(lock);
        written
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.files.remove(path).await
    }
}

fn failed(error: StoreError) -> Error {
    Error::unavailable(ORIGIN, format!("the store of the models failed: {error}")).retryable(true)
}

#[cfg(test)]
mod tests;

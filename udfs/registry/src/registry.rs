//! Publishing, finding, choosing and dropping versions of models.

use std::sync::Arc;

use headwater_common::{Error, Result};

use crate::artifact::{ARTIFACT_MAX_BYTES, Artifact, digest};
use crate::manifest::{MANIFEST_MAX_BYTES, Manifest, Strategy};
use crate::name::{MANIFEST, ModelName, ROOT};
use crate::store::{Store, Swap, Tag};
use crate::version::{About, Version};

/// How often a change is tried again when others change the same model.
const ATTEMPTS_MAX: usize = 64;

/// What a registry may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest file of a model.
    pub artifact_max_bytes: usize,
    /// Versions that are kept of a model; older ones go, the default stays.
    pub versions_max: usize,
    /// Whether models may be made, changed and dropped.
    pub changes: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { artifact_max_bytes: ARTIFACT_MAX_BYTES, versions_max: 32, changes: true }
    }
}

/// What publishing does with a model that exists, and with the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The model must be new; its first version is the default.
    Create,
    /// A new version, which becomes the default.
    CreateOrReplace,
    /// A new version of a model that exists; the default stays.
    AddVersion,
}

/// Models in a store.
///
/// Each model has immutable files of its versions and one manifest that is swapped atomically: readers see all of a change
/// or nothing of it, and of two writers at the same time one is first and the other comes after it.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    limits: Limits,
}

impl Registry {
    /// The models of a store.
    pub fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits }
    }

    /// Stores a new version. Errors: the model exists (`Create`) or does not (`AddVersion`), something is too large, the
    /// store failed, or others changed the model again and again.
    pub async fn publish(&self, name: &ModelName, mode: Mode, artifact: &Artifact, about: About) -> Result<Version> {
        about.check()?;
        self.check_changes()?;
        let bytes = artifact.seal(self.limits.artifact_max_bytes)?;
        let digest = digest(&bytes);
        let mut orphan: Option<String> = None;
        for _ in 0..ATTEMPTS_MAX {
            let (manifest, tag) = self.stored(name).await?;
            // A damaged list of versions is begun anew, so that what its error advises helps.
            let mut manifest = if mode == Mode::CreateOrReplace { manifest.unwrap_or_default() } else { manifest? };
            self.remove_orphan(name, orphan.take(), &manifest).await?;
            admit(name, mode, &manifest)?;
            let number = manifest.next.max(1);
            let path = name.artifact(number, &digest);
            self.store.put(&path, bytes.clone()).await?;
            let version = Version {
                number,
                kind: artifact.kind.clone(),
                digest: digest.clone(),
                bytes: bytes.len() as u64,
                about: about.clone(),
            };
            manifest.next = number + 1;
            manifest.versions.push(version.clone());
            if mode != Mode::AddVersion {
                manifest.set_default(number)?;
            }
            let gone = manifest.prune(self.limits.versions_max);
            if self.store.compare_and_swap(&name.manifest(), tag.as_ref(), manifest.seal()?).await? == Swap::Done {
                self.remove(name, &gone).await;
                return Ok(version);
            }
            orphan = Some(path);
        }
        let (manifest, _) = self.read(name).await?;
        self.remove_orphan(name, orphan, &manifest).await?;
        Err(busy(name))
    }

    /// Versions of a model. Errors: there is no such model.
    pub async fn describe(&self, name: &ModelName) -> Result<Manifest> {
        let (manifest, _) = self.read(name).await?;
        if manifest.versions.is_empty() {
            return Err(Error::not_found(format!("model {name} does not exist")));
        }
        Ok(manifest)
    }

    /// All models in order of their paths, less those whose list of versions is damaged: they say so when they are used.
    pub async fn list(&self) -> Result<Vec<ModelName>> {
        let mut names = Vec::new();
        for path in self.store.list(ROOT).await? {
            let Some(name) = path.ends_with(MANIFEST).then(|| ModelName::of_manifest(&path)).flatten() else { continue };
            if self.stored(&name).await?.0.is_ok_and(|manifest| !manifest.versions.is_empty()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// A version by number, or the default. Errors: there is none, or its file is not the one that was published.
    pub async fn load(&self, name: &ModelName, number: Option<u64>) -> Result<(Version, Artifact)> {
        let manifest = self.describe(name).await?;
        let version = manifest.version(number)?.clone();
        let path = name.artifact(version.number, &version.digest);
        let Some(object) = self.store.get(&path, self.limits.artifact_max_bytes).await? else {
            // A version can be pruned between the two readings; then its number is not in the manifest any more.
            self.describe(name).await?.version(Some(version.number))?;
            return Err(Error::not_found(format!("the file of model {name}, version {}, is gone", version.number)));
        };
        if digest(&object.bytes) != version.digest {
            return Err(Error::invalid(format!("the file of model {name}, version {}, was changed", version.number)));
        }
        Ok((version, Artifact::open(&object.bytes, self.limits.artifact_max_bytes)?))
    }

    /// Makes a version the default. Errors: there is no such model or version.
    pub async fn set_default(&self, name: &ModelName, number: u64) -> Result<()> {
        self.change(name, |manifest| manifest.set_default(number)).await
    }

    /// Chooses the default by a strategy and says which it is. Errors: no such model, or nothing to choose from.
    pub async fn deploy(&self, name: &ModelName, strategy: Strategy) -> Result<u64> {
        self.change(name, |manifest| manifest.deploy(strategy)).await
    }

    /// Removes a model with all its versions; of one whose list of versions is damaged, that list. Errors: there is no such
    /// model.
    pub async fn drop_model(&self, name: &ModelName) -> Result<()> {
        self.check_changes()?;
        if let (Err(_), tag) = self.stored(name).await? {
            let empty = Manifest::default().seal()?;
            return match self.store.compare_and_swap(&name.manifest(), tag.as_ref(), empty).await? {
                Swap::Done => Ok(()),
                _ => Err(busy(name)),
            };
        }
        let gone = self
            .change(name, |manifest| {
                let gone = std::mem::take(&mut manifest.versions);
                (manifest.default, manifest.history) = (None, Vec::new());
                Ok(gone)
            })
            .await?;
        self.remove(name, &gone).await;
        Ok(())
    }

    /// Removes one version. Errors: there is no such model or version, or it is the default of a model with others.
    pub async fn drop_version(&self, name: &ModelName, number: u64) -> Result<()> {
        let gone = self.change(name, |manifest| manifest.remove(number)).await?;
        self.remove(name, &[gone]).await;
        Ok(())
    }

    /// Errors: models may not be changed here.
    pub fn check_changes(&self) -> Result<()> {
        match self.limits.changes {
            true => Ok(()),
            false => Err(Error::denied("making, changing and dropping models is switched off by models.allow_changes")),
        }
    }

    async fn read(&self, name: &ModelName) -> Result<(Manifest, Option<Tag>)> {
        let (manifest, tag) = self.stored(name).await?;
        Ok((manifest?, tag))
    }

    /// The versions that are stored, or why they cannot be read. Errors: those of the store.
    async fn stored(&self, name: &ModelName) -> Result<(Result<Manifest>, Option<Tag>)> {
        let Some(object) = self.store.get(&name.manifest(), MANIFEST_MAX_BYTES).await? else {
            return Ok((Ok(Manifest::default()), None));
        };
        let manifest = Manifest::open(&object.bytes).map_err(|_| {
            Error::invalid(format!(
                "the list of versions of model {name} is damaged; CREATE OR REPLACE MODEL makes a new one, DROP MODEL removes it"
            ))
        });
        Ok((manifest, Some(object.tag)))
    }

    /// Changes the manifest of a model that exists, again and again until nobody else changed it in between.
    async fn change<T>(&self, name: &ModelName, change: impl Fn(&mut Manifest) -> Result<T>) -> Result<T> {
        self.check_changes()?;
        for _ in 0..ATTEMPTS_MAX {
            let (mut manifest, tag) = self.read(name).await?;
            if manifest.versions.is_empty() {
                return Err(Error::not_found(format!("model {name} does not exist")));
            }
            let result = change(&mut manifest)?;
            if self.store.compare_and_swap(&name.manifest(), tag.as_ref(), manifest.seal()?).await? == Swap::Done {
                return Ok(result);
            }
        }
        Err(busy(name))
    }

    /// Removes files that no manifest names any more. One that cannot be removed takes space and does no other harm: what
    /// the caller asked for is done already.
    async fn remove(&self, name: &ModelName, gone: &[Version]) {
        for version in gone {
            let _ = self.store.delete(&name.artifact(version.number, &version.digest)).await;
        }
    }

    /// Removes the file of a lost race, unless the winner published the same bytes.
    async fn remove_orphan(&self, name: &ModelName, orphan: Option<String>, manifest: &Manifest) -> Result<()> {
        let Some(path) = orphan else { return Ok(()) };
        if manifest.versions.iter().any(|v| name.artifact(v.number, &v.digest) == path) {
            return Ok(());
        }
        self.store.delete(&path).await
    }
}

fn admit(name: &ModelName, mode: Mode, manifest: &Manifest) -> Result<()> {
    match (mode, manifest.versions.is_empty()) {
        (Mode::Create, false) => Err(Error::already_exists(format!("model {name} exists; use CREATE OR REPLACE MODEL"))),
        (Mode::AddVersion, true) => Err(Error::not_found(format!("model {name} does not exist"))),
        _ => Ok(()),
    }
}

fn busy(name: &ModelName) -> Error {
    Error::unavailable("models", format!("model {name} is being changed by others")).retryable(true)
}

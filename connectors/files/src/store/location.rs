//! The root of a source: a folder or an object store, and the files beneath it.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use headwater_common::config::Options;
use headwater_common::{Error, Result};
use headwater_source::ConnectContext;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use super::local::{Entries, LocalStore};
use super::remote;
use crate::error::store_error;

/// Requests for the descriptions of named files at the same time.
const HEADS: usize = 16;
/// Most files of a listing.
const OBJECTS_MAX: usize = 1_000_000;

/// Where the files are.
#[derive(Debug)]
pub(crate) struct Location {
    /// The root without credentials.
    pub(crate) shown: String,
    /// Last part of the root, for a root that is one table.
    pub(crate) name: String,
    kind: Kind,
    named: Option<Vec<Path>>,
}

#[derive(Debug)]
enum Kind {
    /// The folder, and for a source made by a statement the folders that it must be beneath.
    Folder(PathBuf, Option<Arc<Vec<PathBuf>>>),
    Store(Arc<dyn ObjectStore>),
}

impl Location {
    /// The root that the options name, checked against what a source made by a statement may reach.
    pub(crate) fn new(options: &Options, context: &ConnectContext) -> Result<Self> {
        let root = options.get("root").filter(|r| !r.is_empty());
        let root = root.ok_or_else(|| Error::configuration("option \"root\" is missing: the folder or URL"))?;
        if root.contains('\0') {
            return Err(Error::configuration("option \"root\" holds a NUL character"));
        }
        let named = options.get("files").map(named).transpose()?;
        let name = root.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let (kind, shown) = match folder(root)? {
            Some(folder) => {
                let allowed = context.runtime_roots.as_ref().map(|roots| Arc::new(roots.clone()));
                check_folder(&folder, allowed.as_deref())?;
                let shown = folder.display().to_string();
                (Kind::Folder(folder, allowed), shown)
            }
            None => {
                let (url, options) = remote_url(root, options)?;
                let allowed = context.runtime_roots.as_ref().map(|_| Arc::new(context.runtime_hosts.clone()));
                let store = remote::store(&url, &options, allowed)?;
                (Kind::Store(store), root.to_owned())
            }
        };
        Ok(Self { shown, name, kind, named })
    }

    /// The store, and a listing of what is beneath `under`; hidden names are left out.
    pub(crate) async fn list(&self, source: &str, under: Option<&str>) -> Result<(Arc<dyn ObjectStore>, Entries)> {
        match &self.kind {
            Kind::Folder(folder, allowed) => {
                // The folder itself may have become a link since.
                check_folder(folder, allowed.as_deref())?;
                let (folder, under) = (folder.clone(), under.unwrap_or_default().to_owned());
                let shown = self.shown.clone();
                let read = tokio::task::spawn_blocking(move || {
                    let store = LocalStore::open(&folder)?;
                    let entries = store.entries(&under, &|name| !is_hidden(name));
                    entries.map(|entries| (Arc::new(store) as Arc<dyn ObjectStore>, entries))
                });
                let read = read.await.map_err(|e| Error::internal(format!("listing: {e}")))?;
                let (store, mut entries) = read.map_err(|e| match e.kind() {
                    std::io::ErrorKind::NotFound => {
                        Error::not_found(format!("cannot read {shown}: {e}")).from_source(source)
                    }
                    _ => Error::unavailable(source, format!("cannot read {shown}: {e}")).retryable(false),
                })?;
                if let Some(named) = &self.named {
                    entries.files.retain(|f| named.contains(&f.location));
                    entries.refused.retain(|(path, _)| named.iter().any(|n| n.as_ref() == path));
                }
                Ok((store, entries))
            }
            Kind::Store(store) => {
                let files = match &self.named {
                    Some(named) => heads(store, named, under).await,
                    None => listing(store, under).await,
                };
                let files = files.map_err(|e| store_error(source, &format!("cannot list {}", self.shown), &e))?;
                Ok((Arc::clone(store), Entries { files, refused: Vec::new() }))
            }
        }
    }
}

/// Names that are no data: hidden, temporary, checksums, marks of finished jobs.
pub(crate) fn is_hidden(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.starts_with(['.', '_']) || [".crc", ".tmp", ".inprogress", ".partial"].iter().any(|end| lower.ends_with(end))
}

/// Whether a path can be a file of data rather than a folder.
fn is_data_file(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.contains('.'))
}

fn named(text: &str) -> Result<Vec<Path>> {
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    let parsed = parts.map(|part| Path::parse(part).map_err(|_| ()));
    let wrong = || Error::configuration("option \"files\" must hold paths below the root, without .. and empty parts");
    parsed.collect::<Result<Vec<_>, ()>>().map_err(|()| wrong())
}

/// The folder that a root names, when it is one.
fn folder(root: &str) -> Result<Option<PathBuf>> {
    if !root.contains("://") {
        return Ok(Some(PathBuf::from(root)));
    }
    if !root.to_ascii_lowercase().starts_with("file:") {
        return Ok(None);
    }
    let path = root.parse::<Url>().ok().and_then(|url| url.to_file_path().ok());
    path.map(Some).ok_or_else(|| Error::configuration("option \"root\": a file URL is file:///absolute/path"))
}

fn check_folder(folder: &FsPath, allowed: Option<&Vec<PathBuf>>) -> Result<()> {
    let Some(allowed) = allowed else { return Ok(()) };
    let denied = || {
        Error::denied(format!(
            "the folder {} is not below one of engine.file_roots; a source in the configuration file may name any folder",
            folder.display()
        ))
    };
    // What does not exist is refused in the same words, so that nobody can find out which paths exist.
    let real = folder.canonicalize().map_err(|_| denied())?;
    let inside = allowed.iter().filter_map(|a| a.canonicalize().ok()).any(|a| real.starts_with(a));
    if inside { Ok(()) } else { Err(denied()) }
}

/// The URL with the container as host, and the options with the account that an abfss:// URL names.
fn remote_url(root: &str, options: &Options) -> Result<(Url, Options)> {
    let wrong = || Error::configuration("option \"root\" is not a folder or URL");
    let mut url: Url = root.parse().map_err(|_| wrong())?;
    let mut options = options.clone();
    if matches!(url.scheme(), "abfs" | "abfss") && !url.username().is_empty() {
        let container = url.username().to_owned();
        let host = url.host_str().unwrap_or_default().to_owned();
        let account = host.split('.').next().unwrap_or_default();
        if options.get("account_name").is_some_and(|a| a != account) {
            return Err(Error::configuration("option \"account_name\" is not the account of the URL"));
        }
        options.set("account_name", account);
        url.set_username("").and_then(|()| url.set_host(Some(&container)).map_err(|_| ())).map_err(|()| wrong())?;
    }
    Ok((url, options))
}

async fn listing(store: &Arc<dyn ObjectStore>, under: Option<&str>) -> object_store::Result<Vec<ObjectMeta>> {
    let prefix = under.map(Path::parse).transpose()?;
    if let Some(file) = prefix.as_ref().filter(|p| is_data_file(p)) {
        match store.head(file).await {
            Err(object_store::Error::NotFound { .. }) => {}
            // Some stores answer with the path below their own root.
            found => return found.map(|meta| vec![ObjectMeta { location: file.clone(), ..meta }]),
        }
    }
    let visible = |meta: &ObjectMeta| {
        let hidden = meta.location.as_ref().split('/').any(is_hidden);
        // Some stores keep an empty object for a folder.
        let folder = meta.size == 0 && meta.location.as_ref().ends_with('/');
        !(hidden || folder || meta.location.as_ref().is_empty())
    };
    let mut files = Vec::new();
    let mut found = store.list(prefix.as_ref());
    while let Some(meta) = found.try_next().await? {
        if files.len() >= OBJECTS_MAX {
            let source = "there are more than a million files; name a longer prefix".into();
            return Err(object_store::Error::Generic { store: "files", source });
        }
        if visible(&meta) {
            files.push(meta);
        }
    }
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

async fn heads(store: &Arc<dyn ObjectStore>, named: &[Path], under: Option<&str>) -> object_store::Result<Vec<ObjectMeta>> {
    let inside = |path: &&Path| under.is_none_or(|u| path.as_ref() == u || path.as_ref().starts_with(&format!("{u}/")));
    let wanted: Vec<Path> = named.iter().filter(inside).cloned().collect();
    let reads = wanted.into_iter().map(|path| async move {
        let meta = store.head(&path).await?;
        Ok::<_, object_store::Error>(ObjectMeta { location: path, ..meta })
    });
    let mut files: Vec<ObjectMeta> = futures::stream::iter(reads).buffered(HEADS).try_collect().await?;
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

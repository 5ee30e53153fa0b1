//! A folder as an object store that only reads, and only beneath the folder.
//!
//! A file is opened component by component without following links, from a handle of the folder. A link is first resolved to
//! a real path; when that path is beneath the folder it is opened in the same way, so a link that is swapped in between is
//! refused. Only regular files are opened.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Component, Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// Bytes read at once.
const CHUNK: u64 = 1 << 20;
/// Deepest folder below the root.
const DEPTH_MAX: usize = 32;
/// Most entries of a listing.
const ENTRIES_MAX: usize = 1_000_000;

/// What a listing of a folder found.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) files: Vec<ObjectMeta>,
    /// Paths that are not read, with the reason.
    pub(crate) refused: Vec<(String, String)>,
}

/// The folder.
#[derive(Debug)]
pub(crate) struct LocalStore {
    root: PathBuf,
    handle: OwnedFd,
}

impl fmt::Display for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

impl LocalStore {
    /// The folder at `root`, which must exist.
    pub(crate) fn open(root: &FsPath) -> std::io::Result<Self> {
        let root = root.canonicalize()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(&root, flags, Mode::empty())?;
        Ok(Self { root, handle })
    }

    /// Every file beneath `under`; blocks.
    pub(crate) fn entries(&self, under: &str, keep: &dyn Fn(&str) -> bool) -> std::io::Result<Entries> {
        let mut found = Entries::default();
        let path = self.root.join(under);
        let Some(metadata) = self.look(&path)? else {
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it leads out of the folder"));
        };
        if let (true, Ok(location)) = (metadata.is_file(), Path::parse(under)) {
            found.files.push(meta(location, &metadata));
            return Ok(found);
        }
        self.walk(&self.root.join(under), under, 0, keep, &mut found)?;
        found.files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(found)
    }

    fn walk(
        &self,
        folder: &FsPath,
        relative: &str,
        depth: usize,
        keep: &dyn Fn(&str) -> bool,
        found: &mut Entries,
    ) -> std::io::Result<()> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(e),
            Err(e) => {
                found.refused.push((relative.to_owned(), format!("the folder cannot be read: {e}")));
                return Ok(());
            }
        };
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if !keep(&name) {
                continue;
            }
            let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            if found.files.len() >= ENTRIES_MAX || depth >= DEPTH_MAX {
                return Err(std::io::Error::other("the folder holds too many files or too deep folders"));
            }
            match self.look(&entry.path()) {
                Ok(Some(metadata)) if metadata.is_dir() => self.walk(&entry.path(), &path, depth + 1, keep, found)?,
                Ok(Some(metadata)) if metadata.is_file() => match Path::parse(&path) {
                    Ok(location) => found.files.push(meta(location, &metadata)),
                    Err(_) => found.refused.push((path, "its name has characters that are not supported".to_owned())),
                },
                Ok(Some(_)) => found.refused.push((path, "it is not a regular file".to_owned())),
                Ok(None) => {
                    let reason = format!("it leads out of {}; move the file into the folder", self.root.display());
                    found.refused.push((path, reason));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => found.refused.push((path, e.to_string())),
            }
        }
        Ok(())
    }

    /// What is at a path; `None` when it leads out of the folder.
    fn look(&self, path: &FsPath) -> std::io::Result<Option<std::fs::Metadata>> {
        let metadata = std::fs::symlink_metadata(path)?;
        if !metadata.is_symlink() {
            return Ok(Some(metadata));
        }
        let real = path.canonicalize()?;
        if real.starts_with(&self.root) { std::fs::symlink_metadata(&real).map(Some) } else { Ok(None) }
    }

    /// Opens a regular file beneath the folder; blocks.
    fn open_file(&self, location: &Path) -> Result<(File, ObjectMeta)> {
        let path = self.root.join(location.as_ref());
        let failed = |e: std::io::Error| io_error(location, e);
        let real = path.canonicalize().map_err(failed)?;
        let Ok(relative) = real.strip_prefix(&self.root) else {
            return Err(refused(location, "it leads out of the folder"));
        };
        let mut folder: Option<OwnedFd> = None;
        let mut parts = relative.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else { return Err(refused(location, "it leads out of the folder")) };
            let at = folder.as_ref().unwrap_or(&self.handle);
            let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| failed(e.into()))?;
            let last = parts.peek().is_none();
            let expected = if last { FileType::RegularFile } else { FileType::Directory };
            if FileType::from_raw_mode(stat.st_mode) != expected {
                return Err(refused(location, "it is not a regular file beneath the folder"));
            }
            let kind = if last { OFlags::NONBLOCK } else { OFlags::DIRECTORY };
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | kind;
            folder = Some(rustix::fs::openat(at, name, flags, Mode::empty()).map_err(|e| failed(e.into()))?);
        }
        let file = File::from(folder.ok_or_else(|| refused(location, "it is not a file"))?);
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(refused(location, "it is not a regular file"));
        }
        let meta = meta(location.clone(), &metadata);
        Ok((file, meta))
    }
}

/// A file's description. Its tag changes with every change that the file system records.
fn meta(location: Path, metadata: &std::fs::Metadata) -> ObjectMeta {
    use std::os::unix::fs::MetadataExt;
    let (seconds, nanos) = (metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0));
    let last_modified: DateTime<Utc> = DateTime::from_timestamp(seconds, nanos).unwrap_or_default();
    let changed = (metadata.ctime(), metadata.ctime_nsec());
    let e_tag =
        format!("\"{:x}-{seconds:x}.{nanos:x}-{:x}.{:x}-{:x}\"", metadata.ino(), changed.0, changed.1, metadata.len());
    ObjectMeta { location, last_modified, size: metadata.len(), e_tag: Some(e_tag), version: None }
}

fn io_error(location: &Path, e: std::io::Error) -> Error {
    let path = location.to_string();
    match e.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path, source: e.into() },
        std::io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: e.into() },
        // A link where none was: it was swapped in after the path was looked at.
        _ if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => refused(location, "it became a link"),
        _ => Error::Generic { store: "files", source: e.into() },
    }
}

fn refused(location: &Path, reason: &str) -> Error {
    Error::PermissionDenied { path: location.to_string(), source: reason.to_owned().into() }
}

fn changed(location: &Path) -> Error {
    Error::Precondition { path: location.to_string(), source: "the file changed while it was read".into() }
}

/// A file that is checked after each read: what was read is what was there when it was opened.
struct Reader {
    file: File,
    meta: ObjectMeta,
}

impl Reader {
    fn read(&mut self, range: Range<u64>) -> Result<Bytes> {
        let location = &self.meta.location;
        let failed = |e: std::io::Error| io_error(location, e);
        self.file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        let wanted = range.end - range.start;
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
        (&self.file).take(wanted).read_to_end(&mut bytes).map_err(failed)?;
        let now = meta(location.clone(), &self.file.metadata().map_err(failed)?);
        if bytes.len() as u64 != wanted || now.size != self.meta.size || now.last_modified != self.meta.last_modified {
            return Err(changed(location));
        }
        Ok(bytes.into())
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only(location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let this = Self { root: self.root.clone(), handle: self.handle.try_clone().map_err(|e| io_error(location, e))? };
        let path = location.clone();
        let (file, meta) = blocking(move || this.open_file(&path)).await?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(meta.size).map_err(|e| Error::Generic { store: "files", source: Box::new(e) })?,
            None => 0..meta.size,
        };
        let stream = if options.head {
            futures::stream::empty().boxed()
        } else {
            stream(Reader { file, meta: meta.clone() }, range.clone())
        };
        Ok(GetResult { payload: GetResultPayload::Stream(stream), meta, range, attributes: Attributes::default() })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| location.and_then(|l| Err(read_only(&l)))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let under = prefix.map(ToString::to_string).unwrap_or_default();
        let found = self.entries(&under, &|_| true).map_err(|e| Error::Generic { store: "files", source: e.into() });
        match found {
            Ok(entries) => futures::stream::iter(entries.files.into_iter().map(Ok)).boxed(),
            Err(e) => futures::stream::iter([Err(e)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented { operation: "list_with_delimiter".into(), implementer: "files".into() })
    }

    async fn copy_opts(&self, from: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(read_only(from))
    }
}

fn read_only(location: &Path) -> Error {
    Error::PermissionDenied { path: location.to_string(), source: "files are only read".into() }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

fn stream(reader: Reader, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
    let state = (Arc::new(parking_lot::Mutex::new(reader)), range);
    futures::stream::try_unfold(state, |(reader, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let next = range.start..range.end.min(range.start + CHUNK);
        let (shared, wanted) = (Arc::clone(&reader), next.clone());
        let bytes = blocking(move || shared.lock().read(wanted)).await?;
        Ok(Some((bytes, (reader, next.end..range.end))))
    })
    .boxed()
}

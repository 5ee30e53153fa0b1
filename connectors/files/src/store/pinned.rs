//! A store that gives a scan the files that were planned, and no others.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Ranges closer than this are read at once.
const COALESCE: u64 = 1 << 20;
/// Reads of one file at the same time.
const PARALLEL: usize = 8;

/// Reads only files that are as they were planned: the same tag, or the same size and time where there are no tags.
#[derive(Debug)]
pub(crate) struct PinnedStore {
    inner: Arc<dyn ObjectStore>,
    files: HashMap<Path, ObjectMeta>,
    /// Set when a file was found to be another one.
    stale: Arc<AtomicBool>,
}

impl fmt::Display for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

impl PinnedStore {
    pub(crate) fn new(
        inner: Arc<dyn ObjectStore>,
        files: impl Iterator<Item = ObjectMeta>,
        stale: Arc<AtomicBool>,
    ) -> Self {
        let files = files.map(|meta| (meta.location.clone(), meta)).collect();
        Self { inner, files, stale }
    }

    fn note(&self, error: Error) -> Error {
        if matches!(error, Error::Precondition { .. } | Error::NotFound { .. }) {
            self.stale.store(true, Ordering::Relaxed);
        }
        error
    }
}

/// Whether two descriptions are of the same bytes.
pub(crate) fn same(planned: &ObjectMeta, found: &ObjectMeta) -> bool {
    let tags = match (&planned.e_tag, &found.e_tag) {
        // Listings and answers differ in quotes.
        (Some(a), Some(b)) => a.trim_matches('"') == b.trim_matches('"'),
        // Answers give the time in seconds.
        _ => planned.last_modified.timestamp() == found.last_modified.timestamp(),
    };
    tags && planned.size == found.size
}

#[async_trait]
impl ObjectStore for PinnedStore {
    async fn put_opts(&self, location: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(read_only(location))
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(read_only(location))
    }

    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let planned = self.files.get(location).ok_or_else(|| Error::PermissionDenied {
            path: location.to_string(),
            source: "it is not a file of the table".into(),
        })?;
        // A weak tag never matches; the answer's own tag is compared then.
        let strong = planned.e_tag.as_deref().filter(|tag| !tag.starts_with("W/"));
        options.if_match = strong.map(|tag| format!("\"{}\"", tag.trim_matches('"')));
        let result = self.inner.get_opts(location, options).await.map_err(|e| self.note(e))?;
        if !same(planned, &result.meta) {
            let source = "the file was replaced after the query was planned".into();
            return Err(self.note(Error::Precondition { path: location.to_string(), source }));
        }
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fetches = merge(ranges);
        let read: Vec<Bytes> = futures::stream::iter(fetches.clone())
            .map(|range| async move {
                let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
                self.get_opts(location, options).await?.bytes().await
            })
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        ranges.iter().map(|range| part(location, range, &fetches, &read)).collect()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| location.and_then(|l| Err(read_only(&l)))).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::iter(self.files.values().cloned().map(Ok).collect::<Vec<_>>()).boxed()
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

/// Fewer ranges that cover all of them.
fn merge(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = ranges.iter().filter(|r| !r.is_empty()).cloned().collect();
    sorted.sort_by_key(|r| r.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(COALESCE) => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn part(location: &Path, range: &Range<u64>, fetches: &[Range<u64>], read: &[Bytes]) -> Result<Bytes> {
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let at = fetches.partition_point(|f| f.start <= range.start).saturating_sub(1);
    let found = fetches.get(at).zip(read.get(at)).and_then(|(fetch, bytes)| {
        let start = usize::try_from(range.start.checked_sub(fetch.start)?).ok()?;
        let end = start + usize::try_from(range.end - range.start).ok()?;
        (end <= bytes.len()).then(|| bytes.slice(start..end))
    });
    let short = || Error::Generic { store: "files", source: format!("{location} is shorter than its description").into() };
    found.ok_or_else(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_together_and_taken_apart() {
        let ranges = [5_000_000..5_000_010, 0..4, 2..8, 9..9];
        let merged = merge(&ranges);
        assert_eq!(merged, [0..8, 5_000_000..5_000_010]);
        let read = [Bytes::from_static(b"abcdefgh"), Bytes::from_static(b"0123456789")];
        let path = Path::from("x");
        let parts: Vec<Bytes> = ranges.iter().map(|r| part(&path, r, &merged, &read).unwrap()).collect();
        assert_eq!(parts, ["0123456789", "abcd", "cdefgh", ""]);
        assert!(part(&path, &(4..10), &merged, &read).is_err());
    }
}

//! Where files are kept: the little that a registry needs of an object store.

use std::fmt;

use async_trait::async_trait;
use headwater_common::Result;

/// Which content of a path is meant: an ETag, a generation, a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

/// A file's bytes and which content they are.
#[derive(Debug, Clone)]
pub struct Object {
    /// The content.
    pub bytes: Vec<u8>,
    /// Changes whenever the content does.
    pub tag: Tag,
}

/// What became of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// The path has the new content.
    Done,
    /// The path had other content than expected and was left as it is.
    Conflict,
}

/// Files by path. Paths are relative, of letters, digits, `%`, `-`, `_` and `/`.
///
/// Every method must be atomic: a file is seen whole or not at all, and what a finished call wrote, all later calls see.
/// Over object_store, `put` is a put, and `compare_and_swap` a put with `PutMode::Create` when nothing is expected, else
/// with `PutMode::Update`; stores without the latter (local files) need a lock of their own around the comparison.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// The file of a path, `None` when there is none. Errors: it is longer than `bytes_max`, which is found before it is
    /// read, or the store failed.
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Object>>;

    /// Writes a file; one that exists is replaced.
    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()>;

    /// Paths that start with a prefix, in order.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;

    /// Writes a file if the path has the expected content; `None` expects no file.
    async fn compare_and_swap(&self, path: &str, expected: Option<&Tag>, bytes: Vec<u8>) -> Result<Swap>;

    /// Removes a file; none is fine.
    async fn delete(&self, path: &str) -> Result<()>;
}

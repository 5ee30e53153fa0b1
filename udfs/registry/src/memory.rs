//! A store in memory: for sessions without an object store, and for tests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use headwater_common::{Error, Result};
use parking_lot::Mutex;

use crate::store::{Object, Store, Swap, Tag};

/// Files in memory; gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, (Vec<u8>, u64)>,
    writes: u64,
}

impl State {
    fn write(&mut self, path: &str, bytes: Vec<u8>) {
        self.writes += 1;
        let generation = self.writes;
        self.files.insert(path.to_owned(), (bytes, generation));
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, path: &str, bytes_max: usize) -> Result<Option<Object>> {
        let state = self.state.lock();
        let Some((bytes, generation)) = state.files.get(path) else { return Ok(None) };
        if bytes.len() > bytes_max {
            return Err(Error::invalid(format!("a stored file has {} bytes, more than {bytes_max}", bytes.len())));
        }
        Ok(Some(Object { bytes: bytes.clone(), tag: Tag(generation.to_string()) }))
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.state.lock().write(path, bytes);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let state = self.state.lock();
        Ok(state
            .files
            .range(prefix.to_owned()..)
            .map(|f| f.0.clone())
            .take_while(|path| path.starts_with(prefix))
            .collect())
    }

    async fn compare_and_swap(&self, path: &str, expected: Option<&Tag>, bytes: Vec<u8>) -> Result<Swap> {
        let mut state = self.state.lock();
        let found = state.files.get(path).map(|f| Tag(f.1.to_string()));
        if found.as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        state.write(path, bytes);
        Ok(Swap::Done)
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.state.lock().files.remove(path);
        Ok(())
    }
}

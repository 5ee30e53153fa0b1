//! SCAN over the keys of one node: each key once, and an error when keys may have been missed.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use headwater_common::{Error, Result};
use redis::Value;

use crate::commands::{Command, Template};
use crate::config::{Mode, RedisConfig};
use crate::error::{refused, unexpected};
use crate::request::{Keys, Request};
use crate::source::RedisSource;
use crate::topology::{Topology, own_slots};
use crate::value::{bytes, list, text};

/// A SCAN on its way.
#[derive(Debug)]
pub(crate) struct Cursor {
    node: usize,
    /// Where the next call goes on; `None` at the end.
    next: Option<Vec<u8>>,
    is_at_start: bool,
    options: Vec<Vec<u8>>,
    /// What says whether the node still is what it was.
    check: Option<Command>,
    seen: Seen,
}

impl Cursor {
    pub(crate) fn new(node: usize, request: &Request, source: &RedisSource) -> Self {
        let check = match source.config.mode {
            Mode::Standalone => None,
            Mode::Cluster => Some(Command::words(["CLUSTER", "NODES"])),
            Mode::Sentinel { .. } => Some(Command::words(["ROLE"])),
        };
        let options = options(request, &source.config);
        Self { node, next: Some(b"0".to_vec()), is_at_start: true, options, check, seen: Seen::default() }
    }

    /// The node that is asked.
    pub(crate) fn node(&self) -> usize {
        self.node
    }

    pub(crate) fn is_at_start(&self) -> bool {
        self.is_at_start
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    /// Bytes that the keys that were seen need.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.seen.memory_bytes()
    }

    /// The next commands; none at the end.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let Some(next) = &self.next else { return Vec::new() };
        let scan = Command::new([b"SCAN".to_vec(), next.clone()].into_iter().chain(self.options.iter().cloned()));
        self.check.iter().filter(|_| self.is_at_start).cloned().chain([scan]).collect()
    }

    /// The keys that the answers name for the first time.
    pub(crate) fn advance(
        &mut self,
        source: &RedisSource,
        topology: &Topology,
        answers: Vec<Value>,
    ) -> Result<Vec<Vec<u8>>> {
        let mut answers = answers.into_iter();
        if self.is_at_start
            && self.check.is_some()
            && let Some(answer) = answers.next()
        {
            self.unchanged(source, topology, answer)?;
        }
        self.is_at_start = false;
        let wrong = || unexpected(&source.name, "SCAN");
        let mut answer = match answers.next() {
            Some(Value::ServerError(e)) => return Err(refused(&source.name, &e)),
            answer => answer.and_then(list).ok_or_else(wrong)?.into_iter(),
        };
        let next = answer.next().and_then(bytes).ok_or_else(wrong)?;
        self.next = (next != b"0").then_some(next);
        let keys = answer.next().and_then(list).ok_or_else(wrong)?;
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let key = bytes(key).ok_or_else(wrong)?;
            if self.seen.is_new(&key) {
                found.push(key);
            }
        }
        Ok(found)
    }

    /// An error when the node is not what it was when the scan began.
    pub(crate) async fn check_end(&self, source: &RedisSource, topology: &Topology, place: usize) -> Result<()> {
        let (Some(check), Some(node)) = (&self.check, topology.nodes.get(self.node)) else { return Ok(()) };
        let answers = source.connections.ask(&node.address, place, std::slice::from_ref(check), false).await?;
        self.unchanged(source, topology, answers.into_iter().next().unwrap_or_default())
    }

    fn unchanged(&self, source: &RedisSource, topology: &Topology, answer: Value) -> Result<()> {
        let is_same = match (&source.config.mode, answer) {
            (Mode::Cluster, Value::ServerError(e)) => return Err(refused(&source.name, &e)),
            (Mode::Cluster, answer) => own_slots(answer) == topology.nodes.get(self.node).map(|n| n.slots.clone()),
            // A user that may not ask for the role is not told of a change.
            (_, Value::ServerError(_)) => true,
            (_, answer) => list(answer).and_then(|role| text(role.into_iter().next()?)).as_deref() == Some("master"),
        };
        if is_same {
            return Ok(());
        }
        source.connections.forget_topology();
        let message = "keys moved between servers while they were read; run the query again";
        Err(Error::unavailable(&source.name, message))
    }
}

/// All keys of a request.
pub(crate) async fn all_keys(source: &RedisSource, request: &Request) -> Result<Vec<Vec<u8>>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    match &request.keys {
        _ if request.elements.none => {}
        Keys::Listed(keys) => found.extend(keys.iter().filter(|key| request.accepts(key).is_some()).cloned()),
        Keys::Scan(_) | Keys::Search(..) => {
            let topology = source.connections.topology().await?;
            for (place, node) in topology.nodes.iter().enumerate() {
                let mut cursor = Cursor::new(place, request, source);
                while !cursor.is_at_end() {
                    let answers =
                        source.connections.ask(&node.address, 0, &cursor.commands(), cursor.is_at_start()).await?;
                    let keys = cursor.advance(source, &topology, answers)?;
                    found.extend(keys.into_iter().filter(|key| request.accepts(key).is_some()));
                }
                cursor.check_end(source, &topology, 0).await?;
            }
        }
    }
    Ok(found)
}

/// The options of SCAN.
fn options(request: &Request, config: &RedisConfig) -> Vec<Vec<u8>> {
    let Some(glob) = request.keys.glob() else { return Vec::new() };
    let count = config.reading.scan_count.min(request.fetch.unwrap_or(u64::MAX).max(10));
    let mut options = vec![b"MATCH".to_vec(), glob.to_vec(), b"COUNT".to_vec(), count.to_string().into_bytes()];
    if !config.reading.wrong_type_fails {
        options.extend([b"TYPE".to_vec(), request.table.kind.server_type().as_bytes().to_vec()]);
    }
    options
}

/// The SCAN of a request, for people.
pub(crate) fn template(request: &Request, config: &RedisConfig) -> Template {
    let scan = Command::new([b"SCAN".to_vec(), b"0".to_vec()].into_iter().chain(options(request, config)));
    Template::of_command(&scan)
}

/// Keys that were seen. SCAN may name a key several times while the server resizes its table.
///
/// A key is remembered by 128 bits of two hashes with random keys: among a thousand million keys, two are taken for one with a
/// probability below 10^-20.
#[derive(Debug, Default)]
struct Seen {
    hashes: HashSet<(u64, u64)>,
    states: (RandomState, RandomState),
}

impl Seen {
    fn is_new(&mut self, key: &[u8]) -> bool {
        self.hashes.insert((self.states.0.hash_one(key), self.states.1.hash_one(key)))
    }

    /// A set has room for 8 entries where it holds 7, and a byte beside each.
    fn memory_bytes(&self) -> u64 {
        self.hashes.capacity() as u64 * 8 / 7 * 17
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once() {
        let mut seen = Seen::default();
        let found: Vec<bool> = [&b"a"[..], b"b", b"a", b"", b""].iter().map(|k| seen.is_new(k)).collect();
        assert_eq!(found, [true, true, false, true, false]);
        assert!((0..100_000_u32).all(|n| seen.is_new(&n.to_be_bytes())));
        assert!((1_700_000..5_000_000).contains(&seen.memory_bytes()), "{}", seen.memory_bytes());
    }
}

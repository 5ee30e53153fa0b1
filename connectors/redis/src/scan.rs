//! Reads the keys of a table, found by SCAN or looked up, in pipelines.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use headwater_common::{Error, ErrorKind, Result};
use headwater_source::{BatchReader, QueryContext, read_batches};
use redis::Value;
use tokio::sync::OnceCell;

use crate::commands::Command;
use crate::cursor::Cursor;
use crate::elements::Last;
use crate::error::is_moved;
use crate::program::{Answer, Fetch, Found, Program, entries, page, samples};
use crate::request::{Keys, Request};
use crate::rows::changed;
use crate::search;
use crate::sink::Sink;
use crate::source::RedisSource;
use crate::topology::Topology;
use crate::value::{float, pairs};

/// Keys that are read in one pipeline: of values that are one row, and of others, which may be large.
const KEYS_SCALAR: usize = 1_000;
const KEYS_LARGE: usize = 64;
/// How often look-ups follow slots that move.
const MOVES_MAX: usize = 5;

/// Part of a table, ready to be read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) source: Arc<RedisSource>,
    pub(crate) request: Request,
    /// Which node of how many; all of them when unset.
    pub(crate) node: Option<(usize, usize)>,
    pub(crate) schema: SchemaRef,
    pub(crate) batch_rows: usize,
    pub(crate) query: Arc<QueryContext>,
}

/// Starts reading when it is first polled.
pub(crate) fn stream(reading: Reading) -> SendableRecordBatchStream {
    read_batches(Arc::clone(&reading.schema), Running::start(reading))
}

/// A key that is read again: in another way, or from where its last page ended.
#[derive(Debug)]
struct Again {
    key: Vec<u8>,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Without a limit: the server's order of zeros is not ours.
    Whole,
    /// Together with its type, at one moment.
    Certainly,
    /// The page after an element.
    After {
        last: Last,
        /// So many more are needed; `None` for all.
        limit: Option<u64>,
        /// What belongs to the key.
        found: Found,
    },
}

#[derive(Debug)]
enum Work {
    LookUps(VecDeque<Vec<u8>>),
    Scan { nodes: VecDeque<usize>, cursor: Option<Box<Cursor>>, pending: VecDeque<Vec<u8>> },
}

struct Running {
    reading: Reading,
    topology: Arc<Topology>,
    program: Program,
    place: usize,
    sink: Sink,
    work: Work,
    again: VecDeque<Again>,
    /// Keys with a value of another type.
    skipped: u64,
    /// Something was read, so that a connection that breaks is the end.
    asked: bool,
    finished: bool,
}

impl BatchReader for Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.read().await;
        if let Err(error) = &batch
            && error.kind() == ErrorKind::SourceFailed
            && error.is_retryable()
        {
            // What the sample said does not hold for all values.
            self.reading.source.mark_stale();
        }
        batch
    }
}

impl Running {
    async fn read(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.sink.next() {
                return Ok(Some(batch));
            }
            if self.finished {
                return Ok(None);
            }
            if self.sink.is_done() || !self.step().await? {
                self.finished = true;
                self.report();
                if let Some(batch) = self.sink.finish()? {
                    return Ok(Some(batch));
                }
            }
        }
    }

    async fn start(reading: Reading) -> Result<Self> {
        let source = &reading.source;
        // All parts of a query see the same nodes.
        let shared =
            reading.query.state(&format!("{}/topology", source.name), || Arc::new(OnceCell::<Arc<Topology>>::new()));
        let topology = Arc::clone(shared.get_or_try_init(|| source.connections.topology()).await?);
        let all = topology.nodes.len();
        let nodes: VecDeque<usize> = match reading.node {
            None => (0..all).collect(),
            Some((node, count)) if count == all => VecDeque::from([node]),
            Some(_) => {
                source.connections.forget_topology();
                return Err(changed(&source.name));
            }
        };
        let options = &source.config.reading;
        let place = source.connections.place();
        let work = match &reading.request.keys {
            _ if reading.request.elements.none || reading.request.elements.limit == Some(0) => {
                Work::LookUps(VecDeque::new())
            }
            Keys::Listed(keys) => {
                let accepted = keys.iter().filter(|key| reading.request.accepts(key).is_some());
                Work::LookUps(accepted.cloned().collect())
            }
            Keys::Search(search, _) if let [node] = topology.nodes.as_slice() => {
                match search::keys(source, &node.address, place, search).await? {
                    Some(keys) => {
                        let accepted = keys.into_iter().filter(|key| reading.request.accepts(key).is_some());
                        Work::LookUps(accepted.collect())
                    }
                    None => Work::Scan { nodes, cursor: None, pending: VecDeque::new() },
                }
            }
            Keys::Scan(_) | Keys::Search(..) => Work::Scan { nodes, cursor: None, pending: VecDeque::new() },
        };
        let program = Program::new(&reading.request, !options.wrong_type_fails);
        let sink = Sink::new(
            &source.name,
            &reading.request,
            Arc::clone(&reading.schema),
            reading.batch_rows,
            options.mismatch_is_null,
        );
        Ok(Self {
            topology,
            program,
            place,
            sink,
            work,
            again: VecDeque::new(),
            skipped: 0,
            asked: false,
            finished: false,
            reading,
        })
    }

    fn report(&self) {
        let (source, table) = (&self.reading.source.name, self.reading.request.table.name.to_string());
        if self.skipped > 0 {
            tracing::warn!(source, table, keys = self.skipped, "keys with a value of another type were skipped");
        }
        if self.sink.replaced() > 0 {
            tracing::warn!(source, table, values = self.sink.replaced(), "values that do not fit their column became null");
        }
    }

    /// Asks once more; false when everything was read.
    async fn step(&mut self) -> Result<bool> {
        if !self.again.is_empty() {
            self.read_again().await?;
            return Ok(true);
        }
        let most = self.keys_at_once();
        match &mut self.work {
            Work::LookUps(keys) => {
                let now: Vec<_> = keys.drain(..most.min(keys.len())).collect();
                if now.is_empty() {
                    return Ok(false);
                }
                let (program, limit) = (self.program.clone(), self.reading.request.elements.limit);
                self.look_up(&program, now, limit).await?;
                Ok(true)
            }
            Work::Scan { .. } => self.scan(most).await,
        }
    }

    fn keys_at_once(&self) -> usize {
        let most = match self.program.fetch {
            Fetch::List | Fetch::Set | Fetch::Sorted | Fetch::Entries | Fetch::Samples => KEYS_LARGE,
            _ => KEYS_SCALAR,
        };
        let wanted = self.sink.left().and_then(|n| usize::try_from(n).ok()).unwrap_or(most);
        if self.reading.request.table.kind.is_scalar() { most.min(wanted.max(1)) } else { most }
    }

    /// Reads keys that were found before, and looks for more.
    async fn scan(&mut self, most: usize) -> Result<bool> {
        let request = &self.reading.request;
        let connections = &self.reading.source.connections;
        let Work::Scan { nodes, cursor, pending } = &mut self.work else { return Ok(false) };
        if cursor.as_ref().is_none_or(|cursor| cursor.is_at_end()) && pending.is_empty() {
            if let Some(cursor) = cursor.take() {
                cursor.check_end(&self.reading.source, &self.topology, self.place).await?;
            }
            let Some(node) = nodes.pop_front() else { return Ok(false) };
            *cursor = Some(Box::new(Cursor::new(node, request, &self.reading.source)));
        }
        let Some(cursor) = cursor else { return Ok(false) };
        let keys: Vec<Vec<u8>> = pending.drain(..most.min(pending.len())).collect();
        let mut commands = Vec::with_capacity(keys.len() * self.program.answers() + 2);
        keys.iter().for_each(|key| self.program.commands(key, &mut commands));
        let of_keys = commands.len();
        if pending.is_empty() {
            commands.extend(cursor.commands());
        }
        let node = cursor.node();
        let address = &self.topology.nodes.get(node).ok_or_else(|| changed(&self.reading.source.name))?.address;
        self.asked = true;
        let mut answers = connections.ask(address, self.place, &commands, cursor.is_at_start()).await?;
        let of_cursor = answers.split_off(of_keys);
        if !of_cursor.is_empty() {
            let found = cursor.advance(&self.reading.source, &self.topology, of_cursor)?;
            let most = self.reading.query.limits.query_memory_bytes;
            if most > 0 && cursor.memory_bytes() > most {
                let message = format!("{}: too many keys to tell which of them came already", request.table.name);
                return Err(Error::limit(message, "limits.query_memory_bytes"));
            }
            let accepted = found.into_iter().filter(|key| request.accepts(key).is_some());
            if self.program.templates().is_empty() {
                for key in accepted {
                    self.sink.take_key(&key, &request.accepts(&key).unwrap_or_default())?;
                }
            } else {
                pending.extend(accepted);
            }
        }
        let (program, limit) = (self.program.clone(), request.elements.limit);
        for (key, answers) in keys.into_iter().zip(chunks(answers, program.answers())) {
            let answer = program.answer(&self.reading.source.name, answers)?;
            self.take(&program.fetch, key, answer, limit)?;
        }
        Ok(true)
    }

    /// Reads keys where they are, and follows them when their slots move.
    async fn look_up(&mut self, program: &Program, mut keys: Vec<Vec<u8>>, limit: Option<u64>) -> Result<()> {
        let source = Arc::clone(&self.reading.source);
        for _ in 0..MOVES_MAX {
            let mut by_node: Vec<Vec<Vec<u8>>> = vec![Vec::new(); self.topology.nodes.len()];
            for key in keys.drain(..) {
                if let Some(list) = by_node.get_mut(self.topology.owner(&key)) {
                    list.push(key);
                }
            }
            let again = !std::mem::replace(&mut self.asked, true);
            let asked = self.topology.nodes.iter().zip(by_node).filter(|(_, keys)| !keys.is_empty()).map(|(node, keys)| {
                let (source, place) = (&source, self.place);
                async move {
                    let mut commands: Vec<Command> = Vec::with_capacity(keys.len() * program.answers());
                    keys.iter().for_each(|key| program.commands(key, &mut commands));
                    let answers = source.connections.ask(&node.address, place, &commands, again).await?;
                    Ok::<_, Error>(keys.into_iter().zip(chunks(answers, program.answers())))
                }
            });
            let answered: Vec<_> = futures::future::try_join_all(asked).await?;
            for (key, answers) in answered.into_iter().flatten() {
                if answers.iter().any(is_moved) && self.topology.is_cluster() {
                    keys.push(key);
                    continue;
                }
                let answer = program.answer(&source.name, answers)?;
                self.take(&program.fetch, key, answer, limit)?;
            }
            if keys.is_empty() {
                return Ok(());
            }
            source.connections.forget_topology();
            self.topology = source.connections.topology().await?;
        }
        Err(Error::unavailable(&source.name, "slots of the cluster move; try again"))
    }

    async fn read_again(&mut self) -> Result<()> {
        let Some(Again { key, how }) = self.again.pop_front() else { return Ok(()) };
        match how {
            How::Certainly => {
                let mut keys = vec![key];
                while let Some(Again { how: How::Certainly, .. }) = self.again.front() {
                    keys.extend(self.again.pop_front().map(|again| again.key));
                }
                let program = self.program.certain();
                self.look_up(&program, keys, None).await
            }
            How::Whole => {
                let mut request = self.reading.request.clone();
                request.elements.limit = None;
                self.look_up(&Program::new(&request, false), vec![key], None).await
            }
            How::After { last, limit, found } => self.next_page(key, &last, limit, found).await,
        }
    }

    async fn next_page(&mut self, key: Vec<u8>, last: &Last, limit: Option<u64>, mut found: Found) -> Result<()> {
        let mut elements = self.reading.request.elements.clone();
        elements.limit = limit;
        let template = match last {
            Last::Entry(id) => entries(&elements, Some(id)),
            Last::Sample(ms) => samples(&elements, Some(*ms)),
            Last::Score(_) => return Ok(()),
        };
        let source = Arc::clone(&self.reading.source);
        let owner = self.topology.nodes.get(self.topology.owner(&key)).ok_or_else(|| changed(&source.name))?;
        let answers = source.connections.ask(&owner.address, self.place, &[template.command(&key)], false).await?;
        let program = self.program.only(template);
        let answer = match program.answer(&source.name, answers)? {
            Answer::Found(page) => {
                found.value = page.value;
                Answer::Found(found)
            }
            other => other,
        };
        self.take(&program.fetch, key, answer, limit)
    }

    /// Takes what was said of a key, of whose elements at most `limit` were asked for.
    fn take(&mut self, fetch: &Fetch, key: Vec<u8>, answer: Answer, limit: Option<u64>) -> Result<()> {
        let request = &self.reading.request;
        let mut found = match answer {
            Answer::Gone => return Ok(()),
            Answer::OtherType if self.reading.source.config.reading.wrong_type_fails => {
                let message = format!(
                    "a key of {} holds a value that is no {}; set option \"wrong_type\" to skip",
                    request.table.name,
                    request.table.kind.word()
                );
                return Err(Error::source_failed(&self.reading.source.name, message));
            }
            Answer::OtherType => {
                self.skipped += 1;
                return Ok(());
            }
            Answer::Unclear => {
                self.again.push_back(Again { key, how: How::Certainly });
                return Ok(());
            }
            Answer::Found(found) => found,
        };
        let is_ordered = request.fetch.is_none();
        if *fetch == Fetch::Sorted && is_ordered && limit.is_some_and(|limit| is_cut_at_zero(&found.value, limit)) {
            self.again.push_back(Again { key, how: How::Whole });
            return Ok(());
        }
        let read = self.sink.take(request, fetch, &key, &mut found)?;
        let limit = limit.map(|limit| limit.saturating_sub(read.sent));
        if let Some(last) = read.last
            && matches!(fetch, Fetch::Entries | Fetch::Samples)
            && read.sent >= page(limit.map(|left| left + read.sent))
            && limit != Some(0)
        {
            self.again.push_back(Again { key, how: How::After { last, limit, found } });
        }
        Ok(())
    }
}

/// Whether as many members as were asked for came, and the last one's score is a zero: others may come before it here.
fn is_cut_at_zero(value: &Value, limit: u64) -> bool {
    let Some(members) = pairs(value.clone()) else { return false };
    let is_zero = |(_, score): &(Value, Value)| float(score) == Some(0.0);
    members.len() as u64 >= limit && members.last().is_some_and(is_zero)
}

/// The answers to each of several keys.
fn chunks(answers: Vec<Value>, size: usize) -> impl Iterator<Item = Vec<Value>> {
    let mut answers = answers.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<Value> = answers.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}

//! The commands that read one key, and the elements in their answers.

use headwater_common::Result;
use redis::Value;

use crate::commands::{Command, Template};
use crate::error::{is_missing_key, is_wrong_type, refused, unexpected};
use crate::pushdown::{End, Times};
use crate::request::{Elements, Request};
use crate::table::{Format, Kind, Need, Role};
use crate::value::{list, pairs, text, whole};

/// Entries of a stream or samples of a time series that are asked for at once.
pub(crate) const PAGE: u64 = 1_000;

/// How the value of a key is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fetch {
    /// Not at all; the key is known to be there.
    Nothing,
    /// Only whether it is there, by its type.
    Type,
    /// GET.
    Text,
    /// HMGET of the fields of these columns.
    Fields,
    /// JSON.GET of the whole document.
    Document,
    /// JSON.GET of these members.
    Members(Vec<String>),
    List,
    Set,
    Sorted,
    Entries,
    Samples,
    /// BITCOUNT or PFCOUNT.
    Count,
    /// The number of elements.
    Length,
}

/// The commands that read one key.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) fetch: Fetch,
    kind: Kind,
    commands: Vec<Template>,
    /// The commands see one moment.
    atomic: bool,
    length: bool,
    labels: bool,
    time_to_live: bool,
    memory: bool,
}

/// What the commands say of a key.
#[derive(Debug)]
pub(crate) enum Answer {
    /// There is no such key any more.
    Gone,
    /// Its value has another type.
    OtherType,
    /// None of the fields is there, so the key may be gone.
    Unclear,
    Found(Found),
}

/// A key's value with what belongs to the key.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) value: Value,
    pub(crate) length: Option<i64>,
    pub(crate) time_to_live: Option<i64>,
    pub(crate) memory: Option<i64>,
    pub(crate) labels: Vec<(String, Vec<u8>)>,
}

impl Program {
    /// How the keys of a request are read; `typed` says that SCAN returns keys of the right type only.
    pub(crate) fn new(request: &Request, typed: bool) -> Self {
        let fetch = fetch(request, typed);
        let mut made = Self {
            kind: request.table.kind,
            commands: Vec::new(),
            atomic: fetch == Fetch::Count,
            length: request.has(&Role::Length),
            labels: request.needs(Need::Labels),
            time_to_live: request.needs(Need::TimeToLive),
            memory: request.needs(Need::Memory),
            fetch,
        };
        if made.atomic {
            made.commands.push(Template::of_key("TYPE"));
        }
        made.commands.extend(made.value_command(request));
        let more = [
            (made.length, Template::of_key("STRLEN")),
            (made.labels, Template::of_key("TS.INFO")),
            (made.time_to_live, Template::of_key("PTTL")),
            (made.memory, Template::of_key("MEMORY USAGE")),
        ];
        made.commands.extend(more.into_iter().filter(|(wanted, _)| *wanted).map(|(_, command)| command));
        made
    }

    /// The same that tells a key that is gone from one without these fields.
    pub(crate) fn certain(&self) -> Self {
        let mut made = self.clone();
        if !made.atomic {
            made.commands.insert(0, Template::of_key("TYPE"));
            made.atomic = true;
        }
        made
    }

    /// The same with one command for the value and nothing else.
    pub(crate) fn only(&self, command: Template) -> Self {
        let (labels, time_to_live, memory) = (false, false, false);
        Self { commands: vec![command], atomic: false, length: false, labels, time_to_live, memory, ..self.clone() }
    }

    /// The commands, for people.
    pub(crate) fn templates(&self) -> &[Template] {
        &self.commands
    }

    /// Appends the commands for a key.
    pub(crate) fn commands(&self, key: &[u8], out: &mut Vec<Command>) {
        let all = self.commands.iter().map(|t| t.command(key));
        if self.atomic {
            out.push(Command::words(["MULTI"]));
            out.extend(all);
            out.push(Command::words(["EXEC"]));
        } else {
            out.extend(all);
        }
    }

    /// Number of answers to the commands for a key.
    pub(crate) fn answers(&self) -> usize {
        self.commands.len() + if self.atomic { 2 } else { 0 }
    }

    fn value_command(&self, request: &Request) -> Option<Template> {
        let elements = &request.elements;
        Some(match &self.fetch {
            Fetch::Nothing => return None,
            Fetch::Type => Template::of_key("TYPE"),
            Fetch::Text => Template::of_key("GET"),
            Fetch::Fields => request.columns.iter().fold(Template::of_key("HMGET"), |command, column| match &column.role {
                Role::Field(name) => command.with(name.as_bytes()),
                _ => command,
            }),
            Fetch::Document => Template::of_key("JSON.GET").with("$"),
            Fetch::Members(names) => {
                names.iter().fold(Template::of_key("JSON.GET"), |command, name| command.with(format!("$.{name}")))
            }
            Fetch::List => Template::of_key("LRANGE").with_words(&["0", "-1"]),
            Fetch::Set => Template::of_key("SMEMBERS"),
            Fetch::Sorted => sorted(elements, request.has(&Role::Rank)),
            Fetch::Entries => entries(elements, None),
            Fetch::Samples => samples(elements, None),
            Fetch::Count if self.kind == Kind::HyperLogLog => Template::of_key("PFCOUNT"),
            Fetch::Count => Template::of_key("BITCOUNT"),
            Fetch::Length => Template::of_key(match self.kind {
                Kind::List => "LLEN",
                Kind::Set => "SCARD",
                Kind::SortedSet => "ZCARD",
                _ => "XLEN",
            }),
        })
    }

    /// What the answers to the commands for a key say.
    pub(crate) fn answer(&self, source: &str, mut answers: Vec<Value>) -> Result<Answer> {
        if self.atomic {
            let executed = answers.pop().unwrap_or_default();
            answers = match executed {
                Value::Array(answers) if answers.len() == self.commands.len() => answers,
                Value::ServerError(e) => return Err(refused(source, &e)),
                _ => return Err(unexpected(source, "EXEC")),
            };
        }
        for answer in &answers {
            match answer {
                Value::ServerError(e) if is_wrong_type(e) => return Ok(Answer::OtherType),
                Value::ServerError(e) if is_missing_key(e) => return Ok(Answer::Gone),
                Value::ServerError(e) => return Err(refused(source, e)),
                _ => {}
            }
        }
        let mut answers = answers.into_iter();
        if self.atomic || self.fetch == Fetch::Type {
            match answers.next().and_then(text).ok_or_else(|| unexpected(source, "TYPE"))?.as_str() {
                "none" => return Ok(Answer::Gone),
                name if name != self.kind.server_type() => return Ok(Answer::OtherType),
                _ => {}
            }
        }
        self.found(source, &mut answers)
    }

    fn found(&self, source: &str, answers: &mut impl Iterator<Item = Value>) -> Result<Answer> {
        let mut found = Found::default();
        if !matches!(self.fetch, Fetch::Nothing | Fetch::Type) {
            found.value = answers.next().unwrap_or_default();
        }
        let is_gone = match (&self.fetch, &found.value) {
            (Fetch::Fields, Value::Array(fields)) if !self.atomic && fields.iter().all(|f| *f == Value::Nil) => {
                return Ok(Answer::Unclear);
            }
            (Fetch::Text | Fetch::Document | Fetch::Members(_), Value::Nil) => true,
            _ => false,
        };
        if self.length {
            found.length = answers.next().as_ref().and_then(whole);
        }
        if self.labels {
            found.labels = labels(answers.next().unwrap_or_default()).ok_or_else(|| unexpected(source, "TS.INFO"))?;
        }
        if self.time_to_live {
            match answers.next().as_ref().and_then(whole) {
                Some(-2) => return Ok(Answer::Gone),
                Some(ms) => found.time_to_live = Some(ms).filter(|ms| *ms >= 0),
                None => return Err(unexpected(source, "PTTL")),
            }
        }
        if self.memory {
            match answers.next() {
                Some(Value::Nil) => return Ok(Answer::Gone),
                answer => found.memory = answer.as_ref().and_then(whole),
            }
        }
        Ok(if is_gone { Answer::Gone } else { Answer::Found(found) })
    }
}

fn fetch(request: &Request, typed: bool) -> Fetch {
    let kind = request.table.kind;
    if kind.is_scalar() && !request.needs(Need::Value) {
        return if typed && request.keys_are_scanned() { Fetch::Nothing } else { Fetch::Type };
    }
    if !request.reads_elements() {
        return Fetch::Length;
    }
    match kind {
        Kind::String(Format::Raw | Format::Json | Format::Csv) => Fetch::Text,
        Kind::Hash => Fetch::Fields,
        Kind::Json => {
            let names = request.columns.iter().filter_map(|c| match &c.role {
                Role::Field(name) => Some(is_plain_name(name).then(|| name.clone())),
                Role::Document => Some(None),
                _ => None,
            });
            names.collect::<Option<Vec<String>>>().map_or(Fetch::Document, Fetch::Members)
        }
        Kind::List => Fetch::List,
        Kind::Set => Fetch::Set,
        Kind::SortedSet => Fetch::Sorted,
        Kind::Stream => Fetch::Entries,
        Kind::TimeSeries => Fetch::Samples,
        Kind::Bitmap | Kind::HyperLogLog => Fetch::Count,
    }
}

impl Request {
    fn keys_are_scanned(&self) -> bool {
        self.keys.glob().is_some()
    }
}

/// A member's name that needs no quotes in a path.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sorted(elements: &Elements, ranked: bool) -> Template {
    let command = Template::of_key("ZRANGE");
    let last = |limit: u64| limit.saturating_sub(1).to_string();
    let command = match (elements.scores, elements.limit) {
        // Ranks count from the smallest score of the whole set.
        (None, Some(limit)) if limit > 0 && !(ranked && elements.descending) => {
            let command = command.with("0").with(last(limit));
            if elements.descending { command.with("REV") } else { command }
        }
        (Some(scores), limit) if !ranked => {
            let (low, high) = (bound(scores.low, "-inf"), bound(scores.high, "+inf"));
            let command = match elements.descending {
                false => command.with(low).with(high).with("BYSCORE"),
                true => command.with(high).with(low).with_words(&["BYSCORE", "REV"]),
            };
            match limit {
                Some(limit) => command.with_words(&["LIMIT", "0"]).with(limit.to_string()),
                None => command,
            }
        }
        _ => command.with_words(&["0", "-1"]),
    };
    command.with("WITHSCORES")
}

fn bound(end: Option<End>, open: &str) -> String {
    match end {
        None => open.to_owned(),
        Some(End { value, included: true }) => number(value),
        Some(End { value, included: false }) => format!("({}", number(value)),
    }
}

/// The shortest text that is read back to the same number.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+inf".to_owned(),
        f64::NEG_INFINITY => "-inf".to_owned(),
        other => other.to_string(),
    }
}

/// XRANGE of all entries at once.
pub(crate) fn all_entries(elements: &Elements) -> Template {
    entries(elements, None).without_last(2)
}

/// XRANGE or XREVRANGE; after `last`, the identifier of the last entry that was read.
pub(crate) fn entries(elements: &Elements, last: Option<&str>) -> Template {
    let times = elements.times.unwrap_or(Times::ALL);
    let end = |ms: i64, open: &str| if ms == i64::MAX || ms <= 0 { open.to_owned() } else { ms.to_string() };
    let (mut low, mut high) = (end(times.low, "-"), if times.high == 0 { "0".into() } else { end(times.high, "+") });
    if let Some(id) = &elements.entry {
        (low, high) = (id.clone(), id.clone());
    }
    let command = match (elements.descending, last) {
        (false, None) => Template::of_key("XRANGE").with(low).with(high),
        (false, Some(last)) => Template::of_key("XRANGE").with(format!("({last}")).with(high),
        (true, None) => Template::of_key("XREVRANGE").with(high).with(low),
        (true, Some(last)) => Template::of_key("XREVRANGE").with(format!("({last}")).with(low),
    };
    command.with("COUNT").with(page(elements.limit).to_string())
}

/// TS.RANGE or TS.REVRANGE; after `last`, the time of the last sample that was read.
pub(crate) fn samples(elements: &Elements, last: Option<i64>) -> Template {
    let mut times = elements.times.unwrap_or(Times::ALL);
    match (elements.descending, last) {
        (false, Some(last)) => times.low = last.saturating_add(1),
        (true, Some(last)) => times.high = last.saturating_sub(1),
        (_, None) => {}
    }
    let low = if times.low <= 0 { "-".to_owned() } else { times.low.to_string() };
    let high = if times.high == i64::MAX { "+".to_owned() } else { times.high.max(0).to_string() };
    let name = if elements.descending { "TS.REVRANGE" } else { "TS.RANGE" };
    Template::of_key(name).with(low).with(high).with("COUNT").with(page(elements.limit).to_string())
}

/// Entries or samples that are asked for at once.
pub(crate) fn page(limit: Option<u64>) -> u64 {
    limit.map_or(PAGE, |limit| limit.clamp(1, PAGE))
}

/// The labels in an answer to TS.INFO.
pub(crate) fn labels(answer: Value) -> Option<Vec<(String, Vec<u8>)>> {
    let info = pairs(answer)?;
    let (_, found) = info.into_iter().find(|(name, _)| text(name.clone()).as_deref() == Some("labels"))?;
    pairs_of_labels(found)
}

/// Names and values of labels.
pub(crate) fn pairs_of_labels(found: Value) -> Option<Vec<(String, Vec<u8>)>> {
    let pair = |(name, value): (Value, Value)| Some((text(name)?, crate::value::bytes(value)?));
    match found {
        Value::Nil => Some(Vec::new()),
        Value::Array(items) if items.is_empty() => Some(Vec::new()),
        Value::Map(pairs) => pairs.into_iter().map(pair).collect(),
        other => {
            // Protocol 2 has a list of pairs.
            let items = list(other)?;
            let both = |item| {
                let mut item = list(item)?.into_iter();
                pair((item.next()?, item.next()?))
            };
            items.into_iter().map(both).collect()
        }
    }
}

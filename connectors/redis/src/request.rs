//! What is asked of a table: which keys, which of their elements, which columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::pattern::{Glob, escape};
use crate::pushdown::{Place, Scores, Test, Times};
use crate::search::Search;
use crate::search::condition::Condition;
use crate::table::{Column, Kind, Need, Role, Table};

/// More keys are found by SCAN than by look-ups.
const KEYS_MAX: usize = 100_000;

/// Where the keys come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Keys {
    /// All keys that can pass.
    Listed(Vec<Vec<u8>>),
    /// Keys that match a glob.
    Scan(Vec<u8>),
    /// Keys that an index names, or that match the glob when it cannot say.
    Search(Box<Search>, Vec<u8>),
}

impl Keys {
    /// The glob of SCAN.
    pub(crate) fn glob(&self) -> Option<&[u8]> {
        match self {
            Self::Listed(_) => None,
            Self::Scan(glob) | Self::Search(_, glob) => Some(glob),
        }
    }
}

/// Which elements of a value are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Elements {
    pub(crate) scores: Option<Scores>,
    pub(crate) times: Option<Times>,
    /// Identifier of the one entry of a stream.
    pub(crate) entry: Option<String>,
    /// The filters leave none.
    pub(crate) none: bool,
    /// The largest come first.
    pub(crate) descending: bool,
    /// Only so many of each key are needed.
    pub(crate) limit: Option<u64>,
}

/// What is asked of a table.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) table: Arc<Table>,
    /// Columns to return, in order.
    pub(crate) columns: Vec<Column>,
    pub(crate) keys: Keys,
    /// What a key must pass beside the pattern.
    pub(crate) tests: Vec<Test>,
    pub(crate) elements: Elements,
    /// Reading ends when there are so many rows.
    pub(crate) fetch: Option<u64>,
    /// Only the number of rows is returned.
    pub(crate) count: bool,
}

/// How rows are limited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limit {
    pub(crate) fetch: Option<u64>,
    /// The first rows in an order are wanted: the largest first, or the smallest.
    pub(crate) descending: Option<bool>,
}

impl Request {
    pub(crate) fn new(table: Arc<Table>, columns: Vec<Column>, tests: Vec<Test>, limit: Limit, count: bool) -> Self {
        let keys = keys(&table, &tests);
        let mut elements = elements(&tests);
        elements.descending = limit.descending == Some(true);
        elements.limit = limit.fetch;
        // The first rows of all keys are among the first of each, so every key is read.
        let fetch = limit.fetch.filter(|_| limit.descending.is_none());
        Self { table, columns, keys, tests, elements, fetch, count }
    }

    /// The same with keys from an index, when they are not listed and the index can be asked something.
    pub(crate) fn searched(mut self, conditions: Vec<Condition>) -> Self {
        if let (Keys::Scan(glob), Some(index), false) = (&self.keys, &self.table.index, conditions.is_empty()) {
            let search = Search { index: index.clone(), conditions };
            self.keys = Keys::Search(Box::new(search), glob.clone());
        }
        self
    }

    /// Whether a column needs this.
    pub(crate) fn needs(&self, need: Need) -> bool {
        self.columns.iter().any(|c| c.role.need() == need)
    }

    /// Whether a column has this role.
    pub(crate) fn has(&self, role: &Role) -> bool {
        self.columns.iter().any(|c| c.role == *role)
    }

    /// Whether the elements themselves are read, and not only counted.
    pub(crate) fn reads_elements(&self) -> bool {
        let Elements { scores, times, entry, .. } = &self.elements;
        let filtered = scores.is_some() || times.is_some() || entry.is_some();
        self.needs(Need::Value) || (filtered && !self.table.kind.is_scalar()) || self.table.kind == Kind::TimeSeries
    }

    /// Whether keys must pass more than the pattern.
    pub(crate) fn tests_keys(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::In(..) | Test::Prefix(..)))
    }

    /// The parts of a key that belongs to the result.
    pub(crate) fn accepts<'k>(&self, key: &'k [u8]) -> Option<Vec<&'k [u8]>> {
        let parts = self.table.parts(key)?;
        self.tests.iter().all(|test| test.passes(key, &parts)).then_some(parts)
    }
}

/// Where the keys that can pass come from.
fn keys(table: &Table, tests: &[Test]) -> Keys {
    let listed = |place: Place| {
        let mut lists = tests.iter().filter_map(|test| match test {
            Test::In(p, texts) if *p == place => Some(texts),
            _ => None,
        });
        let first = lists.next()?.clone();
        Some(lists.fold(first, |all, more| &all & more))
    };
    if let Some(keys) = listed(Place::Key) {
        return Keys::Listed(keys.into_iter().collect());
    }
    let names = table.pattern.names().count();
    let lists: Vec<Option<BTreeSet<Vec<u8>>>> = (0..names).map(|i| listed(Place::Part(i))).collect();
    let product = lists.iter().try_fold(1_usize, |n, list| n.checked_mul(list.as_ref()?.len()));
    if let Some(product) = product
        && product <= KEYS_MAX
    {
        let mut made: Vec<Vec<&[u8]>> = vec![Vec::new()];
        for list in lists.iter().flatten() {
            let mut longer = Vec::with_capacity(made.len() * list.len());
            for known in &made {
                longer.extend(list.iter().map(|text| [known.as_slice(), &[text.as_slice()]].concat()));
            }
            made = longer;
        }
        return Keys::Listed(made.iter().filter_map(|parts| table.pattern.key(parts)).collect());
    }
    Keys::Scan(glob(table, tests, &lists))
}

/// The narrowest glob that no key that can pass is outside of.
fn glob(table: &Table, tests: &[Test], lists: &[Option<BTreeSet<Vec<u8>>>]) -> Vec<u8> {
    let prefix_of = |place: Place| {
        let prefixes = tests.iter().filter_map(|test| match test {
            Test::Prefix(p, text) if *p == place => Some(text.as_slice()),
            _ => None,
        });
        prefixes.max_by_key(|text| text.len())
    };
    let mut parts: Vec<Option<Glob<'_>>> = Vec::with_capacity(lists.len());
    for (i, list) in lists.iter().enumerate() {
        parts.push(match list {
            Some(list) if list.len() == 1 => list.first().map(|text| Glob::Text(text)),
            _ => prefix_of(Place::Part(i)).map(Glob::Prefix),
        });
    }
    if let Some(prefix) = prefix_of(Place::Key)
        && prefix.len() > table.pattern.prefix().len()
        && parts.iter().all(Option::is_none)
    {
        let mut glob = Vec::new();
        escape(prefix, &mut glob);
        glob.push(b'*');
        return glob;
    }
    table.pattern.glob(&parts)
}

fn elements(tests: &[Test]) -> Elements {
    let mut found = Elements::default();
    for test in tests {
        match test {
            Test::Score(scores) => found.scores = Some(found.scores.unwrap_or_default().and(*scores)),
            Test::Time(times) => found.times = Some(found.times.unwrap_or(Times::ALL).and(*times)),
            Test::Entry(id) => {
                found.none |= found.entry.as_ref().is_some_and(|known| known != id);
                found.entry = Some(id.clone());
            }
            Test::In(..) | Test::Prefix(..) => {}
        }
    }
    // Neither streams nor time series have points in time before 1970.
    found.none |= found.times.is_some_and(|t| t.low > t.high || t.high < 0);
    found
}

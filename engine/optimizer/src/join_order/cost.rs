//! The cheapest way to each set of relations, at its source and here.

use std::collections::HashMap;

use headwater_source::key_share_max;

use super::hypergraph::{Pairing, Set, pairing, single};
use super::model::{Model, Side};
use super::prices::Prices;
use super::region::Kind;

/// Rows that a join of two sides returns are at least this share of the rows of a side that it keeps without a match.
const ANTI_SHARE_MIN: f64 = 0.1;

/// How a set comes about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum How {
    /// A relation as it is.
    Read,
    /// The source's rows come here.
    Fetch,
    /// Two sets, each at its source (true) or here, are joined.
    Join {
        /// The left side.
        left: (Set, bool),
        /// The right side.
        right: (Set, bool),
        /// Which rows are returned.
        kind: Kind,
        /// The operators that are applied.
        operators: Vec<usize>,
    },
}

/// One way to a set, with its cost in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) cost: f64,
    pub(super) how: How,
}

/// What is known of a set of relations.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) rows: f64,
    width: f64,
    /// The source of all of it.
    source: Option<usize>,
    /// Its rows are at the source.
    there: Option<Choice>,
    /// Its rows are here.
    here: Option<Choice>,
}

/// The sets that were reached.
#[derive(Debug, Default)]
pub(super) struct Memo {
    entries: HashMap<Set, Entry>,
}

impl Memo {
    /// The relations, each by itself.
    pub(super) fn new(model: &Model, prices: &Prices) -> Self {
        let mut memo = Self::default();
        for (number, relation) in model.relations.iter().enumerate() {
            let (set, rows) = (single(number), relation.rows);
            let width = model.width(set);
            let mut entry = Entry { rows, width, source: relation.source, there: None, here: None };
            let cost = rows * prices.scanned_row;
            match relation.source {
                Some(source) => {
                    entry.there = Some(Choice { cost, how: How::Read });
                    let cost = cost + prices.fetched(source, rows, width);
                    entry.here = Some(Choice { cost, how: How::Fetch });
                }
                None => entry.here = Some(Choice { cost, how: How::Read }),
            }
            memo.entries.insert(set, entry);
        }
        memo
    }

    /// The best way to a set.
    pub(super) fn choice(&self, set: Set, there: bool) -> Option<&Choice> {
        let entry = self.entries.get(&set)?;
        if there { entry.there.as_ref() } else { entry.here.as_ref() }
    }

    /// What is known of a set.
    pub(super) fn entry(&self, set: Set) -> Option<&Entry> {
        self.entries.get(&set)
    }

    /// The same without the sets of more than one relation.
    pub(super) fn bare(&self) -> Self {
        let one = self.entries.iter().filter(|(set, _)| set.count_ones() == 1);
        Self { entries: one.map(|(set, entry)| (*set, entry.clone())).collect() }
    }

    /// Joins two sets in every way; whether there is one.
    pub(super) fn join(&mut self, model: &Model, prices: &Prices, first: Set, second: Set) -> bool {
        let Some(pairing) = pairing(&model.operators, first, second) else { return false };
        let (left, right) = if pairing.turned { (second, first) } else { (first, second) };
        let Some((l, r)) = self.entries.get(&left).zip(self.entries.get(&right)) else { return false };
        let set = left | right;
        let found = self.entries.get(&set);
        let rows = found.map_or_else(|| joined_rows(model, &pairing, l.rows, r.rows), |entry| entry.rows);
        let width = found.map_or_else(|| model.width(set), |entry| entry.width);
        let join = Joining { model, prices, pairing: &pairing, left: (left, l), right: (right, r), rows, width };
        let source = l.source.filter(|s| r.source == Some(*s) && join.pushed());
        let there = source.and_then(|_| join.there());
        let mut here = [join.here(), join.bound(false), join.bound(true)].into_iter().flatten().collect::<Vec<_>>();
        if let Some((source, there)) = source.zip(there.as_ref()) {
            here.push(Choice { cost: there.cost + prices.fetched(source, rows, width), how: How::Fetch });
        }
        let here = here.into_iter().reduce(cheaper);
        let entry = self.entries.entry(set).or_insert_with(|| Entry { rows, width, source, there: None, here: None });
        entry.there = [entry.there.take(), there].into_iter().flatten().reduce(cheaper);
        entry.here = [entry.here.take(), here].into_iter().flatten().reduce(cheaper);
        if entry.source.is_none() && entry.there.is_some() {
            entry.source = source;
        }
        true
    }
}

/// The first of two when they cost the same, so that equal plans stay what they are.
fn cheaper(first: Choice, second: Choice) -> Choice {
    if second.cost < first.cost { second } else { first }
}

fn joined_rows(model: &Model, pairing: &Pairing, left: f64, right: f64) -> f64 {
    let conditions = pairing.operators.iter().filter_map(|i| model.conditions.get(*i));
    let matches = (left * right * conditions.map(|c| c.selectivity).product::<f64>()).max(1.0);
    match pairing.kind {
        Kind::Inner => matches,
        Kind::Left => matches.max(left),
        Kind::Semi => matches.min(left),
        Kind::Anti => (left - matches).max(left * ANTI_SHARE_MIN).max(1.0),
    }
}

/// Two sets that are joined.
struct Joining<'a> {
    model: &'a Model,
    prices: &'a Prices,
    pairing: &'a Pairing,
    left: (Set, &'a Entry),
    right: (Set, &'a Entry),
    rows: f64,
    width: f64,
}

impl Joining<'_> {
    fn pushed(&self) -> bool {
        self.pairing.operators.iter().all(|i| self.model.conditions.get(*i).is_some_and(|c| c.pushed))
    }

    fn how(&self, left: bool, right: bool) -> How {
        let (left, right) = ((self.left.0, left), (self.right.0, right));
        let (kind, operators) = (self.pairing.kind, self.pairing.operators.clone());
        // The smaller side of an inner join is the left one, which is read first.
        match kind == Kind::Inner && self.right.1.bytes() < self.left.1.bytes() {
            true => How::Join { left: right, right: left, kind, operators },
            false => How::Join { left, right, kind, operators },
        }
    }

    /// By their source.
    fn there(&self) -> Option<Choice> {
        let (left, right) = (self.left.1.there.as_ref()?, self.right.1.there.as_ref()?);
        let work = (self.left.1.rows + self.right.1.rows) * self.prices.source_row + self.rows * self.prices.output_row;
        Some(Choice { cost: left.cost + right.cost + work, how: self.how(true, true) })
    }

    /// Here, with all rows of both.
    fn here(&self) -> Option<Choice> {
        let (left, right) = (self.left.1.here.as_ref()?, self.right.1.here.as_ref()?);
        let cost = left.cost + right.cost + self.local(self.left.1.rows, self.right.1.rows);
        Some(Choice { cost, how: self.how(false, false) })
    }

    /// Here, where the keys of the smaller side restrict what is fetched of the other, which is the left one when `turned`.
    fn bound(&self, turned: bool) -> Option<Choice> {
        if turned && !matches!(self.pairing.kind, Kind::Inner | Kind::Semi) {
            return None;
        }
        let (build, probe) = if turned { (self.right, self.left) } else { (self.left, self.right) };
        let (here, source, there) = (build.1.here.as_ref()?, probe.1.source?, probe.1.there.as_ref()?);
        // A join that one source computes is a statement of it.
        let there_too = build.1.source == Some(source) && self.pushed();
        if there_too || build.1.bytes() >= probe.1.bytes() {
            return None;
        }
        let conditions = self.pairing.operators.iter().filter_map(|i| self.model.conditions.get(*i));
        let shares = conditions.flat_map(|c| &c.keys).filter_map(|(one, other)| {
            let of = |set: Set| [one, other].into_iter().find(|side| side.relations != 0 && side.relations & !set == 0);
            share(of(build.0)?, build.1.rows, of(probe.0)?, probe.1.rows)
        });
        let share = shares.reduce(f64::min)?;
        let rows = (probe.1.rows * share).max(1.0);
        let read = there.cost * share + self.prices.fetched(source, rows, probe.1.width);
        let cost = here.cost + read + self.local(build.1.rows, rows);
        Some(Choice { cost, how: self.how(turned, !turned) })
    }

    fn local(&self, left: f64, right: f64) -> f64 {
        let keyed =
            self.pairing.operators.iter().any(|i| self.model.conditions.get(*i).is_some_and(|c| !c.keys.is_empty()));
        let compared = match keyed {
            true => left.min(right) * self.prices.build_row + left.max(right) * self.prices.probe_row,
            // Without keys every pair is looked at.
            false => left * right * self.prices.pair,
        };
        compared + self.rows * (self.prices.output_row + self.width * self.prices.output_byte)
    }
}

impl Entry {
    fn bytes(&self) -> f64 {
        self.rows * self.width
    }
}

/// Share of the probe side that has the keys of the build side; `None` when they would not be sent.
fn share(build: &Side, build_rows: f64, probe: &Side, probe_rows: f64) -> Option<f64> {
    let keys = build.distinct.unwrap_or(build_rows).min(build_rows);
    let share = (keys / probe.distinct.unwrap_or(probe_rows).max(1.0)).min(1.0);
    (keys <= super::prices::KEYS_MAX && share <= key_share_max(keys)).then_some(share)
}

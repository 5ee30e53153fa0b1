//! Rows made ready for training: ordered, with derived columns, without those that have no target.

use headwater_common::{Error, Result};
use headwater_registry::Fingerprint;
use headwater_timeseries::Cancel;

use crate::context::Context;
use crate::data::order::canonical;
use crate::data::{Categories, MISSING, Table, Target, Values};
use crate::derive::{Derivation, Derived};
use crate::validation::{Fold, Folds};

/// The kind of prediction that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// A number.
    Regression,
    /// A class; numbers count as names.
    Classification,
}

/// What is to be trained, but for the algorithm.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The column that is predicted.
    pub target: String,
    /// What is predicted; `None` takes numbers as numbers and texts as classes.
    pub goal: Option<Goal>,
    /// Columns to predict from; all but the target and those of times when empty. Derived columns are always added.
    pub features: Vec<String>,
    /// Columns that are derived, and the time that gives rows their order.
    pub derivation: Derivation,
    /// Folds of the cross-validation, 2 or more.
    pub folds: usize,
    /// With a time: rows left out between what is fitted and what is judged. Lags are known when a row is judged, as they
    /// are when it is served: what is measured is one step ahead.
    pub gap: usize,
    /// The same seed and rows give the same model.
    pub seed: u64,
}

impl Spec {
    /// A training for a column, with five folds.
    pub fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            goal: None,
            features: Vec::new(),
            derivation: Derivation::default(),
            folds: 5,
            gap: 0,
            seed: 0,
        }
    }
}

/// Rows ready for training.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The spec.
    pub spec: Spec,
    /// Ordered rows that have a target, with derived columns.
    pub table: Table,
    /// Their targets.
    pub target: Target,
    /// Columns that features are made of.
    pub columns: Vec<String>,
    /// What derives columns when the model serves.
    pub derived: Derived,
    /// Seed, cancellation, order.
    pub context: Context,
    /// Rows without a target.
    pub left_out: usize,
    /// Fingerprint of all rows as they came, in any order.
    pub fingerprint: String,
}

impl Prepared {
    /// Makes rows ready. The order in which they come does not count: they are put in the order of time, or in one of their
    /// own that is as good as a shuffle. Errors: a column is missing or of the wrong kind, no feature is left, the target
    /// has infinite values or one class only, or fewer than two rows have a target. O(n log n).
    pub fn new(spec: &Spec, table: &Table, cancel: &Cancel) -> Result<Self> {
        table.values(&spec.target)?;
        if spec.folds < 2 {
            return Err(Error::invalid("cross-validation needs two folds or more"));
        }
        let times = match &spec.derivation.time {
            Some(name) => match table.values(name)? {
                Values::Times(times) => Some(times.as_slice()),
                other => return Err(Error::invalid(format!("column {name} has {}, not times", other.kind()))),
            },
            None => None,
        };
        let context = Context { seed: spec.seed, cancel: cancel.clone(), ordered: times.is_some() };
        let fingerprint = fingerprint(table);
        let ordered = table.take(&canonical(table, times, spec.seed));
        let (derived, ordered) = Derived::fit(&spec.derivation, &ordered)?;
        let (mut kept, mut target) = target_of(spec, &ordered)?;
        let left_out = ordered.rows() - kept.len();
        // The first rows of a series have no lags, and say nothing of how those count.
        let starts = derived.starts(&ordered)?;
        let later: Vec<usize> = (0..kept.len()).filter(|i| !starts[kept[*i]]).collect();
        if matches!(target, Target::Numbers(_)) && later.len() >= LATER_MIN && 2 * later.len() >= kept.len() {
            target = target.take(&later);
            kept = later.into_iter().map(|i| kept[i]).collect();
        }
        let table = ordered.take(&kept);
        let columns = columns_of(spec, &table)?;
        Ok(Self { spec: spec.clone(), table, target, columns, derived, context, left_out, fingerprint })
    }

    /// The folds: with a time, what is judged is later than all that is fitted, rows of the same time too; else stratified
    /// ones. Errors: too few rows.
    pub fn folds(&self) -> Result<Vec<Fold>> {
        let folds = self.spec.folds;
        let Some(times) = self.times() else { return Folds::Stratified(folds).split(&self.target) };
        let mut out = Folds::Time { folds, gap: self.spec.gap }.split(&self.target)?;
        for fold in &mut out {
            let start = fold.test.first().map(|r| times[*r]);
            fold.train.retain(|r| Some(times[*r]) < start);
            enough(fold.train.len())?;
        }
        Ok(out)
    }
}

impl Prepared {
    fn times(&self) -> Option<&[Option<i64>]> {
        match self.table.find(self.spec.derivation.time.as_ref()?)? {
            Values::Times(times) => Some(times),
            _ => None,
        }
    }
}

/// Columns to learn from. Errors: one is not there or is the target, or there are none.
fn columns_of(spec: &Spec, table: &Table) -> Result<Vec<String>> {
    let given = spec.features.iter().try_for_each(|name| match table.values(name) {
        Ok(_) if *name == spec.target => Err(Error::invalid(format!("column {name} is the target and no feature"))),
        other => other.map(|_| ()),
    });
    given?;
    let derived = crate::derive::names(&spec.derivation);
    let wanted = |name: &String| {
        *name != spec.target && (spec.features.is_empty() || spec.features.contains(name) || derived.contains(name))
    };
    let usable = |c: &&crate::data::Column| !matches!(c.values, Values::Times(_)) && wanted(&c.name);
    let columns: Vec<String> = table.columns().iter().filter(usable).map(|c| c.name.clone()).collect();
    match columns.is_empty() {
        true => Err(Error::invalid("there is no column to predict from")),
        false => Ok(columns),
    }
}

/// Rows behind the first ones of their series without which those are learnt from, too.
const LATER_MIN: usize = 10;

/// Most classes of which some may have a row or two.
const RARE_MAX: usize = 20;

/// Most numbers with fractions that are taken for classes.
const FRACTIONS_MAX: usize = 20;

/// Rows that have a target, and the target.
fn target_of(spec: &Spec, table: &Table) -> Result<(Vec<usize>, Target)> {
    let named;
    let categories = match (table.values(&spec.target)?, spec.goal) {
        (Values::Numbers(x), None | Some(Goal::Regression)) => {
            let kept: Vec<usize> = (0..x.len()).filter(|r| !x[*r].is_nan()).collect();
            enough(kept.len())?;
            let target = Target::numbers(kept.iter().map(|r| x[*r]).collect())?;
            return Ok((kept, target));
        }
        (Values::Numbers(x), Some(Goal::Classification)) => {
            let texts: Vec<Option<String>> = x.iter().map(|v| (!v.is_nan()).then(|| (v + 0.0).to_string())).collect();
            named = Categories::of_texts(&texts);
            if named.names().len() > FRACTIONS_MAX && x.iter().any(|v| v.fract().abs() > 0.0) {
                let (name, count) = (&spec.target, named.names().len());
                return Err(Error::invalid(format!(
                    "the target {name} has {count} different numbers with fractions, which are no classes; use regression"
                )));
            }
            &named
        }
        (Values::Categories(x), None | Some(Goal::Classification)) => x,
        (other, _) => {
            return Err(Error::invalid(format!("the target {} has {}, not numbers", spec.target, other.kind())));
        }
    };
    let kept: Vec<usize> = (0..table.rows()).filter(|r| categories.codes()[*r] != MISSING).collect();
    enough(kept.len())?;
    let count = categories.names().len();
    if count > RARE_MAX && 2 * count > kept.len() {
        return Err(Error::invalid(format!(
            "the target {} has {count} different values in {} rows, which are no classes; is it an id?",
            spec.target,
            kept.len()
        )));
    }
    let codes = kept.iter().map(|r| categories.codes()[*r]).collect();
    let target = Target::classes(&Categories::new(codes, categories.names().to_vec())?)?;
    Ok((kept, target))
}

fn enough(rows: usize) -> Result<()> {
    if rows < 2 { Err(Error::invalid("a model needs two rows or more with a target")) } else { Ok(()) }
}

fn fingerprint(table: &Table) -> String {
    let mut columns: Vec<&crate::data::Column> = table.columns().iter().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<(&str, &str)> = columns.iter().map(|c| (c.name.as_str(), c.values.kind())).collect();
    let mut fingerprint = Fingerprint::new(&names);
    let mut bytes = Vec::new();
    for row in 0..table.rows() {
        bytes.clear();
        columns.iter().for_each(|c| crate::derive::push_key(&mut bytes, &c.values, row));
        fingerprint.row(&bytes);
    }
    fingerprint.finish()
}

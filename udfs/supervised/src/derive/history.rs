//! Lags and rolling statistics, with the last rows of training kept for serving.

use std::collections::BTreeMap;

use headwater_common::{Error, Result};
use headwater_registry::record;

use crate::data::{Column, Table, Values};
use crate::derive::calendar::parts;
use crate::derive::spec::Derivation;

/// Most numbers that are kept of the end of the training rows.
const KEPT_MAX: usize = 4_000_000;

/// A time and the values of the sources then.
#[derive(Debug, Clone, PartialEq)]
struct Moment {
    time: i64,
    values: Vec<f64>,
}

record!(Moment { time, values });

/// The end of what was seen of some ids.
#[derive(Debug, Clone, PartialEq)]
struct Tail {
    key: Vec<u8>,
    moments: Vec<Moment>,
}

record!(Tail { key, moments });

/// Moments in the order of time, by ids.
type Series = BTreeMap<Vec<u8>, Vec<Moment>>;

/// A derivation together with the end of the training rows, so that served rows have the lags they would have had in
/// training.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    spec: Derivation,
    /// What kind of values each id has.
    kinds: Vec<String>,
    /// In the order of keys.
    tails: Vec<Tail>,
}

record!(Derived { spec, kinds, tails } check check);

impl Derived {
    fn check(&self) -> Result<()> {
        let width = self.spec.sources().len();
        let ordered = self.tails.windows(2).all(|w| w[0].key < w[1].key);
        let timely = |t: &Tail| t.moments.windows(2).all(|w| w[0].time <= w[1].time);
        let wide = |t: &Tail| t.moments.iter().all(|m| m.values.len() == width);
        match ordered && self.kinds.len() == self.spec.ids.len() && self.tails.iter().all(|t| timely(t) && wide(t)) {
            true => Ok(()),
            false => Err(headwater_registry::codec::damaged("kept rows do not fit together")),
        }
    }

    /// Derives the columns of training rows and keeps their end. Errors: a column is missing or of the wrong kind, times
    /// are missing, or too much would be kept. O(rows log rows + rows x window).
    pub fn fit(spec: &Derivation, table: &Table) -> Result<(Self, Table)> {
        spec.check()?;
        let mut new = Self { spec: spec.clone(), kinds: Vec::new(), tails: Vec::new() };
        for id in &spec.ids {
            new.kinds.push(table.values(id)?.kind().to_owned());
        }
        for source in spec.sources() {
            table.numbers(source)?;
        }
        let (out, mut series) = new.derive(table)?;
        for moments in series.values_mut() {
            moments.drain(..moments.len().saturating_sub(spec.reach()));
        }
        let kept: usize = series.values().map(|m| m.len() * (spec.sources().len() + 1)).sum();
        if kept > KEPT_MAX {
            return Err(Error::invalid("lags over so many ids keep too many rows; shorten the lags and windows"));
        }
        new.tails = series.into_iter().map(|(key, moments)| Tail { key, moments }).collect();
        Ok((new, out))
    }

    /// Derives the columns of rows in any order; the rows stay in theirs. A row's history is what was kept of training and
    /// the other rows with its ids, as far as their time is earlier; a source that is not there is missing.
    /// Errors: as of [`Derived::fit`].
    pub fn transform(&self, table: &Table) -> Result<Table> {
        Ok(self.derive(table)?.0)
    }

    /// For each row whose value of a source is not known, how many such times of its ids are before it; `None` for other rows, and
    /// when the column is no source.
    pub(crate) fn unknown(&self, table: &Table, column: &str) -> Result<Vec<Option<usize>>> {
        let mut out = vec![None; table.rows()];
        let (Some(name), Ok(place)) = (&self.spec.time, self.spec.sources().binary_search(&column)) else { return Ok(out) };
        let Values::Times(times) = table.values(name)? else { return Ok(out) };
        for (key, rows) in self.rows_by_key(table)? {
            let moments = self.moments(table, times, &key, &rows)?;
            let known = |time: i64| {
                let start = moments.partition_point(|m| m.time < time);
                moments[start..].iter().take_while(|m| m.time == time).any(|m| !m.values[place].is_nan())
            };
            let time = |row: usize| times[row].unwrap_or(i64::MIN);
            let mut open: Vec<i64> = rows.iter().map(|row| time(*row)).filter(|time| !known(*time)).collect();
            open.sort_unstable();
            open.dedup();
            rows.iter().for_each(|row| out[*row] = open.binary_search(&time(*row)).ok());
        }
        Ok(out)
    }

    /// Rows with fewer rows of their ids before them than the longest lag reaches back.
    pub(crate) fn starts(&self, table: &Table) -> Result<Vec<bool>> {
        let mut out = vec![false; table.rows()];
        let longest = self.spec.lags.iter().map(|lag| lag.steps).max().unwrap_or(0);
        let (Some(name), true) = (&self.spec.time, longest > 0) else { return Ok(out) };
        let Values::Times(times) = table.values(name)? else { return Ok(out) };
        for rows in self.rows_by_key(table)?.into_values() {
            let mut sorted: Vec<Option<i64>> = rows.iter().map(|row| times[*row]).collect();
            sorted.sort_unstable();
            rows.iter().for_each(|row| out[*row] = sorted.partition_point(|time| *time < times[*row]) < longest);
        }
        Ok(out)
    }

    /// The derivation.
    pub fn spec(&self) -> &Derivation {
        &self.spec
    }

    fn derive(&self, table: &Table) -> Result<(Table, Series)> {
        let mut columns = table.columns().to_vec();
        let Some(name) = &self.spec.time else { return Ok((table.clone(), BTreeMap::new())) };
        let Values::Times(times) = table.values(name)? else {
            return Err(Error::invalid(format!("column {name} has no times")));
        };
        if self.spec.calendar {
            columns.extend(parts(name, times));
        }
        let mut all = BTreeMap::new();
        if self.spec.reach() > 0 {
            let mut made: Vec<Vec<f64>> =
                vec![vec![f64::NAN; table.rows()]; self.spec.lags.len() + self.spec.rolling.len()];
            let sources = self.spec.sources();
            for (key, rows) in self.rows_by_key(table)? {
                let moments = self.moments(table, times, &key, &rows)?;
                for &row in &rows {
                    let time = times[row].unwrap_or(i64::MIN);
                    let past = &moments[..moments.partition_point(|m| m.time < time)];
                    self.derive_row(past, row, &sources, &mut made);
                }
                all.insert(key, moments);
            }
            columns.extend(lag_names(&self.spec).zip(made).map(|(name, values)| Column::numbers(&name, values)));
        }
        Ok((Table::new(columns)?, all))
    }

    /// Rows by their ids, written so that different ids have different keys.
    fn rows_by_key(&self, table: &Table) -> Result<BTreeMap<Vec<u8>, Vec<usize>>> {
        let mut ids = Vec::new();
        for (id, kind) in self.spec.ids.iter().zip(&self.kinds) {
            let values = table.values(id)?;
            if values.kind() != kind {
                return Err(Error::invalid(format!(
                    "column {id} has {}; the model was trained with {kind}",
                    values.kind()
                )));
            }
            ids.push(values);
        }
        let mut out: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for row in 0..table.rows() {
            let mut key = Vec::new();
            ids.iter().for_each(|values| push_key(&mut key, values, row));
            out.entry(key).or_default().push(row);
        }
        Ok(out)
    }

    /// Everything known of some ids, in the order of time. Of a time that was kept and is there again, what is missing in
    /// the row is taken from what was kept.
    fn moments(&self, table: &Table, times: &[Option<i64>], key: &[u8], rows: &[usize]) -> Result<Vec<Moment>> {
        let sources: Vec<Option<&[f64]>> = self
            .spec
            .sources()
            .into_iter()
            .map(|name| table.find(name).map(|_| table.numbers(name)).transpose())
            .collect::<Result<_>>()?;
        let mut moments = Vec::with_capacity(rows.len());
        for &row in rows {
            let time = times[row]
                .ok_or_else(|| Error::invalid("rows with lags need a time; filter out those whose time is missing"))?;
            moments.push(Moment { time, values: sources.iter().map(|s| s.map_or(f64::NAN, |s| s[row])).collect() });
        }
        sort(&mut moments);
        if let Ok(at) = self.tails.binary_search_by(|t| t.key.as_slice().cmp(key)) {
            let mut kept = Vec::new();
            for old in &self.tails[at].moments {
                let start = moments.partition_point(|m| m.time < old.time);
                let same = moments[start..].iter_mut().take_while(|m| m.time == old.time);
                let mut found = false;
                for new in same {
                    found = true;
                    new.values.iter_mut().zip(&old.values).filter(|(n, _)| n.is_nan()).for_each(|(n, o)| *n = *o);
                }
                if !found {
                    kept.push(old.clone());
                }
            }
            moments.extend(kept);
            sort(&mut moments);
        }
        Ok(moments)
    }

    fn derive_row(&self, past: &[Moment], row: usize, sources: &[&str], made: &mut [Vec<f64>]) {
        let place = |column: &str| sources.binary_search(&column).unwrap_or(0);
        for (lag, made) in self.spec.lags.iter().zip(made.iter_mut()) {
            if let Some(at) = past.len().checked_sub(lag.steps) {
                made[row] = past[at].values[place(&lag.column)];
            }
        }
        for (rolling, made) in self.spec.rolling.iter().zip(made.iter_mut().skip(self.spec.lags.len())) {
            let at = place(&rolling.column);
            let window = &past[past.len().saturating_sub(rolling.window)..];
            let values: Vec<f64> = window.iter().map(|m| m.values[at]).filter(|v| !v.is_nan()).collect();
            made[row] = rolling.statistic.of(&values);
        }
    }
}

fn lag_names(spec: &Derivation) -> impl Iterator<Item = String> {
    let lags = spec.lags.iter().map(|l| format!("{} lag {}", l.column, l.steps));
    let name = |r: &super::Rolling| format!("{} {} of {} before", r.column, r.statistic.name(), r.window);
    lags.chain(spec.rolling.iter().map(name))
}

/// Names of all derived columns.
pub(crate) fn names(spec: &Derivation) -> Vec<String> {
    let time = spec.time.iter().filter(|_| spec.calendar);
    let parts = time.flat_map(|time| parts(time, &[]).into_iter().map(|c| c.name));
    parts.chain(lag_names(spec)).collect()
}

/// By time; of one time by value, so that the order does not depend on how rows arrive.
fn sort(moments: &mut [Moment]) {
    moments.sort_by(|a, b| {
        let by_value = || a.values.iter().zip(&b.values).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        a.time.cmp(&b.time).then_with(|| by_value().unwrap_or(std::cmp::Ordering::Equal))
    });
}

/// Appends a value such that different values have different bytes.
pub(crate) fn push_key(key: &mut Vec<u8>, values: &Values, row: usize) {
    match values {
        Values::Numbers(x) => key.extend(crate::data::order::bits(x[row]).to_le_bytes()),
        Values::Times(x) => {
            key.push(u8::from(x[row].is_some()));
            key.extend(x[row].unwrap_or(0).to_le_bytes());
        }
        Values::Categories(x) => {
            let name = x.name(row);
            key.extend(name.map_or(u64::MAX, |n| n.len() as u64).to_le_bytes());
            key.extend(name.unwrap_or_default().as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Lag, Rolling, Statistic};
    use super::*;

    fn spec() -> Derivation {
        Derivation {
            time: Some("t".into()),
            ids: vec!["id".into()],
            calendar: false,
            lags: vec![Lag { column: "y".into(), steps: 2 }],
            rolling: vec![Rolling { column: "y".into(), window: 3, statistic: Statistic::Mean }],
        }
    }

    fn table(ids: &[&str], times: &[i64], y: &[f64]) -> Table {
        let ids: Vec<Option<&str>> = ids.iter().map(|i| Some(*i)).collect();
        let times = times.iter().map(|t| Some(*t)).collect();
        Table::new(vec![Column::texts("id", &ids), Column::times("t", times), Column::numbers("y", y.to_vec())]).unwrap()
    }

    fn made(table: &Table) -> (Vec<f64>, Vec<f64>) {
        (table.numbers("y lag 2").unwrap().to_vec(), table.numbers("y mean of 3 before").unwrap().to_vec())
    }

    fn same(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }

    #[test]
    fn rows_see_earlier_rows_of_their_own_ids_only() {
        let train = table(&["a", "b", "a", "a", "b", "a"], &[1, 1, 2, 3, 2, 4], &[1.0, 10.0, 2.0, 3.0, 20.0, 4.0]);
        let (_, out) = Derived::fit(&spec(), &train).unwrap();
        let (lags, means) = made(&out);
        assert!(same(&lags, &[f64::NAN, f64::NAN, f64::NAN, 1.0, f64::NAN, 2.0]), "{lags:?}");
        assert!(same(&means, &[f64::NAN, f64::NAN, 1.0, 1.5, 10.0, 2.0]), "{means:?}");
    }

    #[test]
    fn served_rows_have_what_training_rows_would_have_had() {
        let times: Vec<i64> = (0..12).collect();
        let y: Vec<f64> = times.iter().map(|t| (*t * *t) as f64).collect();
        let ids = ["a"; 12];
        let whole = made(&Derived::fit(&spec(), &table(&ids, &times, &y)).unwrap().1);
        let (derived, _) = Derived::fit(&spec(), &table(&ids[..8], &times[..8], &y[..8])).unwrap();
        // In any order, with the rows before or only with what was kept.
        for start in [0, 6, 8] {
            let back: Vec<usize> = (start..12).rev().collect();
            let served = derived
                .transform(&table(
                    &ids[start..],
                    &back.iter().map(|r| times[*r]).collect::<Vec<_>>(),
                    &back.iter().map(|r| y[*r]).collect::<Vec<_>>(),
                ))
                .unwrap();
            let (lags, means) = made(&served);
            for (at, row) in back.iter().enumerate() {
                // What was before the kept rows is not known when it is not served.
                let reach = *row >= 8 || start == 0;
                assert!(!reach || same(&lags[at..=at], &whole.0[*row..=*row]), "{start} {row}");
                assert!(!reach || same(&means[at..=at], &whole.1[*row..=*row]), "{start} {row}");
            }
        }
    }

    #[test]
    fn without_the_source_only_kept_values_count_and_unknown_ids_have_none() {
        let (derived, _) = Derived::fit(&spec(), &table(&["a"; 4], &[1, 2, 3, 4], &[1.0, 2.0, 3.0, 4.0])).unwrap();
        let ids = Column::texts("id", &[Some("a"), Some("a"), Some("new")]);
        let times = Column::times("t", vec![Some(5), Some(6), Some(5)]);
        let served = derived.transform(&Table::new(vec![ids, times.clone()]).unwrap()).unwrap();
        let (lags, means) = made(&served);
        assert!(same(&lags, &[3.0, 4.0, f64::NAN]), "{lags:?}");
        assert!(same(&means, &[3.0, 3.5, f64::NAN]), "{means:?}");
        let numbers = Column::numbers("id", vec![1.0; 3]);
        let wrong = derived.transform(&Table::new(vec![numbers, times]).unwrap()).unwrap_err();
        assert!(wrong.message().contains("trained with texts"));
    }

    #[test]
    fn rows_of_one_time_do_not_see_each_other() {
        let (_, out) = Derived::fit(&spec(), &table(&["a"; 4], &[1, 2, 2, 3], &[1.0, 7.0, 5.0, 0.0])).unwrap();
        let (lags, means) = made(&out);
        assert!(same(&lags, &[f64::NAN, f64::NAN, f64::NAN, 5.0]), "{lags:?}");
        assert!(same(&means[1..3], &[1.0, 1.0]));
    }

    #[test]
    fn derivations_that_make_no_sense_are_errors() {
        let rows = table(&["a"; 2], &[1, 2], &[1.0, 2.0]);
        let without_time = Derivation { time: None, ..spec() };
        assert!(Derived::fit(&without_time, &rows).is_err());
        let zero = Derivation { lags: vec![Lag { column: "y".into(), steps: 0 }], ..spec() };
        assert!(Derived::fit(&zero, &rows).is_err());
        let of_text = Derivation { lags: vec![Lag { column: "id".into(), steps: 1 }], ..spec() };
        assert!(Derived::fit(&of_text, &rows).unwrap_err().message().contains("has texts"));
        let no_time = Derivation { time: Some("y".into()), ..spec() };
        assert!(Derived::fit(&no_time, &rows).unwrap_err().message().contains("has no times"));
    }
}

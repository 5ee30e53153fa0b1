//! Folds of cross-validation.

use std::ops::Range;

use headwater_common::{Error, Result};
use headwater_timeseries::random::Random;

use crate::context::Context;
use crate::data::Target;

/// Keeps the draw of held out rows apart from the other draws of a seed.
const HOLDOUT_SALT: u64 = 0x686f_6c64;

/// Rows that are fitted and rows that are judged by the fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to fit, in order.
    pub train: Vec<usize>,
    /// Rows to judge, in order.
    pub test: Vec<usize>,
}

/// How rows are put into folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folds {
    /// Neighbouring rows make a fold, as they come.
    Plain(usize),
    /// Every fold has about the same share of each class, or of each part of a target of numbers in its order.
    Stratified(usize),
    /// Rows are in the order of time; what is judged is later than all that is fitted (Hyndman & Athanasopoulos,
    /// "Forecasting: principles and practice", 2021, 5.10).
    Time {
        /// Number of folds.
        folds: usize,
        /// Rows left out between what is fitted and what is judged.
        gap: usize,
    },
}

impl Folds {
    /// Number of folds.
    pub fn count(&self) -> usize {
        match self {
            Self::Plain(folds) | Self::Stratified(folds) | Self::Time { folds, .. } => *folds,
        }
    }

    /// Makes the folds. `Plain` and `Time` are those of scikit-learn's KFold and TimeSeriesSplit.
    /// Errors: fewer than two folds, or too few rows for them. O(n log n).
    pub fn split(&self, target: &Target) -> Result<Vec<Fold>> {
        let (rows, count) = (target.len(), self.count());
        if count < 2 {
            return Err(Error::invalid("cross-validation needs two folds or more"));
        }
        let few = || Error::invalid(format!("{rows} rows are too few for {count} folds"));
        if rows < count {
            return Err(few());
        }
        match *self {
            Self::Plain(_) => Ok((0..count).map(|fold| complement(rows, &even(rows, count, fold))).collect()),
            Self::Stratified(_) => Ok(dealt(target, count)),
            Self::Time { gap, .. } => {
                let size = rows / (count + 1);
                let fold = |fold: usize| {
                    let start = rows - (count - fold) * size;
                    let train: Vec<usize> = (0..start.checked_sub(gap)?).collect();
                    (train.len() >= 2).then(|| Fold { train, test: (start..start + size).collect() })
                };
                (0..count).map(fold).collect::<Option<Vec<_>>>().filter(|_| size > 0).ok_or_else(few)
            }
        }
    }
}

/// Rows of a fold when the first folds have one row more.
fn even(rows: usize, count: usize, fold: usize) -> Range<usize> {
    let (size, over) = (rows / count, rows % count);
    let start = fold * size + fold.min(over);
    start..start + size + usize::from(fold < over)
}

fn complement(rows: usize, test: &Range<usize>) -> Fold {
    Fold { train: (0..rows).filter(|r| !test.contains(r)).collect(), test: test.clone().collect() }
}

/// Deals rows of each class, or rows in the order of a number, to folds in turn.
fn dealt(target: &Target, count: usize) -> Vec<Fold> {
    let mut order: Vec<usize> = (0..target.len()).collect();
    match target {
        Target::Numbers(values) => order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b))),
        Target::Classes { codes, .. } => order.sort_by_key(|&r| (codes[r], r)),
    }
    let mut fold_of = vec![0; target.len()];
    order.iter().enumerate().for_each(|(place, &row)| fold_of[row] = place % count);
    let rows = |fold, same| (0..target.len()).filter(|&r| (fold_of[r] == fold) == same).collect();
    (0..count).map(|fold| Fold { train: rows(fold, false), test: rows(fold, true) }).collect()
}

/// Rows to fit and a share of rows to judge: the latest of ordered rows, else drawn within each class by the seed. When
/// too few are left, nothing is held out. O(n log n).
pub fn holdout(target: &Target, share: f64, context: &Context) -> (Vec<u32>, Vec<u32>) {
    let rows = target.len() as u32;
    let held = (share * f64::from(rows)).round() as u32;
    if held == 0 || rows < held + 2 {
        return ((0..rows).collect(), Vec::new());
    }
    if context.ordered {
        return ((0..rows - held).collect(), (rows - held..rows).collect());
    }
    let mut random = Random::new(context.seed ^ HOLDOUT_SALT);
    let mut order: Vec<(u32, u64, u32)> = (0..rows)
        .map(|row| match target {
            Target::Numbers(_) => (0, random.bits(), row),
            Target::Classes { codes, .. } => (codes[row as usize], random.bits(), row),
        })
        .collect();
    order.sort_unstable();
    // Every 1/share-th row of this order: each class gives its share.
    let (all, part) = (u64::from(rows), u64::from(held));
    let taken = |place: u64| (place + 1) * part / all > place * part / all;
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (place, (_, _, row)) in (0..).zip(order) {
        if taken(place) { test.push(row) } else { train.push(row) }
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u32) -> Target {
        Target::Numbers((0..count).map(|i| f64::from(i * 7 % 11)).collect())
    }

    fn classes() -> Target {
        let codes = (0..100).map(|i| u32::from(i % 10 == 3)).collect();
        Target::Classes { codes, names: vec!["a".into(), "b".into()] }
    }

    #[test]
    fn each_row_is_judged_once_and_never_by_a_fit_that_saw_it() {
        for folds in [Folds::Plain(3), Folds::Stratified(3)] {
            let split = folds.split(&numbers(11)).unwrap();
            let mut judged: Vec<usize> = split.iter().flat_map(|f| f.test.clone()).collect();
            judged.sort_unstable();
            assert_eq!(judged, (0..11).collect::<Vec<_>>());
            assert!(
                split.iter().all(|f| f.train.len() + f.test.len() == 11 && f.train.iter().all(|r| !f.test.contains(r)))
            );
        }
        let sizes: Vec<usize> = Folds::Plain(3).split(&numbers(11)).unwrap().iter().map(|f| f.test.len()).collect();
        assert_eq!(sizes, [4, 4, 3]);
    }

    #[test]
    fn strata_keep_the_share_of_each_class() {
        let target = classes();
        for fold in Folds::Stratified(5).split(&target).unwrap() {
            let Target::Classes { codes, .. } = target.take(&fold.test) else { panic!() };
            assert_eq!((codes.len(), codes.iter().sum::<u32>()), (20, 2));
        }
        let (train, held) = holdout(&target, 0.3, &Context::default());
        let rows: Vec<usize> = held.iter().map(|r| *r as usize).collect();
        let Target::Classes { codes, .. } = target.take(&rows) else { panic!() };
        assert_eq!((train.len(), codes.len(), codes.iter().sum::<u32>()), (70, 30, 3));
    }

    #[test]
    fn time_goes_forward_and_leaves_the_gap() {
        let split = Folds::Time { folds: 3, gap: 2 }.split(&numbers(22)).unwrap();
        let shape: Vec<_> = split.iter().map(|f| (f.train.len(), f.test[0], f.test.len())).collect();
        assert_eq!(shape, [(5, 7, 5), (10, 12, 5), (15, 17, 5)]);
        assert!(Folds::Time { folds: 3, gap: 6 }.split(&numbers(22)).is_err());
        assert!(Folds::Time { folds: 9, gap: 0 }.split(&numbers(9)).is_err());
        assert!(Folds::Plain(1).split(&numbers(9)).is_err() && Folds::Plain(10).split(&numbers(9)).is_err());
        let ordered = Context { ordered: true, ..Context::default() };
        assert_eq!(holdout(&numbers(10), 0.2, &ordered).1, [8, 9]);
        assert!(holdout(&numbers(2), 0.5, &ordered).1.is_empty());
        let (train, held) = holdout(&Target::Numbers(vec![0.0; 150_000]), 0.3, &Context::default());
        assert_eq!((train.len(), held.len()), (105_000, 45_000));
    }
}

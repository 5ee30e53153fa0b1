//! Categories as the mean of the target they had.

use std::collections::BTreeMap;

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::record;

use crate::data::{Categories, Target};
use crate::scale::Scale;

/// Rows that the overall mean counts for beside those of a category.
pub(crate) const PRIOR_ROWS: f64 = 10.0;
/// Most categories with a mean of their own; rarer ones have the overall mean.
const NAMES_MAX: usize = 10_000;
const FOLDS: usize = 5;

/// Target means of categories, pulled towards the overall mean (Micci-Barreca, "A preprocessing scheme for high-cardinality
/// categorical attributes", 2001). Numbers are scaled before; of classes each but the first has its share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetMean {
    /// In order.
    names: Vec<String>,
    /// Output by output: mean of each name, then of missing values.
    means: Vec<Vec<f64>>,
    /// Output by output: the mean of categories that training rows did not have.
    prior: Vec<f64>,
}

record!(TargetMean { names, means, prior } check check);

/// Sum and number of rows of each category.
type Tally = Vec<(f64, f64)>;

fn mean(tally: (f64, f64), prior: f64) -> f64 {
    (tally.0 + PRIOR_ROWS * prior) / (tally.1 + PRIOR_ROWS)
}

impl TargetMean {
    fn check(&self) -> Result<()> {
        let ordered = self.names.windows(2).all(|w| w[0] < w[1]);
        let fits = self.means.iter().all(|m| m.len() == self.names.len() + 1) && self.means.len() == self.prior.len();
        if ordered && fits { Ok(()) } else { Err(damaged("means of categories do not fit together")) }
    }

    /// Learns the means, and gives each training row a mean that its own target has no part in: of the rows before it when
    /// they are in the order of time (Prokhorenkova et al., "CatBoost", 2018, ordered target statistics), else of the other
    /// four of five folds. O(rows x outputs + rows log rows).
    pub(crate) fn fit(categories: &Categories, target: &Target, ordered: bool) -> (Self, Vec<Vec<f64>>) {
        let names = frequent(categories);
        let places = places(categories, &names);
        let mut new = Self { names, means: Vec::new(), prior: Vec::new() };
        let mut columns = Vec::new();
        for answers in outputs(target) {
            let size = new.names.len() + 1;
            let prior = answers.iter().sum::<f64>() / answers.len().max(1) as f64;
            let mut all: Tally = vec![(0.0, 0.0); size];
            add(&mut all, &places, &answers, |_| true);
            columns.push(match ordered {
                true => running(&places, &answers, size),
                false => out_of_fold(&places, &answers, &all),
            });
            new.means.push(all.into_iter().map(|t| mean(t, prior)).collect());
            new.prior.push(prior);
        }
        (new, columns)
    }

    /// Number of columns.
    pub(crate) fn outputs(&self) -> usize {
        self.prior.len()
    }

    /// The means of rows, output by output. O(rows x outputs).
    pub(crate) fn columns(&self, categories: &Categories) -> Vec<Vec<f64>> {
        let places = places(categories, &self.names);
        let of = |(means, prior): (&Vec<f64>, &f64)| places.iter().map(|p| p.map_or(*prior, |p| means[p])).collect();
        self.means.iter().zip(&self.prior).map(of).collect()
    }
}

/// The target as numbers: scaled, or the indicator of each class but the first.
fn outputs(target: &Target) -> Vec<Vec<f64>> {
    let mut answers = target.indicators();
    match target {
        Target::Numbers(values) => {
            let scale = Scale::of(values);
            answers.iter_mut().flatten().for_each(|a| *a = scale.forward(*a));
        }
        Target::Classes { .. } => {
            answers.remove(0);
        }
    }
    answers
}

/// The most frequent names, in order.
fn frequent(categories: &Categories) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..categories.codes().len() {
        if let Some(name) = categories.name(row) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    order.truncate(NAMES_MAX);
    let mut names: Vec<String> = order.into_iter().map(|o| o.0.to_owned()).collect();
    names.sort_unstable();
    names
}

/// Place of each row's name; that of missing values is behind all names, unknown ones have none.
pub(crate) fn places(categories: &Categories, names: &[String]) -> Vec<Option<usize>> {
    let of_code: Vec<Option<usize>> = categories.names().iter().map(|n| names.binary_search(n).ok()).collect();
    categories.codes().iter().map(|c| of_code.get(*c as usize).copied().unwrap_or(Some(names.len()))).collect()
}

fn add(tally: &mut [(f64, f64)], places: &[Option<usize>], answers: &[f64], counts: impl Fn(usize) -> bool) {
    for (row, place) in places.iter().enumerate().filter(|(row, _)| counts(*row)) {
        if let Some(place) = place {
            tally[*place].0 += answers[row];
            tally[*place].1 += 1.0;
        }
    }
}

fn running(places: &[Option<usize>], answers: &[f64], size: usize) -> Vec<f64> {
    let mut tally: Tally = vec![(0.0, 0.0); size];
    let mut before = (0.0, 0.0_f64);
    let mut out = Vec::with_capacity(places.len());
    for (place, answer) in places.iter().zip(answers) {
        let prior = before.0 / before.1.max(1.0);
        out.push(place.map_or(prior, |p| mean(tally[p], prior)));
        if let Some(place) = place {
            tally[*place].0 += answer;
            tally[*place].1 += 1.0;
        }
        before = (before.0 + answer, before.1 + 1.0);
    }
    out
}

fn out_of_fold(places: &[Option<usize>], answers: &[f64], all: &[(f64, f64)]) -> Vec<f64> {
    let mut out = vec![0.0; places.len()];
    for fold in 0..FOLDS {
        let mut inside: Tally = vec![(0.0, 0.0); all.len()];
        add(&mut inside, places, answers, |row| row % FOLDS == fold);
        let rows = || (fold..places.len()).step_by(FOLDS);
        let sum: f64 = answers.iter().sum::<f64>() - rows().map(|r| answers[r]).sum::<f64>();
        let prior = sum / (answers.len() - rows().count()).max(1) as f64;
        for row in rows() {
            let others = |p: usize| (all[p].0 - inside[p].0, all[p].1 - inside[p].1);
            out[row] = places[row].map_or(prior, |p| mean(others(p), prior));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A category that each row has for itself says nothing about rows: its mean must not repeat the row's target.
    #[test]
    fn a_row_has_no_part_in_its_own_mean() {
        let texts: Vec<Option<String>> = (0..100).map(|i| Some(format!("id{i:03}"))).collect();
        let categories = Categories::of_texts(&texts);
        let target = Target::Numbers((0..100).map(|i| f64::from(i % 2)).collect());
        for ordered in [false, true] {
            let (fitted, columns) = TargetMean::fit(&categories, &target, ordered);
            let Target::Numbers(values) = &target else { panic!() };
            let together: f64 = columns[0].iter().zip(values).map(|(c, y)| c * (y - 0.5)).sum();
            assert!(together <= 1e-9, "{together}");
            let served = fitted.columns(&categories);
            assert!(served[0][1] > 0.0 && served[0][0] < 0.0);
        }
    }

    #[test]
    fn unknown_and_missing_categories_have_means() {
        let categories = Categories::of_texts(&[Some("a"), Some("a"), None, None, Some("b")]);
        let names = vec!["n".to_owned(), "y".to_owned()];
        let target = Target::Classes { codes: vec![1, 1, 0, 0, 1], names };
        let (fitted, _) = TargetMean::fit(&categories, &target, false);
        let served = fitted.columns(&Categories::of_texts(&[Some("zzz"), None, Some("a")]));
        assert!((served[0][0] - 0.6).abs() < 1e-12);
        assert!((served[0][1] - 6.0 / 12.0).abs() < 1e-12);
        assert!((served[0][2] - 8.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn no_later_row_counts_in_the_order_of_time() {
        let categories = Categories::of_texts(&[Some("a"); 20]);
        let early =
            Target::Classes { codes: (0..20).map(|i| u32::from(i < 10)).collect(), names: vec!["n".into(), "y".into()] };
        let late = Target::Classes {
            codes: (0..20).map(|i| u32::from(!(10..=15).contains(&i))).collect(),
            names: vec!["n".into(), "y".into()],
        };
        let columns = |target| TargetMean::fit(&categories, target, true).1;
        assert_eq!(columns(&early)[0][..16], columns(&late)[0][..16]);
    }
}

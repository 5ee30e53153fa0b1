//! Rows with values in the tails of their columns.

use headwater_timeseries::Cancel;

use super::columns::Columns;
use super::tails::{Tail, Tails};
use super::{FittedDetector, TableDetector, TableScores};
use crate::status::Status;

/// ECOD (Li, Zhao, Hu, Botta, Ionescu, Chen: ECOD, unsupervised outlier detection using empirical cumulative distribution
/// functions, TKDE 2022), by the rule of PyOD, its authors' library: for each value the largest of left tail, right tail and
/// `-sign(s - 1) left + sign(s + 1) right` for the sign s of the column's skewness, summed over the columns. (The paper sums
/// each of the three and takes the largest sum.) O(n d) by radix sort; O(n) memory beside the table when rows are scored by
/// a fit to themselves, O(n d) for a fit that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ecod;

/// The score of one value.
pub(super) type Rule = fn(Tail, f64) -> f64;

fn rule(tail: Tail, skew_sign: f64) -> f64 {
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    let skewed = tail.right * sign(skew_sign + 1.0) - tail.left * sign(skew_sign - 1.0);
    tail.left.max(tail.right).max(skewed)
}

impl TableDetector for Ecod {
    fn name(&self) -> &'static str {
        "ecod"
    }

    fn fit_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> Result<Box<dyn FittedDetector>, Status> {
        Ok(Box::new(FittedTails::fit(columns, rule)?))
    }

    fn fit_score_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> TableScores {
        fit_score(columns, rule)
    }
}

/// The sum of a rule over the columns, with what it needs of the fit.
#[derive(Debug, Clone)]
pub(super) struct FittedTails {
    columns: Columns,
    tails: Vec<Tails>,
    rule: Rule,
}

/// Ranks are 32 bits wide.
const ROWS_MAX: usize = u32::MAX as usize;

impl FittedTails {
    pub(super) fn fit(columns: &[&[f64]], rule: Rule) -> Result<Self, Status> {
        let known = Columns::of(columns, 2)?;
        if columns.iter().any(|c| c.len() > ROWS_MAX) {
            return Err(Status::TooLong { most: ROWS_MAX });
        }
        let tails = known.used.iter().map(|(i, column)| Tails::fit(columns[*i], column)).collect();
        Ok(Self { columns: known, tails, rule })
    }
}

impl FittedDetector for FittedTails {
    fn score_until(&self, columns: &[&[f64]], _cancel: &Cancel) -> TableScores {
        let rows = match self.columns.rows_like(columns) {
            Ok(rows) => rows,
            Err(status) => return TableScores::unscored(columns.first().map_or(0, |c| c.len()), status),
        };
        let mut scores = vec![0.0; rows];
        for ((i, column), tails) in self.columns.used.iter().zip(&self.tails) {
            for (score, value) in scores.iter_mut().zip(columns[*i]) {
                *score += (self.rule)(tails.of(column.value(*value)), tails.skew_sign);
            }
        }
        TableScores::of(scores)
    }
}

/// Scores rows by a fit to themselves, without searching for their ranks.
pub(super) fn fit_score(columns: &[&[f64]], rule: Rule) -> TableScores {
    let rows = columns.first().map_or(0, |c| c.len());
    let known = match Columns::of(columns, 2) {
        Ok(known) if rows <= ROWS_MAX => known,
        Ok(_) => return TableScores::unscored(rows, Status::TooLong { most: ROWS_MAX }),
        Err(status) => return TableScores::unscored(rows, status),
    };
    let mut scores = vec![0.0; rows];
    for (i, column) in &known.used {
        Tails::fit_each(columns[*i], column, |row, tail, skew_sign| scores[row] += rule(tail, skew_sign));
    }
    TableScores::of(scores)
}

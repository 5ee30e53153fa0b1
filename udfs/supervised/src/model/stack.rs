//! Several algorithms weighed by how they predict rows they did not see.

use headwater_common::{Error, Result};
use headwater_registry::codec::damaged;
use headwater_registry::record;

use crate::boosting::Boosting;
use crate::context::{Context, check_rows_of};
use crate::data::{Table, Target, Task};
use crate::estimator::Single;
use crate::forest::Forest;
use crate::linear::{Linear, Logistic};
use crate::metrics::Metric;
use crate::model::Algorithm;
use crate::validation::{Fold, Folds};

const STEPS: usize = 50;

/// A stack (Wolpert, "Stacked generalization", 1992) whose weights are at least 0 and add up to 1 (Breiman, "Stacked
/// regressions", 1996): the mean of members that, drawn one by one with repetition, predicts best what the members did not
/// see (Caruana et al., "Ensemble selection from libraries of models", 2004). What is not seen is later in time when rows
/// are in that order, else a stratified fold. O(folds x fits of all members).
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// What is stacked, at least one, no stacks.
    pub members: Vec<Algorithm>,
    /// Folds for the weights, 2 or more.
    pub folds: usize,
}

impl Stack {
    /// Boosting, a forest and a linear model.
    pub fn usual(task: Task) -> Self {
        let linear = match task {
            Task::Regression => Algorithm::Linear(Linear::default()),
            Task::Classification(_) => Algorithm::Logistic(Logistic::default()),
        };
        let trees = [Algorithm::Boosting(Boosting::default()), Algorithm::Forest(Forest::default())];
        Self { members: [trees.to_vec(), vec![linear]].concat(), folds: 4 }
    }

    pub(crate) fn fit(&self, table: &Table, columns: &[String], target: &Target, context: &Context) -> Result<StackModel> {
        check_rows_of(table, target)?;
        if self.members.is_empty() || self.members.iter().any(|m| matches!(m, Algorithm::Stack(_))) {
            return Err(Error::invalid("a stack needs one member or more, and none of them a stack"));
        }
        let folds = match context.ordered {
            true => Folds::Time { folds: self.folds, gap: 0 },
            false => Folds::Stratified(self.folds),
        }
        .split(target)?;
        let judged: Vec<usize> = folds.iter().flat_map(|f| f.test.clone()).collect();
        let known = target.take(&judged);
        let mut unseen = Vec::new();
        let mut fitted = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            let context = context.part(at as u64);
            unseen.push(out_of_fold(member, table, columns, target, &folds, &context)?);
            fitted.push(Single::fit(member, table, columns, target, &context)?);
        }
        Ok(StackModel { members: fitted, weights: select(&unseen, &known) })
    }
}

/// Predictions of the rows of all folds' tests, one fold after the other.
fn out_of_fold(
    member: &Algorithm,
    table: &Table,
    columns: &[String],
    target: &Target,
    folds: &[Fold],
    context: &Context,
) -> Result<Vec<Vec<f64>>> {
    let mut out = vec![Vec::new(); target.task().outputs()];
    for fold in folds {
        let single = Single::fit(member, &table.take(&fold.train), columns, &target.take(&fold.train), context)?;
        let (_, predicted) = single.predict(&table.take(&fold.test))?;
        out.iter_mut().zip(predicted).for_each(|(out, p)| out.extend(p));
    }
    Ok(out)
}

/// Weights by forward selection with repetition. O(steps x members x rows).
fn select(unseen: &[Vec<Vec<f64>>], known: &Target) -> Vec<f64> {
    let metric = Metric::primary(known.task());
    let mut sum: Vec<Vec<f64>> = unseen[0].iter().map(|c| vec![0.0; c.len()]).collect();
    let mut counts = vec![0.0; unseen.len()];
    let mut best = (f64::INFINITY, counts.clone());
    for step in 1..=STEPS {
        let count = step as f64;
        let mean = |member: &Vec<Vec<f64>>| -> Vec<Vec<f64>> {
            let of = |(s, m): (&Vec<f64>, &Vec<f64>)| s.iter().zip(m).map(|(s, m)| s / count + m / count).collect();
            sum.iter().zip(member).map(of).collect()
        };
        let losses = unseen.iter().map(|m| metric.measure(known, &mean(m)).unwrap_or(f64::INFINITY));
        let Some((at, loss)) = losses.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        counts[at] += 1.0;
        sum.iter_mut().flatten().zip(unseen[at].iter().flatten()).for_each(|(s, m)| *s += m);
        if loss < best.0 {
            best = (loss, counts.iter().map(|c| c / count).collect());
        }
    }
    if best.0.is_finite() { best.1 } else { vec![1.0 / unseen.len() as f64; unseen.len()] }
}

/// Fitted members and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct StackModel {
    members: Vec<Single>,
    weights: Vec<f64>,
}

record!(StackModel { members, weights } check check);

impl StackModel {
    fn check(&self) -> Result<()> {
        let same = self.members.windows(2).all(|w| w[0].model.task() == w[1].model.task());
        match same && !self.members.is_empty() && self.members.len() == self.weights.len() {
            true => Ok(()),
            false => Err(damaged("the members of a stack do not fit together")),
        }
    }

    /// The kind of prediction.
    pub fn task(&self) -> Task {
        self.members[0].model.task()
    }

    pub(crate) fn uses(&self, column: &str) -> bool {
        self.members.iter().any(|m| m.encoder.uses(column))
    }

    /// Weight of each member.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The weighted mean of the members. Errors: those of a member.
    pub fn predict(&self, table: &Table) -> Result<Vec<Vec<f64>>> {
        let mut out = vec![vec![0.0; table.rows()]; self.task().outputs()];
        for (member, weight) in self.members.iter().zip(&self.weights).filter(|(_, w)| **w > 0.0) {
            let (_, predicted) = member.predict(table)?;
            out.iter_mut().flatten().zip(predicted.iter().flatten()).for_each(|(o, p)| *o += weight * p);
        }
        Ok(out)
    }
}

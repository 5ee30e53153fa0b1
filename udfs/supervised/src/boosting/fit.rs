//! The fit of a boosted model.

use headwater_common::{Error, Result};
use headwater_timeseries::random::Random;

use crate::boosting::BoostingModel;
use crate::boosting::objective::{Objective, margins_of};
use crate::context::{Context, check_rows};
use crate::data::{Features, Target};
use crate::tree::DEPTH_MAX;
use crate::tree::bins::{BINS_MAX, Binned};
use crate::tree::grow::{Grower, Grown, Shape, draw};
use crate::tree::histogram::Slopes;
use crate::tree::split::Rules;
use crate::validation::holdout;

/// Gradient boosting of histogram trees (Friedman, "Greedy function approximation", 2001; second order and missing values
/// as Chen & Guestrin, "XGBoost", 2016; histograms, leaf-wise growth and sets of categories as Ke et al., "LightGBM", 2017).
///
/// Losses: squared error of the scaled target, log loss of two or more classes (one tree a class and round beyond two).
/// One thread; the same rows in the same order, parameters and seed give the same model.
/// O(rounds x rows x features x depth) a margin, memory O(rows x features) bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boosting {
    /// Rounds; with `patience` the most.
    pub rounds: usize,
    /// How much of each tree is taken, above 0 and at most 1.
    pub learning_rate: f64,
    /// Most leaves of a tree, 2 or more.
    pub leaves_max: usize,
    /// Most questions between root and leaf, 1 to 64.
    pub depth_max: usize,
    /// Fewest rows of a leaf; fewer when there are fewer than 50 times as many rows.
    pub rows_min: usize,
    /// Penalty of large answers.
    pub l2: f64,
    /// Share of rows that each round draws, without repetition.
    pub row_share: f64,
    /// Share of features that each tree draws.
    pub feature_share: f64,
    /// Most bins of a feature, 2 to 254.
    pub bins_max: usize,
    /// Stop when the held out loss has not fallen for this many rounds; `None` runs all rounds on all rows.
    pub patience: Option<usize>,
    /// Share of rows held out for `patience`: the latest of ordered rows, else drawn by class.
    pub holdout: f64,
    /// Whether rounds that `patience` found are fitted again on all rows.
    pub refit: bool,
}

impl Default for Boosting {
    fn default() -> Self {
        Self {
            rounds: 150,
            learning_rate: 0.1,
            leaves_max: 31,
            depth_max: 64,
            rows_min: 20,
            l2: 1.0,
            row_share: 1.0,
            feature_share: 1.0,
            bins_max: BINS_MAX,
            patience: None,
            holdout: 0.15,
            refit: true,
        }
    }
}

/// Margins of all rows and the slopes there, margin by margin.
#[derive(Debug)]
struct State {
    margins: Vec<Vec<f64>>,
    gradients: Vec<Vec<f64>>,
    curvatures: Vec<Vec<f64>>,
}

impl Boosting {
    fn check(&self) -> Result<()> {
        let share = |x: f64| x > 0.0 && x <= 1.0;
        let wrong = |what: &str| Err(Error::invalid(format!("boosting: {what}")));
        if self.rounds == 0 || self.rounds > 100_000 {
            return wrong("rounds must be 1 to 100000");
        }
        if !share(self.learning_rate) || !share(self.row_share) || !share(self.feature_share) {
            return wrong("learning_rate, row_share and feature_share must be above 0 and at most 1");
        }
        if self.leaves_max < 2 || !(1..=DEPTH_MAX).contains(&self.depth_max) || !(2..=BINS_MAX).contains(&self.bins_max) {
            return wrong("leaves_max must be 2 or more, depth_max 1 to 64, bins_max 2 to 254");
        }
        let held = self.holdout > 0.0 && self.holdout < 1.0;
        if !(self.l2 >= 0.0 && self.l2.is_finite() && held) {
            return wrong("l2 must be 0 or more, holdout between 0 and 1");
        }
        Ok(())
    }

    /// Fits. Errors: a parameter is out of its range, fewer than two rows, or cancelled.
    pub fn fit(&self, features: &Features, target: &Target, context: &Context) -> Result<BoostingModel> {
        self.check()?;
        check_rows(features, target)?;
        let objective = Objective::new(target);
        let count = margins_of(target.task());
        let (train, held) = match self.patience {
            Some(_) => holdout(target, self.holdout, context),
            None => ((0..target.len() as u32).collect(), Vec::new()),
        };
        let start = objective.start(&train);
        let rows = target.len();
        let mut state = State {
            margins: start.iter().map(|s| vec![*s; rows]).collect(),
            gradients: vec![vec![0.0; rows]; count],
            curvatures: vec![vec![0.0; rows]; count],
        };
        let binned = Binned::new(features, self.bins_max);
        let mut model = BoostingModel::new(target.task(), features.width(), start, objective.scale);
        let mut random = Random::new(context.seed);
        let (mut best, mut best_rounds) = (f64::INFINITY, 0);
        for round in 1..=self.rounds {
            context.cancel.check()?;
            objective.slopes(&state.margins, &mut state.gradients, &mut state.curvatures);
            if !self.add_round(features, &binned, &train, &mut state, &mut random, &mut model) {
                break;
            }
            if held.is_empty() {
                best_rounds = round;
                continue;
            }
            let loss = objective.loss(&state.margins, &held);
            if loss < best {
                (best, best_rounds) = (loss, round);
            } else if round - best_rounds >= self.patience.unwrap_or(usize::MAX) {
                break;
            }
        }
        model.trees.truncate(best_rounds * count);
        if self.refit && !held.is_empty() && best_rounds > 0 {
            let again = Self { rounds: best_rounds, patience: None, ..*self };
            return again.fit(features, target, context);
        }
        Ok(model)
    }

    /// Adds a tree for each margin; false when none of them has a split and no later one would.
    fn add_round(
        &self,
        features: &Features,
        binned: &Binned,
        train: &[u32],
        state: &mut State,
        random: &mut Random,
        model: &mut BoostingModel,
    ) -> bool {
        let all: Vec<usize> = (0..features.width()).collect();
        let rows = self.sample(train, random);
        let mut split = false;
        for margin in 0..state.margins.len() {
            let drawn = (self.feature_share * all.len() as f64).ceil() as usize;
            let chosen = if drawn < all.len() { draw(&all, drawn, random) } else { all.clone() };
            let slopes = Slopes { gradients: &state.gradients[margin], curvatures: &state.curvatures[margin] };
            let shape = self.shape(train.len());
            let grower = Grower { binned, slopes, shape, features: &chosen, random: random.clone() };
            let mut grown = grower.grow(rows.clone());
            grown.tree.nodes.iter_mut().filter(|n| n.left == 0).for_each(|n| n.value *= self.learning_rate);
            split |= grown.tree.len() > 1;
            apply(&grown, features, &mut state.margins[margin]);
            model.trees.push(grown.tree);
        }
        split || rows.len() < train.len() || self.feature_share < 1.0
    }

    fn shape(&self, rows: usize) -> Shape {
        let rules = Rules {
            l2: self.l2,
            rows_min: self.rows_min.min(rows / 50).max(1) as f64,
            curvature_min: 1e-3,
            gain_min: 0.0,
            category_l2: 10.0,
            category_smoothing: 10.0,
        };
        Shape { leaves_max: self.leaves_max, depth_max: self.depth_max, features_per_split: None, rules }
    }

    /// The rows of a round, in order.
    fn sample(&self, train: &[u32], random: &mut Random) -> Vec<u32> {
        if self.row_share >= 1.0 {
            return train.to_vec();
        }
        let drawn: Vec<u32> = train.iter().copied().filter(|_| random.uniform() < self.row_share).collect();
        if drawn.is_empty() { train.to_vec() } else { drawn }
    }
}

/// Adds a tree's answers to a margin: by leaf for the rows it grew from, by walking for the others.
fn apply(grown: &Grown, features: &Features, margin: &mut [f64]) {
    let mut seen = vec![false; margin.len()];
    for (node, range) in &grown.leaves {
        for &row in &grown.rows[range.clone()] {
            margin[row as usize] += grown.tree.nodes[*node].value;
            seen[row as usize] = true;
        }
    }
    for row in (0..margin.len()).filter(|r| !seen[*r]) {
        margin[row] += grown.tree.answer(features.columns(), row);
    }
}

//! Sequences that are easy to cut off from those before.

use std::collections::VecDeque;

use headwater_timeseries::Cancel;

use super::online::{Online, Step, run};
use super::{SeriesDetector, SeriesScores};
use crate::statistics::random::Random;

mod tree;

use tree::CutTree;

/// Robust random cut forest over sequences of `shingle` values (Guha, Mishra, Roy, Schrijvers: Robust random cut forest based
/// anomaly detection on streams, ICML 2016). The deviation is the mean over the trees of the collusive displacement: how many
/// points the sequence and its likes displace, each. Every tree keeps a uniform sample of all sequences so far (reservoir).
/// O(t d log s) a value for t trees of s points in d dimensions, O(t s d) memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomCutForest {
    /// Trees, at least 1.
    pub trees: usize,
    /// Sequences a tree keeps, at least 2.
    pub sample: usize,
    /// Values of a sequence, at least 1.
    pub shingle: usize,
    /// Seed of the cuts; the same seed gives the same scores.
    pub seed: u64,
}

impl Default for RandomCutForest {
    fn default() -> Self {
        Self { trees: 30, sample: 128, shingle: 4, seed: 0 }
    }
}

impl SeriesDetector for RandomCutForest {
    fn name(&self) -> &'static str {
        "random_cut_forest"
    }

    fn detect_until(&self, values: &[f64], level: f64, cancel: &Cancel) -> SeriesScores {
        let mut forest = Forest::new(*self);
        run(&mut forest, values, WARM_UP + self.shingle.max(1), level, cancel)
    }
}

/// Sequences to see before one is judged.
const WARM_UP: usize = 32;

struct Forest {
    shingle: usize,
    sample: usize,
    recent: VecDeque<f64>,
    trees: Vec<Sampled>,
    seen: usize,
}

/// A tree with the leaves it keeps and its own random numbers.
struct Sampled {
    tree: CutTree,
    leaves: Vec<u32>,
    random: Random,
}

impl Forest {
    fn new(options: RandomCutForest) -> Self {
        let shingle = options.shingle.clamp(1, 256);
        let sampled = |i| Sampled { tree: CutTree::new(shingle), leaves: Vec::new(), random: Random::new(options.seed, i) };
        let trees = (0..options.trees.clamp(1, 1000) as u64).map(sampled).collect();
        Self { shingle, sample: options.sample.clamp(2, 1 << 16), recent: VecDeque::new(), trees, seen: 0 }
    }
}

impl Online for Forest {
    fn step(&mut self, value: f64) -> Option<Step> {
        self.recent.push_back(value);
        if self.recent.len() > self.shingle {
            self.recent.pop_front();
        }
        if self.recent.len() < self.shingle {
            return None;
        }
        let point: Vec<f64> = self.recent.iter().copied().collect();
        self.seen += 1;
        let mut sum = 0.0;
        for sampled in &mut self.trees {
            sum += sampled.displace(&point, self.sample, self.seen);
        }
        (self.seen > WARM_UP).then(|| Step::only(sum / self.trees.len() as f64))
    }
}

impl Sampled {
    /// Inserts a point, measures its displacement and removes either it or one that its place in the sample goes to.
    fn displace(&mut self, point: &[f64], sample: usize, seen: usize) -> f64 {
        let leaf = self.tree.insert(point, &mut self.random);
        let displacement = self.tree.displacement(leaf);
        if self.leaves.len() < sample {
            self.leaves.push(leaf);
            return displacement;
        }
        let place = self.random.below(seen);
        let gone = match self.leaves.get_mut(place) {
            Some(kept) => std::mem::replace(kept, leaf),
            None => leaf,
        };
        self.tree.remove(gone);
        displacement
    }
}

//! Growth of one tree, best leaf first.

use std::ops::Range;

use headwater_timeseries::random::Random;

use crate::tree::bins::{Binned, Cut};
use crate::tree::histogram::{Scratch, Slopes, Sum, build, occupied_of, subtract};
use crate::tree::partition::partition;
use crate::tree::split::{Candidates, Rules, Side, Split};
use crate::tree::{Node, Tree};

/// Below this many rows a leaf's bins are summed feature by feature, without a histogram.
const HISTOGRAM_ROWS_MIN: usize = 64;

/// Shape of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) leaves_max: usize,
    pub(crate) depth_max: usize,
    /// Features drawn for each split; `None` looks at all.
    pub(crate) features_per_split: Option<usize>,
    pub(crate) rules: Rules,
}

/// A grown tree and the training rows of each of its leaves.
#[derive(Debug)]
pub(crate) struct Grown {
    pub(crate) tree: Tree,
    /// Leaf's node and its place in `rows`.
    pub(crate) leaves: Vec<(usize, Range<usize>)>,
    pub(crate) rows: Vec<u32>,
}

#[derive(Debug)]
struct Leaf {
    node: usize,
    range: Range<usize>,
    depth: usize,
    sum: Sum,
    histogram: Option<Vec<Sum>>,
    best: Option<Split>,
}

/// What one tree grows from.
#[derive(Debug)]
pub(crate) struct Grower<'a> {
    pub(crate) binned: &'a Binned,
    pub(crate) slopes: Slopes<'a>,
    pub(crate) shape: Shape,
    /// Features that the tree may ask.
    pub(crate) features: &'a [usize],
    pub(crate) random: Random,
}

impl Grower<'_> {
    /// Grows a tree over rows; a row that is there twice counts twice. Of all leaves the one with the largest gain is
    /// split next (Shi, "Best-first decision tree learning", 2007). O(rows x features x depth) with histograms, of which
    /// the smaller child's is built and the larger one's is the difference.
    pub(crate) fn grow(mut self, rows: Vec<u32>) -> Grown {
        let mut grown = Grown { tree: Tree::default(), leaves: Vec::new(), rows };
        let sum = self.slopes.sum(&grown.rows);
        let root = Leaf { node: 0, range: 0..grown.rows.len(), depth: 0, sum, histogram: None, best: None };
        self.push_node(&mut grown.tree, sum);
        let (mut scratch, mut spare) = (Scratch::new(), Vec::new());
        let mut open = vec![self.examine(root, &grown.rows, &mut scratch)];
        let mut leaves = 1;
        while let Some(at) = best_of(&open)
            && leaves < self.shape.leaves_max
        {
            let leaf = open.swap_remove(at);
            let Some(split) = leaf.best else { break };
            let bins = &self.binned.bins[split.feature];
            let left = partition(&mut grown.rows[leaf.range.clone()], &mut spare, |r| split.goes_left(bins[r as usize]));
            let middle = leaf.range.start + left;
            let nodes = self.record(&mut grown.tree, leaf.node, &split);
            let depth = leaf.depth + 1;
            let child = |node, range, sum| Leaf { node, range, depth, sum, histogram: None, best: None };
            let mut children =
                [child(nodes.0, leaf.range.start..middle, split.left), child(nodes.1, middle..leaf.range.end, split.right)];
            self.share_histogram(leaf.histogram, &mut children, &grown.rows);
            for child in children {
                let examined = self.examine(child, &grown.rows, &mut scratch);
                match examined.best {
                    Some(_) => open.push(examined),
                    None => grown.leaves.push((examined.node, examined.range)),
                }
            }
            leaves += 1;
        }
        grown.leaves.extend(open.into_iter().map(|leaf| (leaf.node, leaf.range)));
        grown
    }

    fn push_node(&self, tree: &mut Tree, sum: Sum) -> usize {
        let value = sum.answer(self.shape.rules.l2);
        tree.nodes.push(Node { feature: 0, set: 0, left: 0, right: 0, value, missing_left: false });
        tree.cover.push(sum.rows.max(f64::MIN_POSITIVE));
        tree.gain.push(0.0);
        tree.nodes.len() - 1
    }

    /// Turns a leaf into an inner node and gives its children.
    fn record(&self, tree: &mut Tree, node: usize, split: &Split) -> (usize, usize) {
        let left = self.push_node(tree, split.left);
        let right = self.push_node(tree, split.right);
        let (value, set) = match split.side {
            Side::UpTo(bin) => (self.binned.cuts[split.feature].threshold(bin), 0),
            Side::Set(words) => {
                tree.sets.push(codes_of_bins(words));
                (0.0, tree.sets.len() as u32)
            }
        };
        let (feature, missing_left) = (split.feature as u32, split.missing_left);
        tree.nodes[node] = Node { feature, set, left: left as u32, right: right as u32, value, missing_left };
        tree.gain[node] = split.gain;
        (left, right)
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        leaf.depth < self.shape.depth_max
            && leaf.sum.rows >= 2.0 * self.shape.rules.rows_min
            && leaf.sum.curvature >= 2.0 * self.shape.rules.curvature_min
    }

    fn wants_histogram(&self, leaf: &Leaf) -> bool {
        self.shape.features_per_split.is_none() && leaf.range.len() >= HISTOGRAM_ROWS_MIN && self.may_split(leaf)
    }

    /// Gives children the histograms they need: the smaller one's is built, the other's is what is left of the parent's.
    fn share_histogram(&self, parent: Option<Vec<Sum>>, children: &mut [Leaf; 2], rows: &[u32]) {
        let Some(mut parent) = parent else { return };
        let smaller = usize::from(children[1].range.len() < children[0].range.len());
        let larger = 1 - smaller;
        if !self.wants_histogram(&children[larger]) {
            return;
        }
        let built = build(self.binned, self.slopes, self.features, &rows[children[smaller].range.clone()]);
        subtract(&mut parent, &built);
        children[larger].histogram = Some(parent);
        if self.wants_histogram(&children[smaller]) {
            children[smaller].histogram = Some(built);
        }
    }

    /// Finds the best split of a leaf.
    fn examine(&mut self, mut leaf: Leaf, rows: &[u32], scratch: &mut Scratch) -> Leaf {
        if !self.may_split(&leaf) {
            return leaf;
        }
        let rows = &rows[leaf.range.clone()];
        if leaf.histogram.is_none() && self.wants_histogram(&leaf) {
            leaf.histogram = Some(build(self.binned, self.slopes, self.features, rows));
        }
        let mut occupied = Vec::new();
        let drawn = self.shape.features_per_split.map(|count| draw(self.features, count, &mut self.random));
        for &feature in drawn.as_deref().unwrap_or(self.features) {
            match &leaf.histogram {
                Some(sums) => {
                    let (start, end) = (self.binned.offsets[feature], self.binned.offsets[feature + 1]);
                    occupied_of(&sums[start..end], &mut occupied);
                }
                None => scratch.occupied(&self.binned.bins[feature], self.slopes, rows, &mut occupied),
            }
            let candidates = Candidates { feature, occupied: &occupied, total: leaf.sum, rules: self.shape.rules };
            let found = match self.binned.cuts[feature] {
                Cut::Numeric { .. } => candidates.best_threshold(),
                Cut::Category => candidates.best_set(),
            };
            if found.is_some_and(|f| leaf.best.is_none_or(|b| f.gain > b.gain)) {
                leaf.best = found;
            }
        }
        leaf
    }
}

/// The open leaf with the largest gain, if one can be split.
fn best_of(open: &[Leaf]) -> Option<usize> {
    let gains = open.iter().enumerate().filter_map(|(at, leaf)| Some((leaf.best?.gain, at)));
    gains.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))).map(|best| best.1)
}

/// Bit c of the result is bit c + 1 of the bins.
fn codes_of_bins(words: [u64; 4]) -> [u64; 4] {
    std::array::from_fn(|at| words[at] >> 1 | words.get(at + 1).map_or(0, |next| next << 63))
}

/// Some of the features, without repetition, in order. O(features).
pub(crate) fn draw(features: &[usize], count: usize, random: &mut Random) -> Vec<usize> {
    let mut pool = features.to_vec();
    let count = count.clamp(1, pool.len().max(1)).min(pool.len());
    for at in 0..count {
        let other = at + random.below(pool.len() - at);
        pool.swap(at, other);
    }
    pool.truncate(count);
    pool.sort_unstable();
    pool
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Features, Kind};

    fn grow(features: &Features, target: &[f64], leaves_max: usize) -> Grown {
        let gradients: Vec<f64> = target.iter().map(|y| -y).collect();
        let curvatures = vec![1.0; target.len()];
        let rules =
            Rules { l2: 0.0, rows_min: 1.0, curvature_min: 0.0, gain_min: 0.0, category_l2: 0.0, category_smoothing: 0.0 };
        let names: Vec<usize> = (0..features.width()).collect();
        Grower {
            binned: &Binned::new(features, 254),
            slopes: Slopes { gradients: &gradients, curvatures: &curvatures },
            shape: Shape { leaves_max, depth_max: 30, features_per_split: None, rules },
            features: &names,
            random: Random::new(1),
        }
        .grow((0..target.len() as u32).collect())
    }

    #[test]
    fn a_tree_without_limits_answers_its_own_rows() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 200)).collect();
        let codes: Vec<f64> = (0..200).map(|i| f64::from(i % 7)).collect();
        let target: Vec<f64> =
            x.iter().zip(&codes).map(|(x, c)| (x / 9.0).sin() + if *c == 3.0 { 10.0 } else { 0.0 }).collect();
        let columns = vec![("x".to_owned(), Kind::Numeric, x), ("c".to_owned(), Kind::Category(7), codes)];
        let features = Features::new(200, columns).unwrap();
        let grown = grow(&features, &target, 1000);
        for (row, y) in target.iter().enumerate() {
            assert!((grown.tree.answer(features.columns(), row) - y).abs() < 1e-9);
        }
        let covered: usize = grown.leaves.iter().map(|l| l.1.len()).sum();
        assert_eq!(covered, 200);
        let root = &grown.tree.nodes[0];
        assert!(root.set == 1 && grown.tree.sets[0][0] == 1 << 3, "{root:?} {:?}", grown.tree.sets);
    }

    #[test]
    fn training_rows_and_new_rows_with_the_same_values_reach_the_same_leaf() {
        let x: Vec<f64> = (0..500).map(|i| if i % 11 == 0 { f64::NAN } else { f64::from(i * i % 97) }).collect();
        let target: Vec<f64> = (0..500).map(|i| f64::from(i % 13)).collect();
        let features = Features::of_numbers(vec![x]).unwrap();
        let grown = grow(&features, &target, 20);
        assert_eq!(grown.leaves.len(), 20);
        for (node, range) in &grown.leaves {
            for row in &grown.rows[range.clone()] {
                assert_eq!(grown.tree.answer(features.columns(), *row as usize), grown.tree.nodes[*node].value);
            }
        }
    }

    #[test]
    fn drawn_features_are_different() {
        let drawn = draw(&[3, 5, 8, 9], 3, &mut Random::new(4));
        assert!(drawn.len() == 3 && drawn.windows(2).all(|w| w[0] < w[1]), "{drawn:?}");
        assert!(draw(&[], 3, &mut Random::new(4)).is_empty());
    }
}

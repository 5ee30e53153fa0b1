//! Growing the trees.

use headwater_timeseries::Cancel;

use super::super::columns::Columns;
use super::super::sample::{distinct, order_by_content};
use super::SAMPLE_MAX;
use super::forest::{Forest, LEVELS, Node, Tree, scaled};
use crate::statistics::random::Random;

/// Grows a forest; each tree from a sample of its own.
pub(super) fn forest(
    known: &Columns,
    columns: &[&[f64]],
    trees: usize,
    sample: usize,
    seed: u64,
    cancel: &Cancel,
) -> Forest {
    let order = order_by_content(known, columns, seed);
    let grown = (0..trees as u64).take_while(|_| !cancel.is_cancelled()).map(|tree| {
        let mut random = Random::new(seed, tree);
        let places = distinct(order.len(), sample, &mut random);
        let row = |place: usize| {
            let row = order[place].1 as usize;
            known.used.iter().map(|(i, column)| scaled(column, columns[*i][row])).collect()
        };
        let rows: Vec<Vec<f32>> = places.into_iter().map(row).collect();
        Grower { rows: &rows, random, tree: Tree::new() }.grow()
    });
    Forest { trees: grown.collect(), usual_depth: usual_depth(sample) }
}

/// The mean depth of an unsuccessful search among n rows of a binary search tree (equation 1 of the paper).
pub(super) fn usual_depth(n: usize) -> f32 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let n = n as f64;
    match n {
        n if n > 2.0 => (2.0 * ((n - 1.0).ln() + EULER) - 2.0 * (n - 1.0) / n) as f32,
        n if n > 1.0 => 1.0,
        _ => 0.0,
    }
}

struct Grower<'a> {
    rows: &'a [Vec<f32>],
    random: Random,
    tree: Tree,
}

impl Grower<'_> {
    fn grow(mut self) -> Tree {
        let mut all: Vec<u16> = (0..self.rows.len().min(SAMPLE_MAX) as u16).collect();
        // Nodes are numbered from 1, the children of i are 2 i and 2 i + 1, those of the last level are leaves.
        let mut open: Vec<(usize, usize, &mut [u16])> = vec![(1, 0, &mut all)];
        while let Some((node, depth, members)) = open.pop() {
            let cut = if depth < LEVELS && members.len() > 1 { self.cut(members) } else { None };
            let Some((feature, threshold)) = cut else {
                self.leaf(node, depth, members.len());
                continue;
            };
            self.tree.nodes[node] = Node { threshold, feature: feature as u32 };
            let value = |rows: &[Vec<f32>], member: u16| rows[usize::from(member)][feature];
            members.sort_unstable_by(|a, b| value(self.rows, *a).total_cmp(&value(self.rows, *b)));
            let middle = members.partition_point(|m| value(self.rows, *m) <= threshold);
            let (left, right) = members.split_at_mut(middle);
            open.push((2 * node + 1, depth + 1, right));
            open.push((2 * node, depth + 1, left));
        }
        self.tree
    }

    /// A cut at random between the least and the largest value of a column that varies.
    fn cut(&mut self, members: &[u16]) -> Option<(usize, f32)> {
        let width = self.rows.first().map_or(0, Vec::len);
        let first = self.random.below(width);
        let (feature, (low, high)) = match self.range(members, first) {
            range if range.0 < range.1 => (first, range),
            _ => {
                let all = (0..width).map(|f| (f, self.range(members, f)));
                let varying: Vec<(usize, (f32, f32))> = all.filter(|(_, r)| r.0 < r.1).collect();
                *varying.get(self.random.below(varying.len()))?
            }
        };
        let threshold = low + (high - low) * self.random.uniform() as f32;
        // Rounding must not put all rows on one side.
        Some((feature, if threshold < high { threshold } else { low }))
    }

    fn range(&self, members: &[u16], feature: usize) -> (f32, f32) {
        let values = members.iter().map(|m| self.rows[usize::from(*m)][feature]);
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    }

    /// A leaf above the last level: the walk goes left below it and ends at the first leaf of the last level.
    fn leaf(&mut self, node: usize, depth: usize, members: usize) {
        let levels = LEVELS - depth;
        let value = depth as f32 + usual_depth(members);
        self.tree.leaves[(node << levels) - (1 << LEVELS)] = value;
    }
}

//! Walking the trees, many rows at a time.

use headwater_timeseries::Cancel;

use super::super::columns::{Column, Columns};

/// Cuts on the way to a leaf; enough for 256 rows.
pub(super) const LEVELS: usize = 8;
const NODES: usize = 1 << LEVELS;
/// Rows that walk through a tree in lockstep: the loads of one hide behind those of the others.
const LANES: usize = 16;
/// Rows for which a tree stays in the first cache.
const BLOCK: usize = 256;

/// A cut: rows with a larger value in a column go right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) threshold: f32,
    pub(super) feature: u32,
}

/// A full binary tree without pointers. Below an early leaf everything goes left.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) nodes: Box<[Node; NODES]>,
    pub(super) leaves: Box<[f32; NODES]>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let left = Node { threshold: f32::INFINITY, feature: 0 };
        Self { nodes: Box::new([left; NODES]), leaves: Box::new([0.0; NODES]) }
    }
}

/// The trees and the depth of a usual row.
#[derive(Debug, Clone)]
pub(super) struct Forest {
    pub(super) trees: Vec<Tree>,
    pub(super) usual_depth: f32,
}

/// A value relative to its column's range.
pub(super) fn scaled(column: &Column, value: f64) -> f32 {
    ((column.value(value) - column.low) / (column.high - column.low)).clamp(-1e30, 1e30) as f32
}

impl Forest {
    pub(super) fn score(&self, known: &Columns, columns: &[&[f64]], rows: usize, cancel: &Cancel) -> Vec<f64> {
        match known.used.len() {
            0..=4 => self.score_narrow::<4>(known, columns, rows, cancel),
            5..=16 => self.score_narrow::<16>(known, columns, rows, cancel),
            17..=64 => self.score_narrow::<64>(known, columns, rows, cancel),
            _ => self.score_wide(known, columns, rows, cancel),
        }
    }

    /// Rows of a known width: no index needs a check.
    fn score_narrow<const WIDTH: usize>(
        &self,
        known: &Columns,
        columns: &[&[f64]],
        rows: usize,
        cancel: &Cancel,
    ) -> Vec<f64> {
        let mut scores = Vec::with_capacity(rows);
        let mut block = [[0f32; WIDTH]; BLOCK];
        for start in (0..rows).step_by(BLOCK).take_while(|_| !cancel.is_cancelled()) {
            let count = BLOCK.min(rows - start);
            for (place, (i, column)) in known.used.iter().enumerate() {
                for (row, value) in block.iter_mut().zip(&columns[*i][start..start + count]) {
                    row[place] = scaled(column, *value);
                }
            }
            let mut sums = [0f32; BLOCK];
            for tree in &self.trees {
                for (rows, sums) in block.chunks_exact(LANES).zip(sums.chunks_exact_mut(LANES)).take(count.div_ceil(LANES))
                {
                    walk(tree, rows, sums);
                }
            }
            scores.extend(sums[..count].iter().map(|s| self.score_of(*s)));
        }
        scores
    }

    fn score_wide(&self, known: &Columns, columns: &[&[f64]], rows: usize, cancel: &Cancel) -> Vec<f64> {
        let mut values = vec![0f32; known.used.len()];
        let score = |row: usize| {
            for (to, (i, column)) in values.iter_mut().zip(&known.used) {
                *to = scaled(column, columns[*i][row]);
            }
            self.score_of(self.trees.iter().map(|tree| depth(tree, &values)).sum())
        };
        (0..rows).take_while(|_| !cancel.is_cancelled()).map(score).collect()
    }

    fn score_of(&self, sum: f32) -> f64 {
        let depth = sum / self.trees.len() as f32;
        f64::from(-depth / self.usual_depth).exp2()
    }
}

/// Adds the depths of some rows in a tree. A node's number fits 8 bits until the last step takes it to a leaf's.
fn walk<const WIDTH: usize>(tree: &Tree, rows: &[[f32; WIDTH]], sums: &mut [f32]) {
    let mut at = [1u8; LANES];
    for _ in 0..LEVELS {
        for (at, row) in at.iter_mut().zip(rows) {
            let node = tree.nodes[usize::from(*at)];
            let right = row[node.feature as usize % WIDTH] > node.threshold;
            *at = at.wrapping_mul(2).wrapping_add(u8::from(right));
        }
    }
    for (sum, at) in sums.iter_mut().zip(at) {
        *sum += tree.leaves[usize::from(at)];
    }
}

fn depth(tree: &Tree, row: &[f32]) -> f32 {
    let mut at = 1u8;
    for _ in 0..LEVELS {
        let node = tree.nodes[usize::from(at)];
        let right = row.get(node.feature as usize).is_some_and(|v| *v > node.threshold);
        at = at.wrapping_mul(2).wrapping_add(u8::from(right));
    }
    tree.leaves[usize::from(at)]
}

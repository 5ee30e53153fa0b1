//! A grown tree.

use headwater_common::Result;
use headwater_registry::codec::damaged;
use headwater_registry::record;

/// Rows that one tree answers before the next does: their features stay in the cache.
const BLOCK: usize = 512;

/// Most questions between root and leaf; walks may recurse this deep.
pub(crate) const DEPTH_MAX: usize = 64;

/// An inner node or a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// Feature that is asked.
    pub(crate) feature: u32,
    /// Set of categories that go left, counted from 1; 0 for a feature of numbers.
    pub(crate) set: u32,
    /// Child of rows that go left; 0 for a leaf.
    pub(crate) left: u32,
    /// Child of the others.
    pub(crate) right: u32,
    /// Numbers up to this go left; the answer of a leaf.
    pub(crate) value: f64,
    /// Whether rows go left whose feature is missing.
    pub(crate) missing_left: bool,
}

record!(Node { feature, set, left, right, value, missing_left });

/// A binary tree over features; node 0 is the root, children stand behind their parents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// Categories that go left, one bit a code.
    pub(crate) sets: Vec<[u64; 4]>,
    /// Training rows in each node.
    pub(crate) cover: Vec<f64>,
    /// Gain of each inner node's split; 0 for leaves.
    pub(crate) gain: Vec<f64>,
}

/// The form of a set in bytes.
#[derive(Debug, Clone, Copy)]
struct Words {
    a: u64,
    b: u64,
    c: u64,
    d: u64,
}

record!(Words { a, b, c, d });

impl headwater_registry::Codec for Tree {
    fn encode(&self, to: &mut headwater_registry::Writer) {
        self.nodes.encode(to);
        let words = self.sets.iter().map(|s| Words { a: s[0], b: s[1], c: s[2], d: s[3] });
        words.collect::<Vec<_>>().encode(to);
        self.cover.encode(to);
        self.gain.encode(to);
    }

    fn decode(from: &mut headwater_registry::Reader<'_>) -> Result<Self> {
        let nodes = Vec::decode(from)?;
        let sets = Vec::<Words>::decode(from)?.into_iter().map(|w| [w.a, w.b, w.c, w.d]).collect();
        let tree = Self { nodes, sets, cover: Vec::decode(from)?, gain: Vec::decode(from)? };
        tree.check()?;
        Ok(tree)
    }
}

impl Tree {
    /// Errors: walks through the tree could leave it, go on for ever, or divide by an empty cover.
    fn check(&self) -> Result<()> {
        let count = self.nodes.len();
        let (mut reached, mut depth) = (vec![0_u32; count], vec![0; count]);
        for (at, node) in self.nodes.iter().enumerate() {
            let (left, right) = (node.left as usize, node.right as usize);
            let leaf = left == 0 && right == 0;
            if !leaf && (left <= at || right <= at || left >= count || right >= count || left == right) {
                return Err(damaged("a tree has no end"));
            }
            if !leaf {
                reached[left] += 1;
                reached[right] += 1;
                (depth[left], depth[right]) = (depth[at] + 1, depth[at] + 1);
            }
            if node.set as usize > self.sets.len() {
                return Err(damaged("a tree names a set that is not there"));
            }
        }
        let one_parent = reached.iter().skip(1).all(|r| *r == 1);
        let covered = self.cover.iter().all(|c| c.is_finite() && *c > 0.0);
        if depth.iter().any(|d| *d > DEPTH_MAX) {
            return Err(damaged("a tree is too deep"));
        }
        if count == 0 || !one_parent || !covered || self.cover.len() != count || self.gain.len() != count {
            return Err(damaged("a tree does not fit together"));
        }
        Ok(())
    }

    /// Number of features that rows must have.
    pub(crate) fn width(&self) -> usize {
        self.nodes.iter().filter(|n| n.left != 0).map(|n| n.feature as usize + 1).max().unwrap_or(0)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes; never after a fit.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a value goes left at an inner node.
    pub(crate) fn goes_left(&self, node: &Node, x: f64) -> bool {
        if x.is_nan() {
            return node.missing_left;
        }
        if node.set == 0 {
            return x <= node.value;
        }
        match self.sets[node.set as usize - 1].get((x.max(0.0) as usize) >> 6) {
            Some(word) => word >> (x as usize & 63) & 1 == 1,
            None => node.missing_left,
        }
    }

    /// The answer for one row. O(depth).
    pub(crate) fn answer(&self, columns: &[Vec<f64>], row: usize) -> f64 {
        let mut node = &self.nodes[0];
        while node.left != 0 {
            let left = self.goes_left(node, columns[node.feature as usize][row]);
            node = &self.nodes[if left { node.left } else { node.right } as usize];
        }
        node.value
    }
}

/// Adds the answers of trees to sums, one a row. O(rows x trees x depth).
pub(crate) fn add_scaled<'a>(
    trees: impl Iterator<Item = &'a Tree> + Clone,
    columns: &[Vec<f64>],
    scale: f64,
    sums: &mut [f64],
) {
    for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
        for tree in trees.clone() {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += scale * tree.answer(columns, block * BLOCK + at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_registry::Codec;

    use super::*;

    fn node(feature: u32, left: u32, right: u32, value: f64) -> Node {
        Node { feature, set: 0, left, right, value, missing_left: false }
    }

    fn stump() -> Tree {
        let nodes = vec![node(1, 1, 2, 0.5), node(0, 0, 0, -1.0), node(0, 0, 0, 1.0)];
        Tree { nodes, sets: vec![], cover: vec![4.0, 1.0, 3.0], gain: vec![2.0, 0.0, 0.0] }
    }

    #[test]
    fn values_up_to_the_threshold_go_left_and_missing_ones_where_they_are_told() {
        let mut tree = stump();
        let columns = vec![vec![9.0; 4], vec![0.5, 0.6, f64::NAN, f64::NEG_INFINITY]];
        let answers = |tree: &Tree| (0..4).map(|r| tree.answer(&columns, r)).collect::<Vec<_>>();
        assert_eq!(answers(&tree), [-1.0, 1.0, 1.0, -1.0]);
        tree.nodes[0].missing_left = true;
        tree.nodes[0].set = 1;
        tree.sets.push([1 << 3, 0, 1, 0]);
        let codes = vec![vec![0.0; 5], vec![3.0, 128.0, 4.0, f64::NAN, 9e9]];
        let of_sets: Vec<f64> = (0..5).map(|r| tree.answer(&codes, r)).collect();
        assert_eq!(of_sets, [-1.0, -1.0, 1.0, -1.0, -1.0]);
    }

    #[test]
    fn trees_that_do_not_end_are_refused() {
        assert_eq!(Tree::from_bytes(&stump().to_bytes(), 1 << 12).unwrap(), stump());
        let broken: [fn(&mut Tree); 6] = [
            |t| t.nodes[0].left = 0,
            |t| t.nodes[0].right = 3,
            |t| t.nodes[1].left = 1,
            |t| t.nodes[0].left = 2,
            |t| t.nodes[0].set = 1,
            |t| t.cover[1] = 0.0,
        ];
        for change in broken {
            let mut tree = stump();
            change(&mut tree);
            assert!(Tree::from_bytes(&tree.to_bytes(), 1 << 12).is_err());
        }
    }
}

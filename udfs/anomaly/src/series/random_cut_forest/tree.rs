//! A random cut tree that points enter and leave.

use crate::statistics::random::Random;

const NONE: u32 = u32::MAX;

/// A leaf (no children) or a cut. A leaf stands for `count` equal points.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    children: [u32; 2],
    dimension: usize,
    cut: f64,
    count: usize,
}

/// Nodes in one vector, and the bounding box of each beside it.
#[derive(Debug, Clone)]
pub(super) struct CutTree {
    dimensions: usize,
    root: u32,
    nodes: Vec<Node>,
    low: Vec<f64>,
    high: Vec<f64>,
    free: Vec<u32>,
}

impl CutTree {
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions, root: NONE, nodes: Vec::new(), low: Vec::new(), high: Vec::new(), free: Vec::new() }
    }

    fn node(&mut self, node: Node) -> u32 {
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        self.low.resize(self.nodes.len() * self.dimensions, 0.0);
        self.high.resize(self.nodes.len() * self.dimensions, 0.0);
        (self.nodes.len() - 1) as u32
    }

    fn leaf(&mut self, point: &[f64], parent: u32) -> u32 {
        let at = self.node(Node { parent, children: [NONE; 2], dimension: 0, cut: 0.0, count: 1 });
        let place = self.place(at);
        self.low[place.clone()].copy_from_slice(point);
        self.high[place].copy_from_slice(point);
        at
    }

    fn place(&self, at: u32) -> std::ops::Range<usize> {
        at as usize * self.dimensions..(at as usize + 1) * self.dimensions
    }

    /// Inserts a point as if it had been there when the tree was cut (Algorithm 2 of the paper); its leaf.
    pub(super) fn insert(&mut self, point: &[f64], random: &mut Random) -> u32 {
        if self.root == NONE {
            self.root = self.leaf(point, NONE);
            return self.root;
        }
        let mut at = self.root;
        loop {
            let extent = self.extent_with(at, point);
            if extent <= 0.0 {
                // The box is this point alone: an equal leaf.
                self.grow(at, point);
                return at;
            }
            if let Some((dimension, cut)) = self.separating_cut(at, point, random.uniform() * extent) {
                return self.split(at, point, dimension, cut);
            }
            let node = self.nodes[at as usize];
            at = node.children[usize::from(point[node.dimension] > node.cut)];
        }
    }

    /// Sum of the sides of the box of a node and a point.
    fn extent_with(&self, at: u32, point: &[f64]) -> f64 {
        let place = self.place(at);
        let sides = self.low[place.clone()].iter().zip(&self.high[place]).zip(point);
        sides.map(|((low, high), p)| high.max(*p) - low.min(*p)).sum()
    }

    /// The cut at a distance along the sides of the box of a node and a point, if it parts the point from the node. A leaf is
    /// always parted from a different point.
    fn separating_cut(&self, at: u32, point: &[f64], distance: f64) -> Option<(usize, f64)> {
        let (place, mut rest) = (self.place(at), distance);
        let mut widest_gap = None;
        for (d, ((low, high), p)) in self.low[place.clone()].iter().zip(&self.high[place]).zip(point).enumerate() {
            let side = high.max(*p) - low.min(*p);
            let outside = (*low - *p).max(*p - *high);
            if outside > 0.0 && widest_gap.is_none_or(|(gap, _, _)| outside > gap) {
                widest_gap = Some((outside, d, if p < low { *p } else { *high }));
            }
            if rest < side {
                let cut = low.min(*p) + rest;
                return match outside > 0.0 {
                    true if *p < *low && cut < *low => Some((d, cut.max(*p))),
                    true if *p > *high && cut >= *high => Some((d, if cut < *p { cut } else { *high })),
                    _ if self.nodes[at as usize].children[0] == NONE => widest_gap.map(|(_, d, cut)| (d, cut)),
                    _ => None,
                };
            }
            rest -= side;
        }
        // Rounding at the far end of the last side.
        widest_gap.map(|(_, d, cut)| (d, cut))
    }

    /// Puts a cut above a node, with the point on its other side.
    fn split(&mut self, at: u32, point: &[f64], dimension: usize, cut: f64) -> u32 {
        let below = self.nodes[at as usize];
        let branch = self.node(Node { parent: below.parent, children: [NONE; 2], dimension, cut, count: below.count });
        let leaf = self.leaf(point, branch);
        let point_is_right = point[dimension] > cut;
        self.nodes[branch as usize].children = if point_is_right { [at, leaf] } else { [leaf, at] };
        self.nodes[at as usize].parent = branch;
        self.replace_child(below.parent, at, branch);
        let (from, to) = (self.place(at), self.place(branch).start);
        self.low.copy_within(from.clone(), to);
        self.high.copy_within(from, to);
        self.grow(branch, point);
        leaf
    }

    /// Counts a point in a node and all above, and widens their boxes.
    fn grow(&mut self, mut at: u32, point: &[f64]) {
        while at != NONE {
            self.nodes[at as usize].count += 1;
            let place = self.place(at);
            for ((low, high), p) in self.low[place.clone()].iter_mut().zip(&mut self.high[place]).zip(point) {
                *low = low.min(*p);
                *high = high.max(*p);
            }
            at = self.nodes[at as usize].parent;
        }
    }

    fn replace_child(&mut self, parent: u32, old: u32, new: u32) {
        if parent == NONE {
            self.root = new;
            return;
        }
        for child in &mut self.nodes[parent as usize].children {
            if *child == old {
                *child = new;
            }
        }
    }

    /// Removes one point of a leaf; with the last one goes the cut above it.
    pub(super) fn remove(&mut self, leaf: u32) {
        let Node { parent, count, .. } = self.nodes[leaf as usize];
        let mut at = parent;
        if count == 1 {
            self.free.push(leaf);
            if parent == NONE {
                self.root = NONE;
                return;
            }
            let Node { parent: above, children, .. } = self.nodes[parent as usize];
            let sibling = if children[0] == leaf { children[1] } else { children[0] };
            self.nodes[sibling as usize].parent = above;
            self.replace_child(above, parent, sibling);
            self.free.push(parent);
            at = above;
        } else {
            self.nodes[leaf as usize].count -= 1;
        }
        while at != NONE {
            self.nodes[at as usize].count -= 1;
            if count == 1 {
                self.fit_box(at);
            }
            at = self.nodes[at as usize].parent;
        }
    }

    /// The box of a cut is that of its children.
    fn fit_box(&mut self, at: u32) {
        let [left, right] = self.nodes[at as usize].children;
        let (to, left, right) = (self.place(at).start, self.place(left).start, self.place(right).start);
        for d in 0..self.dimensions {
            self.low[to + d] = self.low[left + d].min(self.low[right + d]);
            self.high[to + d] = self.high[left + d].max(self.high[right + d]);
        }
    }

    /// The collusive displacement of a leaf: the most points displaced by one of a group around it.
    pub(super) fn displacement(&self, leaf: u32) -> f64 {
        let (mut at, mut most) = (leaf, 0.0f64);
        loop {
            let Node { parent, count, .. } = self.nodes[at as usize];
            if parent == NONE {
                return most;
            }
            let all = self.nodes[parent as usize].count;
            most = most.max((all - count) as f64 / count as f64);
            at = parent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts, parents and boxes of all nodes below one; its points.
    fn check(tree: &CutTree, at: u32) -> usize {
        let node = tree.nodes[at as usize];
        if node.children[0] == NONE {
            return node.count;
        }
        let (mut sum, place) = (0, tree.place(at));
        for (side, child) in node.children.into_iter().enumerate() {
            assert_eq!(tree.nodes[child as usize].parent, at);
            let inner = tree.place(child);
            for d in 0..tree.dimensions {
                assert!(tree.low[inner.start + d] >= tree.low[place.start + d]);
                assert!(tree.high[inner.start + d] <= tree.high[place.start + d]);
            }
            let (low, high) = (tree.low[inner.start + node.dimension], tree.high[inner.start + node.dimension]);
            assert!(if side == 0 { high <= node.cut } else { low > node.cut }, "{side} {low} {high} {}", node.cut);
            sum += check(tree, child);
        }
        assert_eq!(sum, node.count);
        sum
    }

    #[test]
    fn a_tree_stays_whole_while_points_come_and_go() {
        let mut random = Random::new(9, 0);
        let mut tree = CutTree::new(3);
        let mut leaves = Vec::new();
        for i in 0..2000 {
            let mut coordinate = || (random.below(6) as f64) * if i % 3 == 0 { 1e12 } else { 1e-3 };
            let point = [coordinate(), coordinate(), coordinate()];
            leaves.push(tree.insert(&point, &mut random));
            if leaves.len() > 50 {
                let gone = leaves.swap_remove(random.below(leaves.len()));
                tree.remove(gone);
            }
            assert_eq!(check(&tree, tree.root), leaves.len());
        }
        while let Some(leaf) = leaves.pop() {
            tree.remove(leaf);
        }
        assert_eq!(tree.root, NONE);
    }

    #[test]
    fn an_outlier_displaces_more_than_a_member_of_a_cluster() {
        let mut random = Random::new(4, 0);
        let mut tree = CutTree::new(2);
        let inside: Vec<u32> = (0..100)
            .map(|_| {
                let point = [random.uniform(), random.uniform()];
                tree.insert(&point, &mut random)
            })
            .collect();
        let outlier = tree.insert(&[50.0, 50.0], &mut random);
        assert!(tree.displacement(outlier) > 3.0 * tree.displacement(inside[7]));
    }
}

//! Shapley values of trees.

use crate::tree::{DEPTH_MAX, Tree};

/// A feature on the way to a node: how many training rows would follow without knowing it (`zero`), whether the row
/// follows (`one`), and the weight of coalitions of this size.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    feature: u32,
    zero: f64,
    one: f64,
    weight: f64,
}

/// Adds to `sums`, feature by feature, what each feature contributes to a tree's answer for a row, times `unit`: TreeSHAP
/// with the cover of the training rows (Lundberg, Erion & Lee, "Consistent individualized feature attribution for tree
/// ensembles", 2018, algorithm 2). O(leaves x depth²).
pub(super) fn add(tree: &Tree, columns: &[Vec<f64>], row: usize, unit: f64, sums: &mut [f64]) {
    let mut walk = Walk { tree, columns, row, unit, sums };
    walk.visit(0, Vec::with_capacity(DEPTH_MAX + 2), Step { feature: u32::MAX, zero: 1.0, one: 1.0, weight: 0.0 });
}

/// The mean answer of a tree over its training rows. O(nodes).
pub(super) fn expected(tree: &Tree) -> f64 {
    let mut reach = vec![0.0; tree.nodes.len()];
    reach[0] = 1.0;
    let mut sum = 0.0;
    for (at, node) in tree.nodes.iter().enumerate() {
        if node.left == 0 {
            sum += reach[at] * node.value;
            continue;
        }
        for child in [node.left as usize, node.right as usize] {
            reach[child] = reach[at] * tree.cover[child] / tree.cover[at];
        }
    }
    sum
}

struct Walk<'a> {
    tree: &'a Tree,
    columns: &'a [Vec<f64>],
    row: usize,
    unit: f64,
    sums: &'a mut [f64],
}

impl Walk<'_> {
    fn visit(&mut self, at: usize, mut path: Vec<Step>, step: Step) {
        extend(&mut path, step);
        let node = self.tree.nodes[at];
        if node.left == 0 {
            for place in 1..path.len() {
                let weight = unwound_sum(&path, place);
                let Step { feature, zero, one, .. } = path[place];
                self.sums[feature as usize] += self.unit * weight * (one - zero) * node.value;
            }
            return;
        }
        let left = self.tree.goes_left(&node, self.columns[node.feature as usize][self.row]);
        let (hot, cold) = if left { (node.left, node.right) } else { (node.right, node.left) };
        let (mut zero, mut one) = (1.0, 1.0);
        if let Some(place) = path.iter().skip(1).position(|s| s.feature == node.feature) {
            (zero, one) = (path[place + 1].zero, path[place + 1].one);
            unwind(&mut path, place + 1);
        }
        let share = |child: u32| self.tree.cover[child as usize] / self.tree.cover[at];
        let (hot_zero, cold_zero) = (zero * share(hot), zero * share(cold));
        let feature = node.feature;
        self.visit(hot as usize, path.clone(), Step { feature, zero: hot_zero, one, weight: 0.0 });
        self.visit(cold as usize, path, Step { feature, zero: cold_zero, one: 0.0, weight: 0.0 });
    }
}

fn extend(path: &mut Vec<Step>, mut step: Step) {
    let depth = path.len();
    step.weight = if depth == 0 { 1.0 } else { 0.0 };
    path.push(step);
    let all = depth as f64 + 1.0;
    for at in (0..depth).rev() {
        path[at + 1].weight += step.one * path[at].weight * (at as f64 + 1.0) / all;
        path[at].weight *= step.zero * (depth - at) as f64 / all;
    }
}

/// Takes a step out of a path, as if it had never been added.
fn unwind(path: &mut Vec<Step>, place: usize) {
    let depth = path.len() - 1;
    let all = depth as f64 + 1.0;
    let Step { zero, one, .. } = path[place];
    let mut next = path[depth].weight;
    for at in (0..depth).rev() {
        if one != 0.0 {
            let before = path[at].weight;
            path[at].weight = next * all / ((at as f64 + 1.0) * one);
            next = before - path[at].weight * zero * (depth - at) as f64 / all;
        } else {
            path[at].weight *= all / (zero * (depth - at) as f64);
        }
    }
    for at in place..depth {
        let weight = path[at].weight;
        path[at] = Step { weight, ..path[at + 1] };
    }
    path.pop();
}

/// Sum of the weights of a path without a step.
fn unwound_sum(path: &[Step], place: usize) -> f64 {
    let depth = path.len() - 1;
    let all = depth as f64 + 1.0;
    let Step { zero, one, .. } = path[place];
    let mut next = path[depth].weight;
    let mut sum = 0.0;
    for at in (0..depth).rev() {
        let rest = (depth - at) as f64 / all;
        if one != 0.0 {
            let weight = next * all / ((at as f64 + 1.0) * one);
            sum += weight;
            next = path[at].weight - weight * zero * rest;
        } else {
            sum += path[at].weight / (zero * rest);
        }
    }
    sum
}

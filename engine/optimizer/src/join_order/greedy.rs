//! One order of many relations: the join with the fewest rows first.

use super::cost::Memo;
use super::hypergraph::{Set, single};
use super::model::Model;
use super::prices::Prices;

/// Greedy operator ordering (Fegaras, "A new heuristic for optimizing large queries", DEXA 1998): of all pairs that can be joined,
/// the one with the smallest result is, until one set is left. It may end in several sets; the memo then has no way to all.
pub(super) fn search(model: &Model, prices: &Prices, mut memo: Memo) -> Memo {
    let mut sets: Vec<Set> = (0..model.relations.len()).map(single).collect();
    while sets.len() > 1 {
        let mut least: Option<(f64, usize, usize)> = None;
        for (i, first) in sets.iter().enumerate() {
            for (j, second) in sets.iter().enumerate().skip(i + 1) {
                // A union of two sets is met again only as the same two sets.
                if memo.entry(first | second).is_none() && !memo.join(model, prices, *first, *second) {
                    continue;
                }
                let rows = memo.entry(first | second).map_or(f64::INFINITY, |entry| entry.rows);
                if least.is_none_or(|(fewest, ..)| rows < fewest) {
                    least = Some((rows, i, j));
                }
            }
        }
        let Some((_, i, j)) = least else { break };
        // `j` is the larger place, so removing it leaves `i` where it is.
        let second = sets.remove(j);
        if let Some(first) = sets.get_mut(i) {
            *first |= second;
        }
    }
    memo
}

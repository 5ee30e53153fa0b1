//! Rows drawn by what is in them.

use std::collections::HashSet;

use super::columns::Columns;
use crate::statistics::random::{Random, mix};
use crate::statistics::sorted::sorted_by_key;

/// Rows in an order that follows from their values alone, and is as good as any random one.
pub(super) fn order_by_content(known: &Columns, columns: &[&[f64]], seed: u64) -> Vec<(u64, u32)> {
    let rows = columns.first().map_or(0, |c| c.len());
    let mut keys: Vec<(u64, u32)> = (0..rows as u32).map(|row| (seed, row)).collect();
    for (i, column) in &known.used {
        for ((key, _), value) in keys.iter_mut().zip(columns[*i]) {
            *key = mix(*key ^ column.value(*value).to_bits()).wrapping_add(1);
        }
    }
    sorted_by_key(keys)
}

/// Distinct numbers below n, in order (Floyd; Bentley, CACM 30, 1987).
pub(super) fn distinct(n: usize, count: usize, random: &mut Random) -> Vec<usize> {
    let mut chosen = HashSet::with_capacity(count);
    for top in n - count.min(n)..n {
        let candidate = random.below(top + 1);
        if !chosen.insert(candidate) {
            chosen.insert(top);
        }
    }
    let mut chosen: Vec<usize> = chosen.into_iter().collect();
    chosen.sort_unstable();
    chosen
}

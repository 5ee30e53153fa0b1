//! An order of rows that depends on their values alone, so that fits do not depend on how rows arrive.

use std::cmp::Ordering;

use crate::data::{Table, Values};

/// The rows of a table in an order that is the same for the same rows in whatever order they came: by time when a column
/// of times is given (missing times first), then by a hash of the row, then by the values. The hash makes the order
/// unlike that of any column, as a shuffle would. O(n log n + n x columns).
pub fn canonical(table: &Table, times: Option<&[Option<i64>]>, seed: u64) -> Vec<usize> {
    let hashes = row_hashes(table, seed);
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    rows.sort_by(|&a, &b| {
        let time = times.map_or(Ordering::Equal, |t| t[a].cmp(&t[b]));
        time.then_with(|| hashes[a].cmp(&hashes[b])).then_with(|| compare(table, a, b))
    });
    rows
}

/// A hash of each row's values; names of categories count, not their codes.
fn row_hashes(table: &Table, seed: u64) -> Vec<u64> {
    let mut hashes = vec![mix(seed); table.rows()];
    for column in table.columns() {
        let salt = text_hash(&column.name);
        let mut add = |row: usize, value: u64| hashes[row] = mix(hashes[row] ^ mix(value ^ salt));
        match &column.values {
            Values::Numbers(x) => x.iter().enumerate().for_each(|(r, v)| add(r, bits(*v))),
            Values::Times(x) => x.iter().enumerate().for_each(|(r, v)| add(r, v.map_or(u64::MAX, |v| v as u64))),
            Values::Categories(x) => {
                let names: Vec<u64> = x.names().iter().map(|n| text_hash(n)).collect();
                x.codes().iter().enumerate().for_each(|(r, c)| add(r, names.get(*c as usize).copied().unwrap_or(1)));
            }
        }
    }
    hashes
}

/// Bits of a number such that equal numbers have equal bits; all NaN are one.
pub(crate) fn bits(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() }
}

fn compare(table: &Table, a: usize, b: usize) -> Ordering {
    let by_column = |values: &Values| match values {
        Values::Numbers(x) => bits(x[a]).cmp(&bits(x[b])),
        Values::Times(x) => x[a].cmp(&x[b]),
        Values::Categories(x) => x.name(a).cmp(&x.name(b)),
    };
    table.columns().iter().map(|c| by_column(&c.values)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Column;

    #[test]
    fn the_order_of_arrival_does_not_count() {
        let table = Table::new(vec![
            Column::numbers("x", vec![3.0, 1.0, f64::NAN, 1.0, 0.0]),
            Column::texts("c", &[Some("b"), Some("a"), None, Some("c"), Some("a")]),
        ])
        .unwrap();
        let times = [Some(5), None, Some(1), Some(5), Some(5)];
        let order = canonical(&table, Some(&times), 1);
        assert_eq!(order[..2], [1, 2]);
        let shuffled = [4, 2, 0, 3, 1];
        let texts = Column::texts("c", &[Some("a"), None, Some("b"), Some("c"), Some("a")]);
        let other = Table::new(vec![Column::numbers("x", vec![0.0, f64::NAN, 3.0, 1.0, 1.0]), texts]).unwrap();
        let other_times: Vec<_> = shuffled.iter().map(|&r| times[r]).collect();
        let back: Vec<usize> = canonical(&other, Some(&other_times), 1).iter().map(|&r| shuffled[r]).collect();
        assert_eq!(order, back);
        assert_ne!(canonical(&table, None, 1), canonical(&table, None, 2));
    }
}

//! Rows of leaves, side by side in one list.

/// Puts rows that go left before the others, each side in its old order, and says how many they are. O(rows).
pub(crate) fn partition(rows: &mut [u32], spare: &mut Vec<u32>, goes_left: impl Fn(u32) -> bool) -> usize {
    spare.clear();
    let mut left = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        if goes_left(row) {
            rows[left] = row;
            left += 1;
        } else {
            spare.push(row);
        }
    }
    rows[left..].copy_from_slice(spare);
    left
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_sides_keep_their_order() {
        let mut rows = [5, 2, 9, 4, 4, 7];
        assert_eq!(super::partition(&mut rows, &mut Vec::new(), |r| r % 2 == 0), 3);
        assert_eq!(rows, [2, 4, 4, 5, 9, 7]);
    }
}

//! What data a model was trained on, in 32 bytes.

use sha2::{Digest, Sha256};

use crate::artifact::hexadecimal;

/// A digest of a table that is the same for the same rows in any order.
///
/// Rows are hashed one by one and their hashes added as 256-bit numbers modulo 2^256 (a multiset hash: Clarke et al.,
/// "Incremental multiset hash functions", 2003, without their key: it finds accidental changes, not forged tables).
#[derive(Debug, Clone)]
pub struct Fingerprint {
    sum: [u64; 4],
    rows: u64,
}

impl Fingerprint {
    /// The fingerprint of an empty table with these columns; names and types belong to it.
    pub fn new(columns: &[(&str, &str)]) -> Self {
        let mut hash = Sha256::new();
        for (name, kind) in columns {
            for text in [name, kind] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
        let mut new = Self { sum: [0; 4], rows: 0 };
        new.add(&hash.finalize());
        new
    }

    /// Adds a row: its values in bytes, such that different rows differ. O(bytes).
    pub fn row(&mut self, bytes: &[u8]) {
        self.rows += 1;
        self.add(&Sha256::digest(bytes));
    }

    fn add(&mut self, hash: &[u8]) {
        let mut carry = false;
        let (words, _) = hash.as_chunks::<8>();
        for (sum, word) in self.sum.iter_mut().zip(words) {
            let (once, over) = sum.overflowing_add(u64::from_le_bytes(*word));
            let (twice, again) = once.overflowing_add(u64::from(carry));
            *sum = twice;
            carry = over || again;
        }
    }

    /// The fingerprint in hexadecimal.
    pub fn finish(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.rows.to_le_bytes());
        self.sum.iter().for_each(|word| hash.update(word.to_le_bytes()));
        hexadecimal(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str]) -> String {
        let mut fingerprint = Fingerprint::new(&[("a", "number")]);
        rows.iter().for_each(|row| fingerprint.row(row.as_bytes()));
        fingerprint.finish()
    }

    #[test]
    fn order_does_not_count_but_rows_columns_and_repetitions_do() {
        assert_eq!(of(&["x", "y", "z"]), of(&["z", "x", "y"]));
        assert_ne!(of(&["x", "y"]), of(&["x", "y", "y"]));
        assert_ne!(of(&["x"]), of(&["y"]));
        assert_ne!(of(&[]), Fingerprint::new(&[("b", "number")]).finish());
        assert_ne!(Fingerprint::new(&[("ab", "c")]).finish(), Fingerprint::new(&[("a", "bc")]).finish());
    }
}

//! Integers of 128 and 256 bits.

use datafusion::arrow::datatypes::i256;

/// The number in little-endian bytes (16 or 32 of them) as a decimal's digits; `None` when it needs more than 255 bits.
pub(super) fn to_i256(bytes: &[u8], signed: bool) -> Option<i256> {
    let negative = signed && bytes.last().is_some_and(|b| b & 0x80 != 0);
    if bytes.len() == 32 && !signed && bytes.last().is_some_and(|b| b & 0x80 != 0) {
        return None;
    }
    let mut wide = [if negative { 0xff } else { 0 }; 32];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i256::from_le_bytes(wide))
}

/// The number as text.
pub(super) fn to_text(bytes: &[u8], signed: bool) -> String {
    match to_i256(bytes, signed) {
        Some(number) => number.to_string(),
        None => unsigned_text(bytes),
    }
}

/// Long division by 10^9 (Knuth, The Art of Computer Programming, 4.3.1, exercise 16).
fn unsigned_text(bytes: &[u8]) -> String {
    const CHUNK: u64 = 1_000_000_000;
    let limb = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let mut limbs: Vec<u64> = bytes.chunks(4).map(limb).collect();
    let mut parts = Vec::new();
    while limbs.iter().any(|l| *l != 0) {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let value = rest << 32 | *limb;
            *limb = value / CHUNK;
            rest = value % CHUNK;
        }
        parts.push(rest);
    }
    let mut text = parts.pop().unwrap_or(0).to_string();
    for part in parts.iter().rev() {
        text.push_str(&format!("{part:09}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_exact() {
        assert_eq!(to_text(&[0xff; 16], false), u128::MAX.to_string());
        assert_eq!(to_text(&[0xff; 16], true), "-1");
        assert_eq!(to_text(&i128::MIN.to_le_bytes(), true), i128::MIN.to_string());
        assert_eq!(to_text(&[0; 32], false), "0");
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(to_text(&[0xff; 32], false), most);
        assert_eq!(unsigned_text(&u128::MAX.to_le_bytes()), u128::MAX.to_string());
        assert_eq!(unsigned_text(&1_000_000_000u128.to_le_bytes()), "1000000000");
        assert_eq!(to_i256(&[0xff; 32], false), None);
    }
}

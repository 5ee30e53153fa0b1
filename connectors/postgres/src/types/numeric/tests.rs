//! Numerics against their text.

use super::*;
use proptest::prelude::*;

fn sent(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    from_text(text, None, &mut out).unwrap();
    out
}

fn frame(digits: &[u16], weight: i16, sign: u16, scale: u16) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, digits, weight, sign, scale);
    out
}

fn printed(value: &[u8]) -> String {
    let mut out = Vec::new();
    to_text(value, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn frames_are_those_that_postgres_sends() {
    // As numeric_send of Postgres 15 gives them.
    assert_eq!(sent("12345.678"), frame(&[1, 2345, 6780], 1, 0, 3));
    assert_eq!(sent("-0.0001"), frame(&[1], -1, NEGATIVE, 4));
    assert_eq!(sent("0.00"), frame(&[], 0, 0, 2));
    assert_eq!(sent("10000"), frame(&[1], 1, 0, 0));
    assert_eq!(sent("1e-5"), frame(&[1000], -2, 0, 5));
    assert_eq!(sent("NaN"), frame(&[], 0, NAN, 0));
    assert_eq!(sent("-Infinity"), frame(&[], 0, NEGATIVE_INFINITY, 0));
}

#[test]
fn text_is_as_postgres_prints_it() {
    for text in [
        "0",
        "0.00",
        "1",
        "-1.50",
        "10000.0000",
        "0.000000001",
        "-123456789012345678901234567890.5",
        "NaN",
        "Infinity",
        "-Infinity",
    ] {
        assert_eq!(printed(&sent(text)), text);
    }
    assert_eq!(printed(&sent("1.5e3")), "1500");
    assert_eq!(printed(&sent("1.5e-3")), "0.0015");
    let huge = format!("{}.{}", "9".repeat(1000), "1".repeat(500));
    assert_eq!(printed(&sent(&huge)), huge);
}

#[test]
fn a_decimal_is_exact_or_an_error() {
    let limit = 10i128.pow(38);
    assert_eq!(to_i128(&sent("12345.678"), 3, limit), Ok(12_345_678));
    assert_eq!(to_i128(&sent("12345.678"), 10, limit), Ok(123_456_780_000_000));
    assert_eq!(to_i128(&sent("12345.678"), 2, limit), Err(Fault::NumericRange));
    assert_eq!(to_i128(&sent("99999999999999999999999999999999999999"), 0, limit), Ok(limit - 1));
    assert_eq!(to_i128(&sent("-0.99999999999999999999999999999999999999"), 38, limit), Ok(1 - limit));
    assert_eq!(to_i128(&sent("100000000000000000000000000000000000000"), 0, limit), Err(Fault::NumericRange));
    assert_eq!(to_i128(&sent("1e131000"), 0, limit), Err(Fault::NumericRange));
    assert_eq!(to_i128(&sent("1e-16000"), 38, limit), Err(Fault::NumericRange));
    assert_eq!(to_i128(&sent("1000"), 2, 100_000), Err(Fault::NumericRange));
    assert_eq!(to_i128(&sent("NaN"), 2, limit), Err(Fault::NumericSpecial));
    let wide = i256::from_i128(10).checked_pow(76).unwrap();
    assert_eq!(to_i256(&sent(&"9".repeat(76)), 0, wide), Ok(wide.wrapping_sub(i256::ONE)));
    assert_eq!(to_i256(&sent(&"9".repeat(77)), 0, wide), Err(Fault::NumericRange));
}

#[test]
fn malformed_frames_are_errors() {
    let limit = 10i128.pow(38);
    for bad in [
        frame(&[10_000], 0, 0, 0),
        frame(&[1], 0, 0x1234, 0),
        frame(&[1], 0, 0, 0x4000),
        frame(&[1; 5], 0, 0, 0)[..9].to_vec(),
    ] {
        assert!(matches!(to_i128(&bad, 0, limit), Err(Fault::Frame(_) | Fault::Truncated)), "{bad:?}");
        assert!(to_text(&bad, &mut Vec::new()).is_err(), "{bad:?}");
    }
    let mut long = sent("1");
    long.push(0);
    assert_eq!(to_i128(&long, 0, limit), Err(Fault::Trailing));
}

#[test]
fn texts_that_are_not_numbers_are_refused() {
    for text in
        ["", "-", ".", "e5", "1e", "1.2.3", "1,5", "0x10", "١", "-NaN", "1 2", "1e99999999999", "1e200000", "1e-20000"]
    {
        assert!(from_text(text, None, &mut Vec::new()).is_err(), "{text}");
    }
    for text in [" 1", "+1", "1.", ".1", "1E+2", "inf", "-infinity"] {
        assert!(from_text(text, None, &mut Vec::new()).is_ok(), "{text}");
    }
}

#[test]
fn places_beyond_the_column_are_refused_unless_zero() {
    let write = |text: &str, places| from_text(text, Some(places), &mut Vec::new());
    assert!(write("1.50", 1).is_ok() && write("1.55", 1).is_err());
    assert!(write("1200", -2).is_ok() && write("1250", -2).is_err());
    assert!(from_i128(1250, 2, Some(1), &mut Vec::new()).is_ok());
    assert!(from_i128(1255, 2, Some(1), &mut Vec::new()).is_err());
}

proptest! {
    #[test]
    fn every_decimal_returns_unchanged(value in any::<i128>(), shift in 0u32..127, scale in 0i8..=38) {
        let value = (value >> shift) % 10i128.pow(38);
        let mut out = Vec::new();
        from_i128(value, scale, None, &mut out).unwrap();
        prop_assert_eq!(to_i128(&out, scale, 10i128.pow(38)), Ok(value));
        let mut wide = Vec::new();
        from_i256(i256::from_i128(value), scale, None, &mut wide).unwrap();
        prop_assert_eq!(&out, &wide);
        prop_assert_eq!(to_i256(&out, scale, i256::from_i128(10i128.pow(38))), Ok(i256::from_i128(value)));
        let text = printed(&out);
        prop_assert_eq!(sent(&text), out.clone());
        prop_assert_eq!(to_f64(&out).unwrap(), text.parse::<f64>().unwrap());
    }

    #[test]
    fn texts_return_unchanged(whole in "(0|[1-9][0-9]{0,60})", fraction in "[0-9]{1,60}", negative: bool) {
        let zero = whole == "0" && fraction.bytes().all(|b| b == b'0');
        let text = format!("{}{whole}.{fraction}", if negative && !zero { "-" } else { "" });
        prop_assert_eq!(printed(&sent(&text)), text);
    }

    #[test]
    fn any_bytes_are_a_number_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..40), scale in 0i8..38) {
        let mut out = Vec::new();
        let _ = to_text(&bytes, &mut out);
        prop_assert!(std::str::from_utf8(&out).is_ok());
        let _ = (to_i128(&bytes, scale, 10i128.pow(38)), to_i256(&bytes, scale, i256::from_i128(10)), to_f64(&bytes));
    }
}

#[test]
fn a_column_without_a_scale_gets_the_digits_that_a_value_has() {
    for (value, scale, places, shown) in [
        (1_050, 2, None, "10.5"),
        (1_050, 2, Some(2), "10.50"),
        (-10_000, 3, None, "-10"),
        (0, 20, None, "0"),
        (7, 5, None, "0.00007"),
        (1_200, 0, None, "1200"),
    ] {
        let mut out = Vec::new();
        from_i128(value, scale, places, &mut out).unwrap();
        let mut text = Vec::new();
        to_text(&out, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), shown);
    }
}

//! Postgres's binary `numeric`: base-10000 digits with a weight, to and from decimals and text.
//!
//! Frame: digit count, weight of the first digit, sign, display scale (16 bits each), then the digits
//! (src/backend/utils/adt/numeric.c, numeric_send).

use std::io::Write;

use arrow::datatypes::i256;

use super::fault::Fault;
use super::reader::Reader;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const POSITIVE_INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
/// Largest display scale (NUMERIC_DSCALE_MAX).
const SCALE_MAX: u16 = 0x3fff;

/// Precision and scale of a type modifier (numeric_typmod_precision, numeric_typmod_scale); `None` when there is none.
pub(super) fn typmod(typmod: i32) -> Option<(i32, i32)> {
    let bits = typmod.checked_sub(4).filter(|b| *b >= 0)?;
    Some(((bits >> 16) & 0xffff, ((bits & 0x7ff) ^ 1024) - 1024))
}

/// What a sign field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Positive,
    Negative,
    NaN,
    Infinity,
    NegativeInfinity,
}

struct Frame<'a> {
    weight: i16,
    sign: Sign,
    scale: u16,
    digits: &'a [u8],
}

impl<'a> Frame<'a> {
    #[inline]
    fn read(value: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(value);
        let (count, weight) = (reader.u16()?, reader.i16()?);
        let sign = match reader.u16()? {
            0 => Sign::Positive,
            NEGATIVE => Sign::Negative,
            NAN => Sign::NaN,
            POSITIVE_INFINITY => Sign::Infinity,
            NEGATIVE_INFINITY => Sign::NegativeInfinity,
            _ => return Err(Fault::Frame("unknown sign of a numeric")),
        };
        let scale = reader.u16()?;
        if scale > SCALE_MAX {
            return Err(Fault::Frame("display scale of a numeric"));
        }
        let digits = reader.take(usize::from(count) * 2)?;
        reader.end()?;
        Ok(Self { weight, sign, scale, digits })
    }

    #[inline]
    fn digits(&self) -> impl Iterator<Item = Result<u16, Fault>> + use<'a> {
        self.digits.chunks_exact(2).map(|pair| match u16::from_be_bytes([pair[0], pair[1]]) {
            digit @ 0..=9999 => Ok(digit),
            _ => Err(Fault::Frame("digit of a numeric")),
        })
    }

    fn negative(&self) -> Result<bool, Fault> {
        match self.sign {
            Sign::Positive => Ok(false),
            Sign::Negative => Ok(true),
            _ => Err(Fault::NumericSpecial),
        }
    }
}

/// The arithmetic that a decimal's integer needs; `None` is an overflow.
trait Unscaled: Copy {
    fn from_u32(value: u32) -> Self;
    fn times(self, factor: u32) -> Option<Self>;
    fn plus(self, other: u32) -> Option<Self>;
}

impl Unscaled for i128 {
    fn from_u32(value: u32) -> Self {
        Self::from(value)
    }
    fn times(self, factor: u32) -> Option<Self> {
        self.checked_mul(Self::from(factor))
    }
    fn plus(self, other: u32) -> Option<Self> {
        self.checked_add(Self::from(other))
    }
}

impl Unscaled for i256 {
    fn from_u32(value: u32) -> Self {
        Self::from_i128(i128::from(value))
    }
    fn times(self, factor: u32) -> Option<Self> {
        self.checked_mul(Self::from_u32(factor))
    }
    fn plus(self, other: u32) -> Option<Self> {
        self.checked_add(Self::from_u32(other))
    }
}

/// 10^0 to 10^3.
const TENS: [u32; 4] = [1, 10, 100, 1000];

/// |value| * 10^scale, exactly.
fn magnitude<T: Unscaled>(frame: &Frame<'_>, scale: i8) -> Result<T, Fault> {
    let mut sum = T::from_u32(0);
    let mut exponent = 4 * i32::from(frame.weight) + i32::from(scale);
    let mut zero = true;
    for digit in frame.digits() {
        let digit = u32::from(digit?);
        zero &= digit == 0;
        let next = match exponent {
            0.. => sum.times(10_000).and_then(|s| s.plus(digit)),
            -3..=-1 => {
                let cut = TENS[(-exponent) as usize];
                if digit % cut != 0 {
                    return Err(Fault::NumericRange);
                }
                sum.times(10_000 / cut).and_then(|s| s.plus(digit / cut))
            }
            _ if digit == 0 => Some(sum),
            _ => None,
        };
        sum = next.ok_or(Fault::NumericRange)?;
        exponent -= 4;
    }
    if zero {
        return Ok(sum);
    }
    // `exponent + 4` is that of the last digit read.
    let mut missing = exponent + 4;
    while missing > 0 {
        let step = missing.min(3);
        sum = sum.times(TENS[step as usize]).ok_or(Fault::NumericRange)?;
        missing -= step;
    }
    Ok(sum)
}

/// The most common case, up to four digits around the decimal point, without 128-bit products in the loop.
#[inline]
fn small(frame: &Frame<'_>, scale: i8) -> Option<i128> {
    let count = frame.digits.len() / 2;
    let shift = 4 * (i32::from(frame.weight) - count as i32 + 1) + i32::from(scale);
    if count > 4 || !(-3..=18).contains(&shift) {
        return None;
    }
    let mut sum = 0u64;
    for pair in frame.digits.chunks_exact(2) {
        let digit = u16::from_be_bytes([pair[0], pair[1]]);
        if digit > 9999 {
            return None;
        }
        sum = sum * 10_000 + u64::from(digit);
    }
    if shift >= 0 {
        return Some(i128::from(sum) * i128::from(10u64.pow(shift as u32)));
    }
    let cut = u64::from(TENS[(-shift) as usize]);
    sum.is_multiple_of(cut).then(|| i128::from(sum / cut))
}

/// As the integer of a `Decimal128(_, scale)`; `limit` is 10^precision.
#[inline]
pub(super) fn to_i128(value: &[u8], scale: i8, limit: i128) -> Result<i128, Fault> {
    let frame = Frame::read(value)?;
    let negative = frame.negative()?;
    let found = match small(&frame, scale) {
        Some(found) => found,
        None => magnitude::<i128>(&frame, scale)?,
    };
    if found >= limit {
        return Err(Fault::NumericRange);
    }
    Ok(if negative { -found } else { found })
}

/// As the integer of a `Decimal256(_, scale)`; `limit` is 10^precision.
pub(super) fn to_i256(value: &[u8], scale: i8, limit: i256) -> Result<i256, Fault> {
    let frame = Frame::read(value)?;
    let negative = frame.negative()?;
    let found = magnitude::<i256>(&frame, scale)?;
    if found >= limit {
        return Err(Fault::NumericRange);
    }
    Ok(if negative { found.wrapping_neg() } else { found })
}

/// As Postgres prints it (numeric_out).
pub(super) fn to_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let frame = Frame::read(value)?;
    match frame.sign {
        Sign::NaN => out.extend_from_slice(b"NaN"),
        Sign::Infinity => out.extend_from_slice(b"Infinity"),
        Sign::NegativeInfinity => out.extend_from_slice(b"-Infinity"),
        Sign::Positive | Sign::Negative => {
            if frame.sign == Sign::Negative {
                out.push(b'-');
            }
            let mut digits = frame.digits();
            let mut next = || digits.next().unwrap_or(Ok(0));
            if frame.weight < 0 {
                out.push(b'0');
            } else {
                let start = out.len();
                for position in 0..=frame.weight {
                    put_digit(out, next()?, position == 0);
                }
                if out.len() == start {
                    out.push(b'0');
                }
            }
            if frame.scale > 0 {
                out.push(b'.');
                let end = out.len() + usize::from(frame.scale);
                let zeros = (-1 - i32::from(frame.weight)).max(0) as usize * 4;
                out.resize(end.min(out.len() + zeros), b'0');
                while out.len() < end {
                    put_digit(out, next()?, false);
                }
                out.truncate(end);
            }
        }
    }
    Ok(())
}

fn put_digit(out: &mut Vec<u8>, digit: u16, first: bool) {
    let digit = digit.min(9999);
    let ascii = [digit / 1000, digit / 100 % 10, digit / 10 % 10, digit % 10].map(|d| b'0' + d as u8);
    let skip = if first { ascii.iter().take_while(|d| **d == b'0').count() } else { 0 };
    out.extend_from_slice(&ascii[skip..]);
}

/// The nearest double.
pub(super) fn to_f64(value: &[u8]) -> Result<f64, Fault> {
    let mut text = Vec::new();
    to_text(value, &mut text)?;
    let text = std::str::from_utf8(&text).map_err(|_| Fault::Utf8)?;
    text.parse().map_err(|_| Fault::Frame("digits of a numeric"))
}

/// Appends the binary form of a decimal given as text: an optional sign, digits, an optional fraction, an optional exponent;
/// or NaN, Infinity, -Infinity. The display scale is the number of digits after the point. Decimal places that are not zero
/// beyond `places_max` are an error, because the server would round them away.
pub(super) fn from_text(text: &str, places_max: Option<i32>, out: &mut Vec<u8>) -> Result<(), Fault> {
    const WRONG: Fault = Fault::Write("a text is not a number");
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let special = match rest.to_ascii_lowercase().as_str() {
        "nan" if rest.len() == text.len() => Some(NAN),
        "infinity" | "inf" => Some(if negative { NEGATIVE_INFINITY } else { POSITIVE_INFINITY }),
        _ => None,
    };
    if let Some(sign) = special {
        put_frame(out, &[], 0, sign, 0);
        return Ok(());
    }
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().map_err(|_| WRONG)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimal: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if decimal.is_empty() || !decimal.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    let point = i64::try_from(whole.len()).map_err(|_| WRONG)? + i64::from(exponent);
    let scale = (fraction.len() as i64 - i64::from(exponent)).max(0);
    put_decimal(out, negative, &decimal, point, scale, places_max)
}

/// Appends the binary form of `digits` (ASCII) with the decimal point after the first `point` of them.
fn put_decimal(
    out: &mut Vec<u8>,
    negative: bool,
    digits: &[u8],
    point: i64,
    scale: i64,
    places_max: Option<i32>,
) -> Result<(), Fault> {
    const RANGE: Fault = Fault::Write("a number is outside the range of numeric");
    let scale = u16::try_from(scale).ok().filter(|s| *s <= SCALE_MAX).ok_or(RANGE)?;
    let leading = digits.iter().take_while(|d| **d == b'0').count();
    let trailing = digits[leading..].iter().rev().take_while(|d| **d == b'0').count();
    let significant = &digits[leading..digits.len() - trailing];
    if significant.is_empty() {
        put_frame(out, &[], 0, 0, scale);
        return Ok(());
    }
    let point = point - leading as i64;
    let places = significant.len() as i64 - point;
    if places_max.is_some_and(|most| places > i64::from(most)) {
        return Err(Fault::Write("a number has more decimal places than the column keeps"));
    }
    // The weight of the first base-10000 digit, and how many zeros fill it up from the left.
    let weight = (point - 1).div_euclid(4);
    let lead = (weight + 1) * 4 - point;
    let weight = i16::try_from(weight).map_err(|_| RANGE)?;
    let padded: Vec<u8> = std::iter::repeat_n(b'0', lead as usize).chain(significant.iter().copied()).collect();
    let group = |g: &[u8]| (0..4).fold(0u16, |sum, i| sum * 10 + u16::from(g.get(i).map_or(0, |d| d - b'0')));
    let groups: Vec<u16> = padded.chunks(4).map(group).collect();
    if groups.len() > usize::from(u16::MAX) {
        return Err(RANGE);
    }
    put_frame(out, &groups, weight, if negative { NEGATIVE } else { 0 }, scale);
    Ok(())
}

fn put_frame(out: &mut Vec<u8>, digits: &[u16], weight: i16, sign: u16, scale: u16) {
    out.extend_from_slice(&(digits.len() as u16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

/// Appends the binary form of a decimal's integer and scale.
pub(super) fn from_i128(value: i128, scale: i8, places_max: Option<i32>, out: &mut Vec<u8>) -> Result<(), Fault> {
    from_digits(value < 0, format_args!("{}", value.unsigned_abs()), scale, places_max, out)
}

/// Appends the binary form of a decimal's integer and scale.
pub(super) fn from_i256(value: i256, scale: i8, places_max: Option<i32>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let negative = value.is_negative();
    let text = value.to_string();
    from_digits(negative, format_args!("{}", text.trim_start_matches('-')), scale, places_max, out)
}

fn from_digits(
    negative: bool,
    digits: std::fmt::Arguments<'_>,
    scale: i8,
    places_max: Option<i32>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let mut buffer = [0u8; 80];
    let mut rest = &mut buffer[..];
    rest.write_fmt(digits).map_err(|_| Fault::NumericRange)?;
    let left = rest.len();
    let digits = &buffer[..80 - left];
    let point = digits.len() as i64 - i64::from(scale);
    let mut places = i64::from(scale.max(0));
    if places_max.is_none() {
        // A column without a declared scale shows each value with the digits that it has.
        let zeros = digits.iter().rev().take_while(|d| **d == b'0').count();
        let shown = if zeros == digits.len() { 0 } else { places - zeros as i64 };
        places = shown.max(0);
    }
    put_decimal(out, negative, digits, point, places, places_max)
}

#[cfg(test)]
mod tests;

//! Decimal numbers of BSON (IEEE 754-2008, 128 bits, binary integer significand) as scaled integers, and back.

use bson::Decimal128;

const EXPONENT_BIAS: i32 = 6176;

/// A finite decimal number: `digits * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) digits: i128,
    pub(crate) exponent: i32,
}

impl Number {
    /// The number; `None` for NaN and infinities.
    pub(crate) fn of(value: Decimal128) -> Option<Self> {
        let bits = u128::from_le_bytes(value.bytes());
        let negative = bits >> 127 == 1;
        let combination = (bits >> 122) & 0x1f;
        if combination >= 0x1e {
            return None;
        }
        let (exponent, significand) = if combination >= 0x18 {
            // A significand of this form has more than 34 digits, which stands for zero.
            ((bits >> 111) & 0x3fff, 0)
        } else {
            ((bits >> 113) & 0x3fff, bits & ((1 << 113) - 1))
        };
        let significand = if significand > 9_999_999_999_999_999_999_999_999_999_999_999 { 0 } else { significand };
        let digits = i128::try_from(significand).ok()?;
        let exponent = i32::try_from(exponent).ok()? - EXPONENT_BIAS;
        Some(Self { digits: if negative { -digits } else { digits }, exponent })
    }

    /// Digits before the point and decimal places.
    pub(crate) fn shape(self) -> (i32, i32) {
        let mut digits = self.digits.unsigned_abs();
        let mut exponent = self.exponent;
        if digits == 0 {
            return (0, (-exponent).clamp(0, 34));
        }
        // Zeros far behind the point say nothing that a column could keep.
        while exponent < -34 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        let length = i32::try_from(digits.to_string().len()).unwrap_or(i32::MAX);
        ((length + exponent).max(0), (-exponent).max(0))
    }

    /// The whole number of `10^-scale`; `None` when it has more places or more than `precision` digits.
    pub(crate) fn scaled(self, precision: u8, scale: i8) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let shift = self.exponent.checked_add(i32::from(scale))?;
        let scaled = match u32::try_from(shift) {
            Ok(up) => self.digits.checked_mul(10_i128.checked_pow(up)?)?,
            Err(_) => {
                let unit = 10_i128.checked_pow(shift.unsigned_abs())?;
                (self.digits % unit == 0).then(|| self.digits / unit)?
            }
        };
        (scaled.unsigned_abs() < 10_u128.checked_pow(u32::from(precision))?).then_some(scaled)
    }
}

/// A whole number as one of so many decimal places, when it has no more than `precision` digits.
pub(crate) fn whole(value: i64, precision: u8, scale: i8) -> Option<i128> {
    Number { digits: i128::from(value), exponent: 0 }.scaled(precision, scale)
}

/// `digits * 10^-scale` as BSON's number; `None` when it has more than 34 digits.
pub(crate) fn bson(digits: i128, scale: i8) -> Option<Decimal128> {
    let magnitude = digits.unsigned_abs();
    if magnitude > 9_999_999_999_999_999_999_999_999_999_999_999 {
        return None;
    }
    let exponent = u128::try_from(EXPONENT_BIAS - i32::from(scale)).ok()?;
    let sign = u128::from(digits < 0) << 127;
    Some(Decimal128::from_bytes((sign | (exponent << 113) | magnitude).to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Number> {
        Number::of(text.parse().unwrap())
    }

    #[test]
    fn numbers_are_exact_or_none() {
        assert_eq!(number("1.50"), Some(Number { digits: 150, exponent: -2 }));
        assert_eq!(number("-1.50").unwrap().scaled(38, 2), Some(-150));
        assert_eq!(number("1.50").unwrap().scaled(38, 1), Some(15));
        assert_eq!(number("1.55").unwrap().scaled(38, 1), None);
        assert_eq!(number("1E+10").unwrap().scaled(38, 2), Some(1_000_000_000_000));
        assert_eq!(number("1E+6000").unwrap().scaled(38, 2), None);
        assert_eq!(number("1E-6000").unwrap().scaled(38, 2), None);
        assert_eq!(number("0E-6000").unwrap().scaled(38, 2), Some(0));
        assert_eq!(
            number("9999999999999999999999999999999999").unwrap().scaled(38, 4).map(|v| v.to_string().len()),
            Some(38)
        );
        assert_eq!(number("9999999999999999999999999999999999").unwrap().scaled(38, 5), None);
        assert_eq!((number("NaN"), number("-Infinity")), (None, None));
        assert_eq!(number("12.345").unwrap().shape(), (2, 3));
        assert_eq!(number("1E+3").unwrap().shape(), (4, 0));
        assert_eq!(number("0.001").unwrap().shape(), (0, 3));
    }

    #[test]
    fn numbers_go_to_bson_and_back() {
        for (digits, scale) in
            [(0, 0), (-150, 2), (i128::from(i64::MAX), 7), (9_999_999_999_999_999_999_999_999_999_999_999, 0)]
        {
            let there = Number::of(bson(digits, scale).unwrap()).unwrap();
            assert_eq!(there.scaled(38, scale), Some(digits));
        }
        assert_eq!(bson(-150, 2).unwrap().to_string(), "-1.50");
        assert_eq!(bson(10_i128.pow(34), 0), None);
    }
}

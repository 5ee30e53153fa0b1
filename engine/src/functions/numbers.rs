//! `sign`, `div`, `width_bucket`, `num_nulls`, `num_nonnulls`, as Postgres has them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type, i256};
use datafusion::error::Result;

use super::rule::{Rule, invalid, missing};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "sign",
        usage: "sign(number)",
        description: "-1, 0 or 1 by the sign of a number.",
        coerce: |types| match types {
            [number] => Some(vec![number_type(number)?]),
            _ => None,
        },
        returns: |types| match types {
            [DataType::Decimal128(..)] => DataType::Decimal128(1, 0),
            _ => DataType::Float64,
        },
        compute: sign,
    },
    Rule {
        name: "div",
        usage: "div(number, divisor)",
        description: "The whole part of a quotient, cut towards zero.",
        coerce: |types| match types {
            [one, other] if [one, other].iter().all(|t| t.is_integer() || t.is_null()) => Some(vec![DataType::Int64; 2]),
            [one, other] => common(&[one, other]),
            _ => None,
        },
        returns: |types| match types {
            [DataType::Decimal128(..), _] => DataType::Decimal128(38, 0),
            [DataType::Int64, _] => DataType::Int64,
            _ => DataType::Float64,
        },
        compute: div,
    },
    Rule {
        name: "width_bucket",
        usage: "width_bucket(number, low, high, buckets)",
        description: "The number of the bucket, of so many equal ones between two bounds, into which a number falls; 0 below and buckets + 1 above.",
        coerce: |types| match types {
            [value, low, high, count] if count.is_integer() || count.is_null() => {
                let mut types = common(&[value, low, high])?;
                types.push(DataType::Int32);
                Some(types)
            }
            _ => None,
        },
        returns: |_| DataType::Int32,
        compute: width_bucket,
    },
    Rule {
        name: "num_nulls",
        usage: "num_nulls(value, ...)",
        description: "How many of the arguments are NULL.",
        coerce: |types| (!types.is_empty()).then(|| types.to_vec()),
        returns: |_| DataType::Int32,
        compute: |arrays, rows| counted(arrays, rows, true),
    },
    Rule {
        name: "num_nonnulls",
        usage: "num_nonnulls(value, ...)",
        description: "How many of the arguments are not NULL.",
        coerce: |types| (!types.is_empty()).then(|| types.to_vec()),
        returns: |_| DataType::Int32,
        compute: |arrays, rows| counted(arrays, rows, false),
    },
];

/// The type in which a number is computed: decimals as they are, any other as a double.
fn number_type(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            Some(DataType::Decimal128(*p, *s))
        }
        DataType::Decimal256(..) => None,
        other => (other.is_numeric() || other.is_null()).then_some(DataType::Float64),
    }
}

/// Doubles when one of the numbers is a float or none is a decimal, else decimals.
fn common(types: &[&DataType]) -> Option<Vec<DataType>> {
    let each = types.iter().map(|t| number_type(t)).collect::<Option<Vec<_>>>()?;
    let floating = types.iter().any(|t| t.is_floating());
    if floating || !each.iter().any(|t| matches!(t, DataType::Decimal128(..))) {
        return Some(vec![DataType::Float64; types.len()]);
    }
    let decimal = |(own, made): (&&DataType, DataType)| if own.is_decimal() { made } else { DataType::Decimal128(20, 0) };
    Some(types.iter().zip(each).map(decimal).collect())
}

fn scale(array: &ArrayRef) -> i8 {
    match array.data_type() {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    }
}

/// A decimal in units of so many digits behind the point.
fn units(array: &ArrayRef, row: usize, scale: i8) -> Result<i256> {
    let values = array.as_primitive_opt::<Decimal128Type>().ok_or_else(missing)?;
    let digits = u32::try_from(i16::from(scale) - i16::from(self::scale(array))).map_err(|_| missing())?;
    let factor = i256::from_i128(10).checked_pow(digits);
    let units = factor.and_then(|factor| i256::from_i128(values.value(row)).checked_mul(factor));
    units.ok_or_else(|| invalid("a decimal is too large to be computed with"))
}

fn any_null(arrays: &[ArrayRef], row: usize) -> bool {
    arrays.iter().any(|a| a.is_null(row))
}

fn sign(arrays: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
    let [number] = arrays else { return Err(missing()) };
    if let Some(decimals) = number.as_primitive_opt::<Decimal128Type>() {
        let signs = decimals.unary::<_, Decimal128Type>(i128::signum);
        return Ok(Arc::new(signs.with_precision_and_scale(1, 0)?));
    }
    let doubles = number.as_primitive_opt::<Float64Type>().ok_or_else(missing)?;
    let signs: Float64Array = doubles.unary(|x| if x == 0.0 || x.is_nan() { 0.0 } else { x.signum() });
    Ok(Arc::new(signs))
}

fn div(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [number, divisor] = arrays else { return Err(missing()) };
    let by_zero = || invalid("division by zero");
    if let (Some(n), Some(d)) = (number.as_primitive_opt::<Int64Type>(), divisor.as_primitive_opt::<Int64Type>()) {
        let quotients = (0..rows).map(|row| match (any_null(arrays, row), n.value(row), d.value(row)) {
            (true, ..) => Ok(None),
            (_, _, 0) => Err(by_zero()),
            (_, n, d) => n.checked_div(d).map(Some).ok_or_else(|| invalid("the result of div does not fit its type")),
        });
        return Ok(Arc::new(quotients.collect::<Result<Int64Array>>()?));
    }
    if let (Some(n), Some(d)) = (number.as_primitive_opt::<Float64Type>(), divisor.as_primitive_opt::<Float64Type>()) {
        let quotients = (0..rows).map(|row| match any_null(arrays, row) {
            true => Ok(None),
            false if d.value(row) == 0.0 => Err(by_zero()),
            false => Ok(Some((n.value(row) / d.value(row)).trunc())),
        });
        return Ok(Arc::new(quotients.collect::<Result<Float64Array>>()?));
    }
    let scale = scale(number).max(scale(divisor));
    let quotients = (0..rows).map(|row| {
        if any_null(arrays, row) {
            return Ok(None);
        }
        let (n, d) = (units(number, row, scale)?, units(divisor, row, scale)?);
        if d == i256::ZERO {
            return Err(by_zero());
        }
        let whole = n.checked_div(d).and_then(i256::to_i128);
        whole.map(Some).ok_or_else(|| invalid("the result of div does not fit its type"))
    });
    let quotients = quotients.collect::<Result<datafusion::arrow::array::Decimal128Array>>()?;
    Ok(Arc::new(quotients.with_precision_and_scale(38, 0)?))
}

fn width_bucket(arrays: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let [value, low, high, count] = arrays else { return Err(missing()) };
    let counts = count.as_primitive_opt::<Int32Type>().ok_or_else(missing)?;
    let buckets = (0..rows).map(|row| {
        if any_null(arrays, row) {
            return Ok(None);
        }
        let count = counts.value(row);
        if count <= 0 {
            return Err(invalid("the number of buckets of width_bucket must be greater than zero"));
        }
        let doubles = [value, low, high].map(|a| a.as_primitive_opt::<Float64Type>());
        let bucket = match doubles {
            [Some(v), Some(l), Some(h)] => bucket_of_doubles(v.value(row), l.value(row), h.value(row), count)?,
            _ => {
                let scale = scale(value).max(scale(low)).max(scale(high));
                let [v, l, h] = [units(value, row, scale)?, units(low, row, scale)?, units(high, row, scale)?];
                bucket_of_decimals(v, l, h, count)?
            }
        };
        i32::try_from(bucket).map(Some).map_err(|_| invalid("the result of width_bucket does not fit its type"))
    });
    Ok(Arc::new(buckets.collect::<Result<Int32Array>>()?))
}

fn equal_bounds() -> datafusion::error::DataFusionError {
    invalid("the bounds of width_bucket must differ")
}

fn bucket_of_doubles(value: f64, low: f64, high: f64, count: i32) -> Result<i64> {
    if value.is_nan() || !low.is_finite() || !high.is_finite() {
        return Err(invalid("width_bucket takes a number and finite bounds"));
    }
    if low == high {
        return Err(equal_bounds());
    }
    // Bounds the other way round count the buckets from the high end.
    let (value, low, high) = if low < high { (value, low, high) } else { (-value, -low, -high) };
    let count = i64::from(count);
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(count + 1);
    }
    let width = high - low;
    let share = match width.is_finite() {
        true => (value - low) / width,
        false => (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0),
    };
    // Rounding must not lift a value below the bound above it.
    Ok(((share * count as f64) as i64).min(count - 1) + 1)
}

fn bucket_of_decimals(value: i256, low: i256, high: i256, count: i32) -> Result<i64> {
    if low == high {
        return Err(equal_bounds());
    }
    let (value, low, high) = match low < high {
        true => (value, low, high),
        false => (value.wrapping_neg(), low.wrapping_neg(), high.wrapping_neg()),
    };
    if value < low {
        return Ok(0);
    }
    if value >= high {
        return Ok(i64::from(count) + 1);
    }
    let too_large = || invalid("a decimal is too large to be computed with");
    let scaled = value.checked_sub(low).and_then(|v| v.checked_mul(i256::from_i128(i128::from(count))));
    let width = high.checked_sub(low).ok_or_else(too_large)?;
    let below = scaled.and_then(|v| v.checked_div(width)).and_then(i256::to_i128).ok_or_else(too_large)?;
    i64::try_from(below + 1).map_err(|_| too_large())
}

fn counted(arrays: &[ArrayRef], rows: usize, nulls: bool) -> Result<ArrayRef> {
    let nulls_of: Vec<_> = arrays.iter().map(|a| a.logical_nulls()).collect();
    let count = |row: usize| {
        let matching = nulls_of.iter().filter(|n| n.as_ref().is_some_and(|n| n.is_null(row)) == nulls).count();
        i32::try_from(matching).unwrap_or(i32::MAX)
    };
    Ok(Arc::new(Int32Array::from_iter_values((0..rows).map(count))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_postgres() {
        for (value, low, high, count, bucket) in [
            (5.35, 0.024, 10.06, 5, 3),
            (-0.1, 0.0, 1.0, 4, 0),
            (1.0, 0.0, 1.0, 4, 5),
            (0.0, 0.0, 1.0, 4, 1),
            (0.5, 1.0, 0.0, 4, 3),
            (1.0, 1.0, 0.0, 4, 1),
            (0.0, 1.0, 0.0, 4, 5),
            (1.0, -1.7e308, 1.7e308, 2, 2),
        ] {
            assert_eq!(bucket_of_doubles(value, low, high, count).unwrap(), bucket, "{value}");
        }
        let decimal = |v: i128| i256::from_i128(v);
        assert_eq!(bucket_of_decimals(decimal(5_350), decimal(24), decimal(10_060), 5).unwrap(), 3);
        assert_eq!(bucket_of_decimals(decimal(50), decimal(100), decimal(0), 4).unwrap(), 3);
        assert!(bucket_of_doubles(1.0, 2.0, 2.0, 3).is_err());
    }
}

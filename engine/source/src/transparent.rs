//! Functions that return what they are given, through which DataFusion's simplifier does not look.
//!
//! - It takes `CAST(x AS BIGINT) = 5` for `x = 5`, which is another condition when the cast drops digits or gives NULL. [`narrowed`]
//!   keeps such a cast.
//! - It believes that a sub-query that selects a column without nulls gives no null, but without a row it does. [`nullable`] says so.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;
use headwater_common::Error;

use crate::arrow_types::decimal_places;
use crate::error::ErrorExt;

/// Whether some value of the type `from` is none of the type `to`, for the types that the simplifier looks at.
pub fn narrows(from: &DataType, to: &DataType) -> bool {
    let (Some(whole), Some(kept)) = (digits(from), digits(to)) else { return false };
    kept < whole || decimal_places(to) < decimal_places(from) || signs_differ(from, to) || bits(from, to)
}

/// Digits before the point that every value of the type has room for, or the most digits a value may have.
fn digits(t: &DataType) -> Option<i16> {
    use DataType as T;
    Some(match t {
        T::Int8 | T::UInt8 => 3,
        T::Int16 | T::UInt16 => 5,
        T::Int32 | T::UInt32 => 10,
        T::Int64 => 19,
        T::UInt64 => 20,
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal128(p, s) | T::Decimal256(p, s) => {
            i16::from(*p) - i16::from(*s)
        }
        _ => return None,
    })
}

/// A number below zero is no unsigned one.
fn signs_differ(from: &DataType, to: &DataType) -> bool {
    to.is_unsigned_integer() && !from.is_unsigned_integer()
}

/// Integers hold only a part of the numbers of their digits.
fn bits(from: &DataType, to: &DataType) -> bool {
    let same = digits(from) == digits(to) && to.is_integer();
    same && from != to
}

/// A cast that the simplifier does not take back.
pub fn narrowed(cast: Expr) -> Expr {
    call(Why::Narrowed, cast)
}

/// A value that may be NULL although its parts say that it is not.
pub fn nullable(value: Expr) -> Expr {
    call(Why::Nullable, value)
}

fn call(why: Why, value: Expr) -> Expr {
    static ALL: LazyLock<[Arc<ScalarUDF>; 2]> = LazyLock::new(|| {
        [Why::Narrowed, Why::Nullable].map(|why| {
            let signature = Signature::any(1, Volatility::Immutable);
            Arc::new(ScalarUDF::new_from_impl(Transparent { why, signature }))
        })
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&ALL[why as usize]), vec![value]))
}

/// The value inside, if an expression is one of these functions.
pub fn inner(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    call.func.inner().downcast_ref::<Transparent>()?;
    call.args.first()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    Narrowed,
    Nullable,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Transparent {
    why: Why,
    signature: Signature,
}

fn wrong() -> DataFusionError {
    Error::internal("a transparent function takes one value").into_datafusion()
}

impl ScalarUDFImpl for Transparent {
    fn name(&self) -> &str {
        match self.why {
            Why::Narrowed => "narrowed",
            Why::Nullable => "nullable",
        }
    }

    /// That of the value.
    fn display_name(&self, args: &[Expr]) -> Result<String> {
        args.first().map(ToString::to_string).ok_or_else(wrong)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(wrong)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let field = args.arg_fields.first().ok_or_else(wrong)?;
        Ok(match self.why {
            Why::Narrowed => Arc::clone(field),
            Why::Nullable => Arc::new(field.as_ref().clone().with_nullable(true)),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_hold_every_value_do_not_narrow() {
        use DataType::*;
        for (from, to) in [
            (Int32, Int64),
            (UInt32, Int64),
            (Int64, Decimal128(19, 0)),
            (Int32, Decimal128(12, 2)),
            (Decimal128(10, 2), Decimal128(12, 2)),
            (Decimal128(10, 2), Decimal128(14, 4)),
            (Decimal128(9, 0), Int64),
            (Utf8, Int64),
            (Int64, Float64),
            (Int64, Int64),
        ] {
            assert!(!narrows(&from, &to), "{from} to {to}");
        }
        for (from, to) in [
            (Int64, Int32),
            (Int32, UInt32),
            (UInt32, Int32),
            (Int8, UInt64),
            (UInt64, Int64),
            (Decimal128(10, 2), Int64),
            (Decimal128(10, 2), Decimal128(10, 0)),
            (Decimal128(10, 2), Decimal128(10, 4)),
            (Decimal128(19, 0), Int64),
            (Int64, Decimal128(18, 0)),
        ] {
            assert!(narrows(&from, &to), "{from} to {to}");
        }
    }
}

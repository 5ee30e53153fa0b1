//! `sum` of whole numbers that fails when its result does not fit, instead of wrapping around.
//!
//! Sums are kept in 128 bits, which no number of rows can fill, and only the result must fit 64. So the order of the rows and
//! the number of partitions do not decide whether a sum is possible. Sums of decimals that may need more than their 38 or 76 digits
//! are kept in 256 bits. Sums and means of intervals and durations are those of [`intervals`]. Sums of other types are DataFusion's.

mod groups;
mod intervals;
mod mean;
mod one;
mod wide;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, UInt64Array};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, Operator, ReversedUDAF, SetMonotonicity,
    Signature, StatisticsArgs,
};
use datafusion::prelude::Expr;
use headwater_source::arithmetic::overflow;

use groups::GroupSums;
use intervals::{Lengths, is_length};
use one::{DistinctSum, OneSum};
use wide::{WideSum, is_wide};

/// The type of a sum on its way to the result.
const STATE: DataType = DataType::Decimal128(38, 0);

/// The functions.
pub(crate) fn functions() -> [Arc<AggregateUDF>; 2] {
    let sum = AggregateUDF::new_from_impl(CheckedSum::default());
    [Arc::new(sum), Arc::new(AggregateUDF::new_from_impl(mean::CheckedMean::default()))]
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct CheckedSum {
    inner: Sum,
}

fn is_whole(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::UInt64)
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type().clone();
        match (is_whole(&result), args.is_distinct) {
            (true, true) => Ok(Box::new(DistinctSum::new(self.inner.accumulator(args)?, result))),
            (true, false) => Ok(Box::new(OneSum::new(result))),
            (false, false) if is_wide(&result) => Ok(Box::new(WideSum::new(result))),
            (false, false) if is_length(&result) => Ok(Box::new(Lengths::sum(result))),
            (false, _) => self.inner.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = match args.return_type() {
            _ if args.is_distinct => return self.inner.state_fields(args),
            whole if is_whole(whole) => STATE,
            decimal if is_wide(decimal) => wide::state_type(decimal),
            length if is_length(length) => return Ok(intervals::state_fields(args.name)),
            _ => return self.inner.state_fields(args),
        };
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), state, true))])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        let result = args.return_field.data_type();
        !is_wide(result) && !is_length(result) && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match args.return_field.data_type() {
            whole if is_whole(whole) => Ok(Box::new(GroupSums::new(whole.clone()))),
            _ => self.inner.create_groups_accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type().clone();
        match (is_whole(&result), args.is_distinct) {
            (true, true) => Ok(Box::new(DistinctSum::new(self.inner.create_sliding_accumulator(args)?, result))),
            (true, false) => Ok(Box::new(OneSum::new(result))),
            (false, false) if is_wide(&result) => Ok(Box::new(WideSum::new(result))),
            (false, false) if is_length(&result) => Ok(Box::new(Lengths::sum(result))),
            (false, _) => self.inner.create_sliding_accumulator(args),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.set_monotonicity(data_type)
    }

    fn simplify_expr_op_literal(
        &self,
        function: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        lit: &Expr,
        arg_is_left: bool,
    ) -> Result<Option<Expr>> {
        self.inner.simplify_expr_op_literal(function, arg, op, lit, arg_is_left)
    }

    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        // Statistics add up in 64 bits.
        let own = is_whole(args.return_type) || is_wide(args.return_type) || is_length(args.return_type);
        if own { None } else { self.inner.value_from_stats(args) }
    }
}

/// A sum as a value of the result's type.
fn result(sum: Option<i128>, data_type: &DataType) -> Result<ScalarValue> {
    match data_type {
        DataType::UInt64 => fitting(sum, data_type).map(ScalarValue::UInt64),
        _ => fitting(sum, data_type).map(ScalarValue::Int64),
    }
}

fn fitting<T: TryFrom<i128>>(sum: Option<i128>, data_type: &DataType) -> Result<Option<T>> {
    sum.map(T::try_from).transpose().map_err(|_| overflow("sum", data_type))
}

/// The sums of groups as an array of the result's type.
fn results(sums: Vec<Option<i128>>, data_type: &DataType) -> Result<ArrayRef> {
    let sums = sums.into_iter();
    Ok(match data_type {
        DataType::UInt64 => Arc::new(UInt64Array::from(sums.map(|s| fitting(s, data_type)).collect::<Result<Vec<_>>>()?)),
        _ => Arc::new(Int64Array::from(sums.map(|s| fitting(s, data_type)).collect::<Result<Vec<_>>>()?)),
    })
}

/// The sum of an array; `None` when it holds no value.
fn sum_of(values: &ArrayRef) -> Option<i128> {
    if values.null_count() == values.len() {
        return None;
    }
    Some(match values.data_type() {
        DataType::UInt64 => sum_wide(values.as_primitive::<UInt64Type>()),
        _ => sum_wide(values.as_primitive::<Int64Type>()),
    })
}

fn sum_wide<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>) -> i128
where
    T::Native: Into<i128>,
{
    match values.nulls().filter(|n| n.null_count() > 0) {
        None => values.values().iter().map(|v| (*v).into()).sum(),
        Some(nulls) => {
            let valid = values.values().iter().zip(nulls.iter());
            valid.map(|(value, valid)| if valid { (*value).into() } else { 0 }).sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_left_out() {
        let values = vec![Some(i64::MAX), Some(i64::MIN), None, Some(-1), Some(1 << 32), Some(i64::MAX), Some(7)];
        let expected: i128 = values.iter().flatten().map(|v| i128::from(*v)).sum();
        assert_eq!(sum_of(&(Arc::new(Int64Array::from(values)) as ArrayRef)), Some(expected));
        let values = vec![u64::MAX, u64::MAX, 1, 1 << 63];
        let expected: i128 = values.iter().map(|v| i128::from(*v)).sum();
        assert_eq!(sum_of(&(Arc::new(UInt64Array::from(values)) as ArrayRef)), Some(expected));
        assert_eq!(sum_of(&(Arc::new(Int64Array::from(vec![None])) as ArrayRef)), None);
    }
}

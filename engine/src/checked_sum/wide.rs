//! Sums of decimals of so many digits that a sum may have more than its type holds.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, DecimalType, i256};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Accumulator;
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Whether a sum of this type may overflow: DataFusion's result has ten digits more than the values while there is room.
pub(super) fn is_wide(result: &DataType) -> bool {
    matches!(result, DataType::Decimal128(38, _) | DataType::Decimal256(76, _))
}

/// The type of such a sum on its way to the result.
pub(super) fn state_type(result: &DataType) -> DataType {
    match result {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => DataType::Decimal256(76, *scale),
        other => other.clone(),
    }
}

/// The sum of some decimals in 256 bits, which can also leave again.
#[derive(Debug)]
pub(super) struct WideSum {
    sum: i256,
    /// Number of values; a sum of none is null.
    count: usize,
    data_type: DataType,
}

impl WideSum {
    pub(super) fn new(data_type: DataType) -> Self {
        Self { sum: i256::ZERO, count: 0, data_type }
    }

    fn change(&mut self, values: &ArrayRef, leaves: bool) -> Result<()> {
        let mut sum = self.sum;
        let mut add = |value: i256| {
            let changed = if leaves { sum.checked_sub(value) } else { sum.checked_add(value) };
            sum = changed.ok_or_else(|| overflow(&self.data_type))?;
            Ok::<(), DataFusionError>(())
        };
        match values.data_type() {
            DataType::Decimal256(..) => values.as_primitive::<Decimal256Type>().iter().flatten().try_for_each(&mut add)?,
            _ => {
                let values = values.as_primitive::<Decimal128Type>();
                values.iter().flatten().try_for_each(|value| add(i256::from_i128(value)))?;
            }
        }
        self.sum = sum;
        let count = values.len() - values.null_count();
        self.count = if leaves { self.count - count } else { self.count + count };
        Ok(())
    }
}

impl Accumulator for WideSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().take(1).try_for_each(|values| self.change(values, false))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().take(1).try_for_each(|values| self.change(values, true))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let DataType::Decimal256(precision, scale) = state_type(&self.data_type) else { return Ok(Vec::new()) };
        Ok(vec![ScalarValue::Decimal256((self.count > 0).then_some(self.sum), precision, scale)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let some = self.count > 0;
        let too_large = || overflow(&self.data_type);
        match self.data_type {
            DataType::Decimal128(precision, scale) => {
                let sum = self.sum.to_i128().ok_or_else(too_large)?;
                Decimal128Type::validate_decimal_precision(sum, precision, scale).map_err(|_| too_large())?;
                Ok(ScalarValue::Decimal128(some.then_some(sum), precision, scale))
            }
            DataType::Decimal256(precision, scale) => {
                Decimal256Type::validate_decimal_precision(self.sum, precision, scale).map_err(|_| too_large())?;
                Ok(ScalarValue::Decimal256(some.then_some(self.sum), precision, scale))
            }
            _ => Err(too_large()),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

fn overflow(data_type: &DataType) -> DataFusionError {
    let message =
        format!("decimal overflow: the sum has more digits than {data_type}; cast its values to DOUBLE for a rounded sum");
    Error::invalid(message).into_datafusion()
}

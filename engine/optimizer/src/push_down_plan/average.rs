//! The average of decimals from their sum and their number.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Decimal128Array, Decimal128Builder};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

/// Divides a decimal sum by a count exactly as DataFusion's `avg` does: the sum is taken to the scale of the result, what is
/// behind it is cut off, and a result with too many digits is an error.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ExactAverage {
    signature: Signature,
    precision: u8,
    scale: i8,
}

impl ExactAverage {
    /// For results of this precision and scale.
    pub(super) fn new(precision: u8, scale: i8) -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable), precision, scale }
    }

    fn one(&self, sum: i128, sum_scale: i8, count: i64) -> Option<i128> {
        let factor = 10i128.checked_pow(u32::try_from(i16::from(self.scale) - i16::from(sum_scale)).ok()?)?;
        let average = sum.checked_mul(factor)?.checked_div(i128::from(count))?;
        Decimal128Type::validate_decimal_precision(average, self.precision, self.scale).ok().map(|()| average)
    }
}

impl ScalarUDFImpl for ExactAverage {
    fn name(&self) -> &str {
        "exact_average"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(self.precision, self.scale))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sums, counts] = arrays.as_slice() else { return exec_err!("exact_average takes a sum and a count") };
        let (Some(sums), Some(counts)) =
            (sums.as_primitive_opt::<Decimal128Type>(), counts.as_primitive_opt::<Int64Type>())
        else {
            return exec_err!("exact_average takes a decimal sum and a count");
        };
        let mut averages = Decimal128Builder::with_capacity(sums.len());
        for (sum, count) in sums.iter().zip(counts.iter()) {
            match (sum, count) {
                (Some(sum), Some(count)) => match self.one(sum, sums.scale(), count) {
                    Some(average) => averages.append_value(average),
                    None => return exec_err!("Arithmetic Overflow in AvgAccumulator"),
                },
                _ => averages.append_null(),
            }
        }
        let averages: Decimal128Array = averages.finish().with_precision_and_scale(self.precision, self.scale)?;
        Ok(ColumnarValue::Array(Arc::new(averages)))
    }
}

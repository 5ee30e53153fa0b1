//! Functions that build large values from small arguments compute the size first.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Names of the functions that are wrapped.
const CAPPED: [&str; 7] = ["repeat", "lpad", "rpad", "array_repeat", "range", "generate_series", "array_resize"];
/// A batch of values may be this many times as large as one value.
const BATCH_FACTOR: u64 = 8;

/// The wrapped forms of those of `functions` that need one.
pub(crate) fn functions<'a>(functions: impl Iterator<Item = &'a Arc<ScalarUDF>>, bytes_max: u64) -> Vec<ScalarUDF> {
    functions
        .filter(|f| CAPPED.contains(&f.name()))
        .map(|f| ScalarUDF::new_from_impl(Capped { inner: Arc::clone(f), bytes_max }))
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Capped {
    inner: Arc<ScalarUDF>,
    bytes_max: u64,
}

impl Capped {
    /// Refuses arguments whose result would be too large; unknown shapes of arguments are left to the function.
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        if self.bytes_max == 0 {
            return Ok(());
        }
        let arrays: Vec<ArrayRef> = args.args.iter().map(|a| a.to_array(args.number_rows.max(1))).collect::<Result<_>>()?;
        let rows = arrays.first().map_or(0, |a| a.len());
        let mut total = 0u64;
        for row in 0..rows {
            let bytes = self.bytes_of_row(&arrays, row);
            total = total.saturating_add(bytes);
            if bytes > self.bytes_max || total > self.bytes_max.saturating_mul(BATCH_FACTOR) {
                let message = format!("{} would build a value of more than {} bytes", self.inner.name(), self.bytes_max);
                return Err(Error::limit(message, "limits.value_bytes").into_datafusion());
            }
        }
        Ok(())
    }

    fn bytes_of_row(&self, arrays: &[ArrayRef], row: usize) -> u64 {
        let number = |i: usize| arrays.get(i).and_then(|a| whole(a, row));
        let positive = |n: Option<i64>| n.map_or(0, |n| u64::try_from(n).unwrap_or(0));
        match self.inner.name() {
            "repeat" => text_bytes(arrays.first(), row).saturating_mul(positive(number(1))),
            // A character takes at most four bytes.
            "lpad" | "rpad" => positive(number(1)).saturating_mul(4),
            "array_repeat" => {
                let each = arrays.first().map_or(8, |a| (a.get_array_memory_size() / a.len().max(1)) as u64).max(8);
                each.saturating_mul(positive(number(1)))
            }
            "array_resize" => positive(number(1)).saturating_mul(8),
            _ => {
                let (first, second) = (number(0), number(1));
                let (start, stop) = if arrays.len() == 1 { (0, first) } else { (first.unwrap_or(0), second) };
                let step = number(2).unwrap_or(1).unsigned_abs().max(1);
                stop.map_or(0, |stop| (stop.abs_diff(start) / step).saturating_add(1).saturating_mul(8))
            }
        }
    }
}

fn whole(array: &ArrayRef, row: usize) -> Option<i64> {
    if !array.data_type().is_integer() {
        return None;
    }
    let numbers = cast(array, &DataType::Int64).ok()?;
    let numbers: &Int64Array = numbers.as_primitive();
    numbers.is_valid(row).then(|| numbers.value(row))
}

fn text_bytes(array: Option<&ArrayRef>, row: usize) -> u64 {
    let Some(array) = array.filter(|a| a.is_valid(row)) else { return 0 };
    let bytes = match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
        DataType::Utf8View => array.as_string_view().value(row).len(),
        _ => 1,
    };
    bytes as u64
}

impl ScalarUDFImpl for Capped {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

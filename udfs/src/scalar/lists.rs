//! A scalar function of lists of numbers and further numbers.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_timeseries::Cancel;

use crate::error::outward;

/// See [`Rule::compute`].
type Compute = fn(&[Vec<f64>], &[f64]) -> headwater_common::Result<Option<ScalarValue>>;

/// What a function computes and how it is called.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Name.
    pub(crate) name: &'static str,
    /// How it is called, for errors.
    pub(crate) usage: &'static str,
    /// Number of lists at the front.
    pub(crate) lists: usize,
    /// Least and greatest number of numbers after them.
    pub(crate) numbers: (usize, usize),
    /// Type of the result.
    pub(crate) result: fn() -> DataType,
    /// The result for lists (NaN for null) and numbers; `None` when there is none. An error is one of the call.
    pub(crate) compute: Compute,
}

/// A list of doubles.
pub(crate) fn doubles_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

/// A list of doubles as a value; what is not finite is null.
pub(crate) fn doubles(values: impl IntoIterator<Item = f64>) -> ScalarValue {
    let values: Vec<ScalarValue> = values.into_iter().map(|v| ScalarValue::Float64(v.is_finite().then_some(v))).collect();
    ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Float64))
}

/// The function of a [`Rule`].
#[derive(Debug)]
pub(crate) struct ListFunction {
    rule: &'static Rule,
    signature: Signature,
}

impl ListFunction {
    pub(crate) fn new(rule: &'static Rule) -> Self {
        Self { rule, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    fn wrong(&self) -> datafusion::error::DataFusionError {
        outward(Error::invalid(format!("{} is called as {}", self.rule.name, self.rule.usage)))
    }
}

impl PartialEq for ListFunction {
    fn eq(&self, other: &Self) -> bool {
        self.rule.name == other.rule.name
    }
}

impl Eq for ListFunction {}

impl Hash for ListFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rule.name.hash(state);
    }
}

impl ScalarUDFImpl for ListFunction {
    fn name(&self) -> &str {
        self.rule.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The arguments are checked here and not by a coercion, whose errors DataFusion would put into a longer one.
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let (least, most) = self.rule.numbers;
        let (lists, numbers) = types.split_at(types.len().min(self.rule.lists));
        let is_list = |t: &DataType| match t {
            DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => {
                f.data_type().is_numeric() || f.data_type().is_null()
            }
            other => other.is_null(),
        };
        let is_number = |t: &DataType| t.is_numeric() || t.is_null();
        if lists.len() < self.rule.lists
            || !(least..=most).contains(&numbers.len())
            || !lists.iter().all(is_list)
            || !numbers.iter().all(is_number)
        {
            return Err(self.wrong());
        }
        Ok((self.rule.result)())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if one { 1 } else { args.number_rows };
        let mut columns = Vec::with_capacity(args.args.len());
        for (i, argument) in args.args.into_iter().enumerate() {
            let wanted = if i < self.rule.lists { doubles_type() } else { DataType::Float64 };
            columns.push(cast(&argument.into_array(rows)?, &wanted)?);
        }
        let none = ScalarValue::try_from(&(self.rule.result)())?;
        let mut results = Vec::with_capacity(rows);
        let cancel = Cancel::of_query();
        for row in 0..rows {
            cancel.check().map_err(outward)?;
            let found = match row_of(&columns, self.rule.lists, row) {
                Some((lists, numbers)) => (self.rule.compute)(&lists, &numbers).map_err(outward)?,
                None => None,
            };
            results.push(found.unwrap_or_else(|| none.clone()));
        }
        if one && let Some(result) = results.pop() {
            return Ok(ColumnarValue::Scalar(result));
        }
        if results.is_empty() {
            return Ok(ColumnarValue::Array(datafusion::arrow::array::new_empty_array(&(self.rule.result)())));
        }
        Ok(ColumnarValue::Array(ScalarValue::iter_to_array(results)?))
    }
}

/// The lists and numbers of one row; `None` when one of them is null.
fn row_of(columns: &[ArrayRef], lists: usize, row: usize) -> Option<(Vec<Vec<f64>>, Vec<f64>)> {
    if columns.iter().any(|c| c.is_null(row)) {
        return None;
    }
    let values = |column: &Float64Array| column.iter().map(|v| v.unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let list = |c: &ArrayRef| values(c.as_list::<i32>().value(row).as_primitive::<Float64Type>());
    let found = columns[..lists].iter().map(list).collect();
    Some((found, columns[lists..].iter().map(|c| c.as_primitive::<Float64Type>().value(row)).collect()))
}

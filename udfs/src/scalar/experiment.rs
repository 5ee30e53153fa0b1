//! `experiment_variant` and `experiment_compare`: which variant a unit sees, and whether variants differ.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use headwater_anomaly::experiment::{variant, welch};
use headwater_common::Error;

use super::lists::{Rule, doubles_type};
use crate::error::{arrow, outward};

/// The function of lists.
pub(super) const FUNCTIONS: &[Rule] = &[Rule {
    name: "experiment_compare",
    usage: "experiment_compare(list of the first variant, list of the second variant [, level])",
    lists: 2,
    numbers: (0, 1),
    result: || DataType::Struct(fields()),
    compute: compare,
}];

fn fields() -> Fields {
    let names = ["difference", "lower", "upper", "p_value"];
    names.iter().map(|name| Field::new(*name, DataType::Float64, true)).collect()
}

fn compare(lists: &[Vec<f64>], numbers: &[f64]) -> headwater_common::Result<Option<ScalarValue>> {
    let level = numbers.first().copied().unwrap_or(0.95);
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::invalid("the level of experiment_compare is a number between 0 and 1"));
    }
    let Some(found) = welch(&lists[0], &lists[1], level) else { return Ok(None) };
    let values = [found.difference, found.lower, found.upper, found.p_value];
    let columns = values.iter().map(|v| Arc::new(Float64Array::from(vec![*v])) as ArrayRef).collect();
    let record = StructArray::try_new(fields(), columns, None).map_err(arrow)?;
    Ok(Some(ScalarValue::Struct(Arc::new(record))))
}

/// The function of units.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Variant { signature: Signature::any(3, Volatility::Immutable) }))
}

/// `experiment_variant('prices', user_id, [0.9, 0.1])`: the variant of a unit, from 1.
#[derive(Debug)]
struct Variant {
    signature: Signature,
}

impl PartialEq for Variant {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Variant {}

impl Hash for Variant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

fn wrong() -> DataFusionError {
    outward(Error::invalid(
        "experiment_variant is called as experiment_variant('experiment', unit, weights) with a list of weights of at least 0, \
         such as [0.9, 0.1]",
    ))
}

impl ScalarUDFImpl for Variant {
    fn name(&self) -> &'static str {
        "experiment_variant"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let text =
            matches!(types.first(), Some(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null));
        // Numbers that are equal but written differently would be different units.
        let unit =
            types.get(1).is_some_and(|t| !t.is_floating() && !t.is_nested() && !matches!(t, DataType::Decimal128(..)));
        let weights = match types.get(2) {
            Some(DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _)) => f.data_type().is_numeric(),
            _ => false,
        };
        if text && unit && weights { Ok(DataType::Int64) } else { Err(wrong()) }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = [DataType::Utf8, DataType::Utf8, doubles_type()];
        let mut columns = Vec::with_capacity(3);
        for (argument, wanted) in args.args.into_iter().zip(&wanted) {
            columns.push(cast(&argument.into_array(args.number_rows)?, wanted)?);
        }
        let [experiments, units, weights] = columns.as_slice() else { return Err(wrong()) };
        let (experiments, units) = (experiments.as_string::<i32>(), units.as_string::<i32>());
        let mut variants = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            if experiments.is_null(row) || units.is_null(row) || weights.is_null(row) {
                variants.push(None);
                continue;
            }
            let list = weights.as_list::<i32>().value(row);
            let list: Vec<f64> = list.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect();
            let found = variant(experiments.value(row), units.value(row), &list).ok_or_else(wrong)?;
            variants.push(i64::try_from(found + 1).ok());
        }
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from(variants))))
    }
}

//! Whether a list holds a null.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, GenericListArray, OffsetSizeTrait};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::{as_fixed_size_list_array, as_large_list_array, as_list_array};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Name of the function.
pub(crate) const NAME: &str = "list_has_null";

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(ListHasNull { signature: Signature::user_defined(Volatility::Immutable) })
}

/// `list_has_null(list)`: true when an element is null, null for no list.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ListHasNull {
    signature: Signature,
}

impl ScalarUDFImpl for ListHasNull {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.return_type(types)?;
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Null] => {
                Ok(DataType::Boolean)
            }
            [other] => Err(no_list(other)),
            _ => Err(no_list(&DataType::Null)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [list] = arrays.as_slice() else { return Err(no_list(&DataType::Null)) };
        let found: BooleanArray = match list.data_type() {
            DataType::List(_) => of_lists(as_list_array(list)?),
            DataType::LargeList(_) => of_lists(as_large_list_array(list)?),
            DataType::FixedSizeList(..) => {
                let lists = as_fixed_size_list_array(list)?;
                let has = |i| lists.is_valid(i).then(|| lists.value(i).null_count() > 0);
                (0..lists.len()).map(has).collect()
            }
            _ => BooleanArray::new_null(list.len()),
        };
        let found: ArrayRef = Arc::new(found);
        if args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_))) {
            return datafusion::common::ScalarValue::try_from_array(&found, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(found))
    }
}

fn of_lists<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> BooleanArray {
    let none = lists.values().null_count() == 0;
    let has = |i| lists.is_valid(i).then(|| !none && lists.value(i).null_count() > 0);
    (0..lists.len()).map(has).collect()
}

fn no_list(found: &DataType) -> DataFusionError {
    Error::invalid(format!("ANY takes an array or a sub-query, not a value of type {found}")).into_datafusion()
}

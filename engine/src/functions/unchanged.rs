//! `SET c = c` of UPDATE.

use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;
use headwater_source::ErrorExt;
use headwater_source::write::UNCHANGED;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Unchanged { signature: Signature::any(1, Volatility::Immutable) })
}

/// The value itself. It stands for a column that an UPDATE sets to itself, which DataFusion would leave out.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Unchanged {
    signature: Signature,
}

impl ScalarUDFImpl for Unchanged {
    fn name(&self) -> &str {
        UNCHANGED
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(missing)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().ok_or_else(missing)
    }
}

fn missing() -> DataFusionError {
    Error::invalid(format!("{UNCHANGED} takes one value")).into_datafusion()
}

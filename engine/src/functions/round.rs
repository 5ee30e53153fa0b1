//! `round` of decimals.
//!
//! DataFusion's has the decimal places of its type from a literal that a cast hides before, and not after, constants are folded:
//! what was planned for one type is computed in another. Here a literal is left as it is, and [`ROUND_BY`] stands for calls whose
//! number of places is no literal and may become one.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::functions::math;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::rule::missing;

/// Name of `round(value, places)` whose type keeps the places of the value.
pub(crate) const ROUND_BY: &str = "round_by";

/// Both forms.
pub(super) fn all() -> [ScalarUDF; 2] {
    [math::round().name().to_owned(), ROUND_BY.to_owned()].map(|name| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::new_from_impl(Round { within: math::round(), name, signature })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Round {
    within: Arc<ScalarUDF>,
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for Round {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let fields: Vec<FieldRef> = types.iter().map(|t| Arc::new(Field::new("", t.clone(), true))).collect();
        let mut coerced: Vec<DataType> =
            fields_with_udf(&fields, self.within.as_ref())?.iter().map(|f| f.data_type().clone()).collect();
        if let ([_, places], [_, given]) = (coerced.as_mut_slice(), types)
            && given.is_integer()
        {
            *places = given.clone();
        }
        Ok(coerced)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(missing())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let unknown = vec![None; args.scalar_arguments.len()];
        let scalar_arguments = if self.name == ROUND_BY { &unknown } else { args.scalar_arguments };
        let field =
            self.within.return_field_from_args(ReturnFieldArgs { arg_fields: args.arg_fields, scalar_arguments })?;
        Ok(Arc::new(field.as_ref().clone().with_name(self.name())))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let (Some(places), Some(field)) = (args.args.get_mut(1), args.arg_fields.get_mut(1)) {
            *places = places.cast_to(&DataType::Int32, None)?;
            *field = Arc::new(field.as_ref().clone().with_data_type(DataType::Int32));
        }
        self.within.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.within.documentation()
    }
}

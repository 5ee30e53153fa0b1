//! Functions of numbers whose order follows from the range of their argument.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions::math;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::Expr;

/// DataFusion's functions whose order it computes by comparing the range of the argument with a number.
pub(super) fn all() -> impl Iterator<Item = ScalarUDF> {
    let functions = [
        math::abs(),
        math::acos(),
        math::acosh(),
        math::asin(),
        math::atanh(),
        math::cosh(),
        math::ln(),
        math::log(),
        math::log2(),
        math::log10(),
        math::sqrt(),
    ];
    functions.into_iter().map(|inner| ScalarUDF::new_from_impl(Orderly { inner }))
}

/// The function itself, without an order where DataFusion cannot tell it.
///
/// The range of most functions, such as `length(s)`, has no type, and the comparison with a number of that type fails. DataFusion then
/// takes back the order also of rows that were just sorted by `abs(length(s))`, and finds the plan wrong.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Orderly {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Orderly {
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
        self.inner.coerce_types(types)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, context)
    }

    fn evaluate_bounds(&self, ranges: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(ranges)
    }

    fn output_ordering(&self, arguments: &[ExprProperties]) -> Result<SortProperties> {
        Ok(self.inner.output_ordering(arguments).unwrap_or(SortProperties::Unordered))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

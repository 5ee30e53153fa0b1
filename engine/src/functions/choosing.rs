//! `coalesce` of a value and a text that stands for one.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions::core;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::Expr;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(Choosing { inner: core::coalesce() })
}

/// DataFusion's function, that also reads texts as times, truth values or intervals where its other arguments are, as in
/// `coalesce(day, '2024-01-01')`. A text that is none is an error.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Choosing {
    inner: Arc<ScalarUDF>,
}

/// The one type of the arguments that are no texts, when it is one that texts stand for.
fn meant(types: &[DataType]) -> Option<&DataType> {
    let mut others = types.iter().filter(|t| !t.is_string() && !t.is_null());
    let meant = others.next()?;
    let reads = meant.is_temporal() || matches!(meant, DataType::Boolean | DataType::Interval(_));
    (reads && others.all(|t| t == meant)).then_some(meant)
}

impl ScalarUDFImpl for Choosing {
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
        match meant(types).filter(|_| types.iter().any(DataType::is_string)) {
            Some(meant) => Ok(vec![meant.clone(); types.len()]),
            None => self.inner.coerce_types(types),
        }
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn short_circuits(&self) -> bool {
        self.inner.inner().short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, context)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

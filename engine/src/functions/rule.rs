//! What the scalar functions of this folder share: a table of rules, each of which computes rows from rows.

use std::fmt;
use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

/// A scalar function.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    pub(super) description: &'static str,
    /// The types that the arguments are cast to; `None` for arguments that it does not take.
    pub(super) coerce: fn(&[DataType]) -> Option<Vec<DataType>>,
    /// The result's type, from those.
    pub(super) returns: fn(&[DataType]) -> DataType,
    /// The result of so many rows.
    pub(super) compute: fn(&[ArrayRef], usize) -> Result<ArrayRef>,
}

impl Rule {
    /// The operator that it stands for, by its usage.
    fn operator(&self) -> Option<&'static str> {
        let mut words = self.usage.split(' ');
        let operator = words.nth(1).filter(|word| matches!(*word, "+" | "-" | "*" | "/"))?;
        (words.count() == 1).then_some(operator)
    }
}

/// A rule as a function.
pub(super) fn function(rule: &'static Rule) -> ScalarUDF {
    let documentation = Documentation::builder(DocSection::default(), rule.description, rule.usage).build();
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::new_from_impl(RowFunction { rule, signature, documentation })
}

struct RowFunction {
    rule: &'static Rule,
    signature: Signature,
    documentation: Documentation,
}

impl fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RowFunction").field(&self.rule.name).finish()
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.rule.name == other.rule.name
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rule.name.hash(state);
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        self.rule.name
    }

    /// A function that stands for an operator has its name in the columns of a result.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(match (self.rule.operator(), names.as_slice()) {
            (Some(operator), [left, right]) => format!("{left} {operator} {right}"),
            _ => format!("{}({})", self.rule.name, names.join(",")),
        })
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        (self.rule.coerce)(types).ok_or_else(|| {
            let given: Vec<String> = types.iter().map(ToString::to_string).collect();
            invalid(format!("{} does not take ({}); use {}", self.rule.name, given.join(", "), self.rule.usage))
        })
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok((self.rule.returns)(types))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let computed = (self.rule.compute)(&arrays, rows)?;
        match constant {
            true => ScalarValue::try_from_array(&computed, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(computed)),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// An error of the caller.
pub(super) fn invalid(message: impl Into<String>) -> DataFusionError {
    Error::invalid(message.into()).into_datafusion()
}

/// An argument of a function that was called otherwise than it is planned.
pub(super) fn missing() -> DataFusionError {
    Error::internal("a function was called with other arguments than it was planned with").into_datafusion()
}

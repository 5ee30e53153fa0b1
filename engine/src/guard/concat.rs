//! `a || b` as a function, so that the size of its values can be capped like that of any other function.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr as PhysicalBinaryExpr, Column};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::capped;

/// Puts the capped form in the place of each function that has one, and of `||` between texts.
#[derive(Debug)]
pub(crate) struct CapFunctions {
    concat: Arc<ScalarUDF>,
    /// The session's limit, which may change between statements.
    bytes_max: Arc<AtomicU64>,
}

impl CapFunctions {
    /// The rewrite for values of at most so many bytes.
    pub(crate) fn new(bytes_max: Arc<AtomicU64>) -> Self {
        Self { concat: Arc::new(ScalarUDF::new_from_impl(StringConcat::default())), bytes_max }
    }

    fn capped(&self, function: &Arc<ScalarUDF>) -> Option<Arc<ScalarUDF>> {
        capped::wrap(function, self.bytes_max.load(Ordering::Relaxed)).map(Arc::new)
    }
}

impl FunctionRewrite for CapFunctions {
    fn name(&self) -> &str {
        "cap_functions"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if is_text(&left.get_type(schema)?, &right.get_type(schema)?) =>
            {
                let concat = self.capped(&self.concat).unwrap_or_else(|| Arc::clone(&self.concat));
                let call = ScalarFunction::new_udf(concat, vec![*left, *right]);
                Ok(Transformed::yes(Expr::ScalarFunction(call)))
            }
            Expr::ScalarFunction(call) if !capped::is_capped(&call.func) => match self.capped(&call.func) {
                Some(func) => {
                    let call = ScalarFunction::new_udf(func, call.args);
                    Ok(Transformed::yes(Expr::ScalarFunction(call)))
                }
                None => Ok(Transformed::no(Expr::ScalarFunction(call))),
            },
            other => Ok(Transformed::no(other)),
        }
    }
}

fn is_text(left: &DataType, right: &DataType) -> bool {
    let coerced = BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types();
    coerced.is_ok_and(|(left, right)| left.is_string() && right.is_string())
}

/// The operator, computed by DataFusion's own expression for it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StringConcat {
    signature: Signature,
}

impl Default for StringConcat {
    fn default() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for StringConcat {
    fn name(&self) -> &str {
        "string_concat"
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.iter().map(|a| a.schema_name().to_string()).collect::<Vec<_>>().join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [left, right] = types else { return Err(wrong().into_datafusion()) };
        BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = types else { return Err(wrong().into_datafusion()) };
        let (left, right) = BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types()?;
        Ok(vec![left, right])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let fields = arrays.iter().enumerate().map(|(i, a)| Field::new(i.to_string(), a.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batch = RecordBatch::try_new(schema, arrays)?;
        let side = |i: usize| Arc::new(Column::new(&i.to_string(), i)) as Arc<dyn PhysicalExpr>;
        let joined = PhysicalBinaryExpr::new(side(0), Operator::StringConcat, side(1)).evaluate(&batch)?;
        match (constant, joined) {
            (true, ColumnarValue::Array(array)) => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            (_, joined) => Ok(joined),
        }
    }
}

fn wrong() -> Error {
    Error::internal("|| takes two texts")
}

//! `time + $1` and `time - $1`, where the parameter may be an interval, a time or a number of days.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, binary_expr,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

/// A sum or difference of a time and a parameter, until the parameter's value is known. DataFusion would take the parameter for a
/// time of the same type.
pub(crate) fn shifted(time: Expr, op: Operator, parameter: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::new_from_impl(Shifted { op, signature }).call(vec![time, parameter])
}

/// The plan with plain arithmetic where the values of parameters are known.
pub(crate) fn resolved(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let names = NamePreserver::new(&plan);
        let resolved = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(|expr| Ok(arithmetic(expr)))?.update_data(|expr| name.restore(expr)))
        })?;
        if resolved.transformed { resolved.map_data(LogicalPlan::recompute_schema) } else { Ok(resolved) }
    })
    .data()
}

fn arithmetic(expr: Expr) -> Transformed<Expr> {
    let Expr::ScalarFunction(call) = &expr else { return Transformed::no(expr) };
    let Some(Shifted { op, .. }) = call.func.inner().downcast_ref::<Shifted>() else { return Transformed::no(expr) };
    match call.args.as_slice() {
        [time, value] if !matches!(value, Expr::Placeholder(_)) => {
            Transformed::yes(binary_expr(time.clone(), *op, value.clone()))
        }
        _ => Transformed::no(expr),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shifted {
    op: Operator,
    signature: Signature,
}

fn unknown() -> DataFusionError {
    Error::internal("a parameter beside a time has no value").into_datafusion()
}

impl ScalarUDFImpl for Shifted {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "plus",
            _ => "minus",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [time, DataType::Null] => Ok(time.clone()),
            [time, value] => BinaryTypeCoercer::new(time, &self.op, value).get_result_type(),
            _ => Err(unknown()),
        }
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(unknown())
    }
}

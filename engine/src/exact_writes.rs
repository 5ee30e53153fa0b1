//! Values of an INSERT or UPDATE arrive as they were given, or not at all.
//!
//! DataFusion casts them to the types of the columns, and Arrow's casts round digits that a decimal has no room for, and cut
//! fractions and times. Here such a cast of a constant is tried when the statement is bound, and any other one is checked row by row.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Alias, ScalarFunction};
use datafusion::logical_expr::{
    Cast, ColumnarValue, DmlStatement, ExprSchemable, LogicalPlan, Projection, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Values, Volatility, WriteOp,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_optimizer::bytes_of;
use headwater_source::ErrorExt;
use headwater_source::exact_cast::{Inexact, changes, exact_cast};

/// Functions of the current time, which a column holds as exactly as it can.
const CLOCKS: &[&str] = &["current_date", "current_time", "now"];

/// The plan, with casts of values for a table that change none of them.
pub(crate) fn make(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down(|plan| match plan {
        LogicalPlan::Dml(mut change) if matches!(change.op, WriteOp::Insert(_) | WriteOp::Update) => {
            let input = assigned(change.input.as_ref().clone(), &change)?;
            change.input = input.into();
            Ok(Transformed::yes(LogicalPlan::Dml(change)))
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// The projection that assigns values to the columns of a table.
fn assigned(plan: LogicalPlan, change: &DmlStatement) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = plan else { return Ok(plan) };
    let table = change.table_name.to_string();
    let input = match (input.as_ref(), &change.op) {
        (LogicalPlan::Values(values), WriteOp::Insert(_)) => {
            LogicalPlan::Values(checked_values(values.clone(), &expr, &table)?).into()
        }
        _ => input,
    };
    let each = expr.into_iter().map(|expr| {
        let column = expr.schema_name().to_string();
        let known = clock(&expr, &input) || (change.op == WriteOp::Update && constant(inner(&expr)).is_none());
        match known {
            true => Ok(expr),
            false => checked(expr, &input, &Target { table: table.clone(), column }),
        }
    });
    Projection::try_new(each.collect::<Result<_>>()?, input).map(LogicalPlan::Projection)
}

/// VALUES, whose columns are those of the table that a projection gives names to.
fn checked_values(values: Values, projection: &[Expr], table: &str) -> Result<Values> {
    let Values { schema, values } = values;
    let names: Vec<String> = (0..schema.fields().len())
        .map(|index| {
            let of_table = projection
                .iter()
                .find(|expr| expr.column_refs().iter().any(|column| schema.maybe_index_of_column(column) == Some(index)));
            of_table.map_or_else(|| schema.field(index).name().clone(), |expr| expr.schema_name().to_string())
        })
        .collect();
    let nothing = LogicalPlan::default();
    let checked = |(value, column): (Expr, &String)| {
        let target = Target { table: table.to_owned(), column: column.clone() };
        if is_clock(inner(&value)) { Ok(value) } else { checked(value, &nothing, &target) }
    };
    let rows = values.into_iter().map(|row| row.into_iter().zip(&names).map(checked).collect());
    Ok(Values { values: rows.collect::<Result<_>>()?, schema })
}

/// A value over the rows of a query that is cast to the type of its column. A text literal for a column of bytes is the bytes that
/// Postgres reads in it.
fn checked(expr: Expr, input: &LogicalPlan, target: &Target) -> Result<Expr> {
    match expr {
        Expr::Alias(Alias { expr, relation, name, metadata }) => {
            let expr = Box::new(checked(*expr, input, target)?);
            Ok(Expr::Alias(Alias { expr, relation, name, metadata }))
        }
        Expr::Cast(Cast { expr, field }) => {
            if field.data_type().is_binary()
                && let Some(text) = constant(below(&expr, input)).as_ref().and_then(|value| value.try_as_str().flatten())
            {
                let read = bytes_of(text).map_err(ErrorExt::into_datafusion)?;
                let expr = Box::new(Expr::Literal(ScalarValue::Binary(Some(read)), None));
                return Ok(Expr::Cast(Cast { expr, field }));
            }
            let (from, to) = (expr.get_type(input.schema())?, field.data_type().clone());
            if from.is_null() || !changes(&from, &to) {
                return Ok(Expr::Cast(Cast { expr, field }));
            }
            match constant(&expr) {
                Some(value) => {
                    value.to_array().and_then(|array| target.cast(&array, &to)).map(|_| Expr::Cast(Cast { expr, field }))
                }
                None => {
                    let function =
                        ExactCast { to, target: target.clone(), signature: Signature::any(1, Volatility::Immutable) };
                    Ok(ScalarUDF::new_from_impl(function).call(vec![*expr]))
                }
            }
        }
        other => Ok(other),
    }
}

/// What a column of the query below is, or the expression itself.
fn below<'a>(expr: &'a Expr, input: &'a LogicalPlan) -> &'a Expr {
    match (expr, input) {
        (Expr::Column(column), LogicalPlan::Projection(projection)) => {
            let index = projection.schema.maybe_index_of_column(column);
            index.and_then(|i| projection.expr.get(i)).map_or(expr, inner)
        }
        _ => expr,
    }
}

/// The value of a literal.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Negative(inner) => constant(inner)?.arithmetic_negate().ok(),
        _ => None,
    }
}

fn inner(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => inner(&alias.expr),
        Expr::Cast(cast) => inner(&cast.expr),
        other => other,
    }
}

/// Whether a value is the current time, also as a column of the query below.
fn clock(expr: &Expr, input: &LogicalPlan) -> bool {
    is_clock(below(inner(expr), input))
}

fn is_clock(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(ScalarFunction { func, args }) if args.is_empty() && CLOCKS.contains(&func.name()))
}

/// A column that values are written to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Target {
    table: String,
    column: String,
}

impl Target {
    fn cast(&self, values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        exact_cast(values, to).map_err(|inexact| match inexact {
            Inexact::Refused(error) => DataFusionError::from(error),
            Inexact::Changed => {
                let (Self { table, column }, from) = (self, values.data_type());
                let message = format!(
                    "column \"{column}\" of {table} is {to}; a value of type {from} would lose a part of it: convert it first"
                );
                Error::invalid(message).into_datafusion()
            }
        })
    }
}

/// A cast to the type of a column that is an error where it would change a value.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactCast {
    to: DataType,
    target: Target,
    signature: Signature,
}

impl ScalarUDFImpl for ExactCast {
    fn name(&self) -> &str {
        "exact_cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let missing = || Error::internal("a cast takes one value").into_datafusion();
        match args.args.into_iter().next().ok_or_else(missing)? {
            ColumnarValue::Array(array) => self.target.cast(&array, &self.to).map(ColumnarValue::Array),
            ColumnarValue::Scalar(value) => {
                let made = self.target.cast(&value.to_array()?, &self.to)?;
                ScalarValue::try_from_array(&made, 0).map(ColumnarValue::Scalar)
            }
        }
    }
}

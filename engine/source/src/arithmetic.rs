//! Whole-number arithmetic that fails when a result does not fit, instead of wrapping around.
//!
//! DataFusion computes `+`, `-` and `*` of integers modulo the width of their type. Here they are functions, so the same
//! arithmetic is used wherever an expression is evaluated: in every operator and when constants are folded. Their columns
//! are named as those of the operators.

use std::fmt;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, mul, neg, sub};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr_common::datum::apply;
use datafusion::prelude::Expr;
use headwater_common::Error;

use crate::error::ErrorExt;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Negate,
}

impl Operation {
    fn operator(self) -> Operator {
        match self {
            Self::Add => Operator::Plus,
            Self::Subtract | Self::Negate => Operator::Minus,
            Self::Multiply => Operator::Multiply,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Negate => "negate",
        }
    }

    fn function(self) -> Arc<ScalarUDF> {
        static ALL: LazyLock<[Arc<ScalarUDF>; 4]> = LazyLock::new(|| {
            [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Negate].map(|operation| {
                let signature = Signature::user_defined(Volatility::Immutable);
                Arc::new(ScalarUDF::new_from_impl(CheckedArithmetic { operation, signature }))
            })
        });
        Arc::clone(&ALL[self as usize])
    }
}

/// `left operator right` that is checked; `None` for an operator other than `+`, `-` and `*`.
pub fn checked_binary(left: Expr, operator: Operator, right: Expr) -> Option<Expr> {
    let operation = match operator {
        Operator::Plus => Operation::Add,
        Operator::Minus => Operation::Subtract,
        Operator::Multiply => Operation::Multiply,
        _ => return None,
    };
    Some(Expr::ScalarFunction(ScalarFunction::new_udf(operation.function(), vec![left, right])))
}

/// `- value` that is checked.
pub fn checked_negative(value: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Operation::Negate.function(), vec![value]))
}

/// The sides of a binary expression, checked or not.
pub fn sides(expr: &Expr) -> Option<(&Expr, Operator, &Expr)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => Some((left, *op, right)),
        Expr::ScalarFunction(call) => {
            let checked = call.func.inner().downcast_ref::<CheckedArithmetic>()?;
            let [left, right] = call.args.as_slice() else { return None };
            Some((left, checked.operation.operator(), right))
        }
        _ => None,
    }
}

/// What a checked negation negates.
pub fn negated(expr: &Expr) -> Option<&Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let checked = call.func.inner().downcast_ref::<CheckedArithmetic>()?;
    match call.args.as_slice() {
        [inner] if checked.operation == Operation::Negate => Some(inner),
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedArithmetic {
    operation: Operation,
    signature: Signature,
}

impl CheckedArithmetic {
    fn coercer<'a>(&self, types: &'a [DataType]) -> Result<Types<'a>> {
        match (self.operation, types) {
            (Operation::Negate, [one]) => Ok(Types::One(one)),
            (Operation::Negate, _) => Err(wrong()),
            (_, [left, right]) => Ok(Types::Two(left, right)),
            _ => Err(wrong()),
        }
    }

    fn overflow(&self, data_type: &DataType) -> DataFusionError {
        let operation = match self.operation {
            Operation::Negate => "a negation".to_owned(),
            other => format!("{}", other.operator()),
        };
        overflow(&operation, data_type)
    }
}

/// The types of the operands.
enum Types<'a> {
    One(&'a DataType),
    Two(&'a DataType, &'a DataType),
}

/// The error for a result of `what` that does not fit `data_type`.
pub fn overflow(what: impl fmt::Display, data_type: &DataType) -> DataFusionError {
    let message = format!(
        "integer overflow: the result of {what} does not fit the type {data_type}; cast to a wider type, such as DECIMAL(38, 0)"
    );
    Error::invalid(message).into_datafusion()
}

fn wrong() -> DataFusionError {
    Error::internal("arithmetic takes two numbers").into_datafusion()
}

impl ScalarUDFImpl for CheckedArithmetic {
    fn name(&self) -> &str {
        self.operation.name()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [one] => Ok(format!("(- {})", one.schema_name())),
            [left, right] => Ok(format!("{} {} {}", left.schema_name(), self.operation.operator(), right.schema_name())),
            _ => Err(wrong()),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.coercer(types)? {
            Types::One(one) => Ok(one.clone()),
            Types::Two(left, right) => BinaryTypeCoercer::new(left, &self.operation.operator(), right).get_result_type(),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    /// Any value of the type: functions around, such as `abs`, compare the range with a zero of its type.
    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        let types: Vec<DataType> = inputs.iter().map(|range| range.data_type()).collect();
        Interval::make_unbounded(&self.return_type(&types)?)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match self.coercer(types)? {
            Types::One(one) => Ok(vec![one.clone()]),
            Types::Two(left, right) => {
                let operator = self.operation.operator();
                let types = BinaryTypeCoercer::new(left, &operator, right).get_input_types();
                types.map(|(left, right)| vec![left, right])
            }
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError> = match self.operation {
            Operation::Add => add,
            Operation::Subtract | Operation::Negate => sub,
            Operation::Multiply => mul,
        };
        let computed = match args.args.as_slice() {
            [ColumnarValue::Array(array)] => neg(array).map(ColumnarValue::Array).map_err(DataFusionError::from),
            [ColumnarValue::Scalar(value)] => {
                let negated = value.to_array().and_then(|a| neg(&a).map_err(DataFusionError::from));
                negated.and_then(|a| ScalarValue::try_from_array(&a, 0)).map(ColumnarValue::Scalar)
            }
            [left, right] => apply(left, right, kernel),
            _ => Err(wrong()),
        };
        computed.map_err(|e| match &e {
            DataFusionError::ArrowError(inner, _) if matches!(inner.as_ref(), ArrowError::ArithmeticOverflow(_)) => {
                self.overflow(args.return_field.data_type())
            }
            _ => e,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Int64Array;
    use datafusion::prelude::{col, lit};

    fn compute(operation: Operation, args: Vec<ColumnarValue>) -> Result<ColumnarValue> {
        let fields = args.iter().map(|a| Arc::new(Field::new("x", a.data_type(), true))).collect();
        operation.function().invoke_with_args(ScalarFunctionArgs {
            args,
            arg_fields: fields,
            number_rows: 3,
            return_field: Arc::new(Field::new("x", DataType::Int64, true)),
            config_options: Arc::default(),
        })
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_holds_no_value() {
        let column = |v: Vec<Option<i64>>| ColumnarValue::Array(Arc::new(Int64Array::from(v)));
        let value = |v: i64| ColumnarValue::Scalar(ScalarValue::from(v));
        let large = column(vec![Some(1), None, Some(i64::MAX)]);
        for (operation, args) in [
            (Operation::Add, vec![large.clone(), value(1)]),
            (Operation::Add, vec![value(i64::MAX), value(1)]),
            (Operation::Subtract, vec![value(-2), large.clone()]),
            (Operation::Multiply, vec![large.clone(), value(2)]),
            (Operation::Negate, vec![value(i64::MIN)]),
        ] {
            let text = compute(operation, args).unwrap_err().to_string();
            assert!(text.contains("integer overflow") && !text.contains("9223372036854775807"), "{text}");
        }
        let ColumnarValue::Array(sum) = compute(Operation::Subtract, vec![large, value(1)]).unwrap() else { panic!() };
        let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None, Some(i64::MAX - 1)]));
        assert_eq!(&sum, &expected);
    }

    #[test]
    fn its_columns_are_named_as_those_of_the_operator() {
        let plain = col("a") + lit(1i64);
        let checked = checked_binary(col("a"), Operator::Plus, lit(1i64)).unwrap();
        assert_eq!(plain.schema_name().to_string(), checked.schema_name().to_string());
        let nested = checked_binary(checked, Operator::Multiply, lit(2i64)).unwrap();
        assert_eq!((plain * lit(2i64)).schema_name().to_string(), nested.schema_name().to_string());
        assert_eq!(checked_negative(col("a")).schema_name().to_string(), (-col("a")).schema_name().to_string());
        assert!(checked_binary(col("a"), Operator::Divide, lit(1i64)).is_none());
    }
}

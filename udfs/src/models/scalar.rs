//! predict: what a model says of the values of one row.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use headwater_common::Error;
use headwater_supervised::Predictions;

use super::library::Loaded;
use super::predict::{classes, type_of};
use super::rows::{same_kind, table};
use super::stored::{Kind, RowModel};
use crate::error::outward;

/// Name of the function.
pub(crate) const NAME: &str = "predict";

/// The function with the models of a statement.
pub(crate) fn function(named: Vec<(String, Arc<Loaded>)>) -> Arc<ScalarUDF> {
    // Without any value too, so that what is missing is said by name.
    let signature = Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Immutable);
    let predict = Predict { named, signature };
    Arc::new(ScalarUDF::new_from_impl(predict))
}

/// `predict('m', a, b, c)`, with the columns that the model reads in the order of its training query.
#[derive(Debug)]
struct Predict {
    named: Vec<(String, Arc<Loaded>)>,
    signature: Signature,
}

impl Predict {
    /// Models by the text that names them, and the file that each is.
    fn key(&self) -> impl Iterator<Item = (&str, &str)> {
        self.named.iter().map(|(text, loaded)| (text.as_str(), loaded.version.digest.as_str()))
    }

    fn model(&self, text: Option<&str>) -> Result<(&Loaded, &RowModel), Error> {
        let found = self.named.iter().find(|(known, _)| Some(known.as_str()) == text);
        let (_, loaded) = found.ok_or_else(|| {
            Error::invalid("predict needs the name of a model in single quotes first, such as predict('churn', a, b)")
        })?;
        Ok((loaded, loaded.rows()?))
    }
}

impl PartialEq for Predict {
    fn eq(&self, other: &Self) -> bool {
        self.key().eq(other.key())
    }
}

impl Eq for Predict {}

impl Hash for Predict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().for_each(|key| key.hash(state));
    }
}

impl ScalarUDFImpl for Predict {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Err(outward(Error::internal("predict has no type without its model")))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let text = args.scalar_arguments.first().copied().flatten().and_then(|v| v.try_as_str().flatten());
        let (loaded, model) = self.model(text).map_err(outward)?;
        check(loaded, model, args.arg_fields.get(1..).unwrap_or_default()).map_err(outward)?;
        Ok(Arc::new(Field::new(NAME, type_of(model.answer), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let text = match args.args.first() {
            Some(ColumnarValue::Scalar(value)) => value.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        let (_, model) = self.model(text.as_deref()).map_err(outward)?;
        let mut arrays = Vec::new();
        for argument in args.args.into_iter().skip(1) {
            arrays.push(argument.into_array(args.number_rows)?);
        }
        let given: Vec<(Field, ArrayRef)> = model
            .inputs
            .iter()
            .zip(args.arg_fields.iter().skip(1))
            .zip(arrays)
            .map(|((input, field), values)| typed(input.kind, field, values))
            .collect();
        let names = model.inputs.iter().map(|input| input.name.as_str());
        let columns: Vec<(&str, &Field, &ArrayRef)> = names.zip(&given).map(|(n, (f, v))| (n, f, v)).collect();
        let table = table(&columns).map_err(outward)?;
        Ok(ColumnarValue::Array(match model.trained.predict(&table, 0.5).map_err(outward)? {
            Predictions::Numbers { values, .. } => {
                Arc::new(values.into_iter().map(|v| v.is_finite().then_some(v)).collect::<Float64Array>())
            }
            Predictions::Classes { codes, .. } => classes(model, &codes),
        }))
    }
}

/// A value for the model; NULL without a type is a missing one of the kind that is read.
fn typed(kind: Kind, field: &FieldRef, values: ArrayRef) -> (Field, ArrayRef) {
    if !field.data_type().is_null() {
        return (field.as_ref().clone(), values);
    }
    let data_type = match kind {
        Kind::Numbers => DataType::Float64,
        Kind::Texts => DataType::Utf8,
        Kind::Times => DataType::Timestamp(TimeUnit::Microsecond, None),
    };
    let missing = new_null_array(&data_type, values.len());
    (Field::new(field.name(), data_type, true), missing)
}

/// Errors: other values than the model reads, or a column of another name where the model reads one of them elsewhere.
fn check(loaded: &Loaded, model: &RowModel, fields: &[FieldRef]) -> Result<(), Error> {
    let name = loaded.to_string();
    if model.looks_back() {
        return Err(Error::unsupported(format!("model {name} looks at earlier rows; use ML_PREDICT, which sees them")));
    }
    let names = || model.inputs.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ");
    if fields.len() != model.inputs.len() {
        let (wanted, given) = (model.inputs.len(), fields.len());
        return Err(Error::invalid(format!("model {name} reads {wanted} values ({}), not {given}", names())));
    }
    for (input, field) in model.inputs.iter().zip(fields) {
        if field.name() != &input.name && model.inputs.iter().any(|other| other.name == *field.name()) {
            return Err(Error::invalid(format!(
                "model {name} reads its values in this order: {}; \"{}\" stands in the place of \"{}\"",
                names(),
                field.name(),
                input.name
            )));
        }
        if !field.data_type().is_null() {
            same_kind(&name, input, field)?;
        }
    }
    Ok(())
}

//! ML_PREDICT: rows of a query with what a model predicts of them.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Float64Builder, Int64Array, MapBuilder, MapFieldNames, RecordBatch,
    RecordBatchOptions, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use headwater_common::Result;
use headwater_supervised::Predictions;
use headwater_timeseries::Cancel;

use super::call::{ModelCall, ModelFunction, Outcome};
use super::library::Loaded;
use super::planner::{MODEL, VERSION};
use super::rows::{find, kind_of, places, table_of};
use super::stored::{Answer, Kind, RowModel};
use crate::error::arrow;
use crate::series::levels::suffix;
use crate::table::{Arguments, Spec};

/// Name of the function.
pub(crate) const NAME: &str = "ML_PREDICT";
const CONFIDENCE_LEVEL: Spec =
    Spec { name: "confidence_level", wanted: "a number between 0 and 1, such as 0.9, which models of numbers take" };
/// Its arguments.
pub(crate) const ARGUMENTS: &[Spec] = &[MODEL, VERSION, CONFIDENCE_LEVEL];
/// Share of rows whose number is inside the interval unless another is asked for.
const LEVEL_USUAL: f64 = 0.9;

/// The call over a query with these columns.
pub(crate) fn bind(loaded: &Arc<Loaded>, arguments: &Arguments, fields: &[Arc<Field>]) -> Result<ModelCall> {
    let model = loaded.rows()?;
    let level = match (arguments.shares("confidence_level")?.as_slice(), arguments.get("confidence_level")) {
        ([], _) => LEVEL_USUAL,
        ([one], _) if model.answer == Answer::Number => *one,
        (_, Some(given)) => return Err(arguments.wrong("confidence_level", given)),
        (_, None) => LEVEL_USUAL,
    };
    let places = read_places(loaded, model, fields)?;
    let mut columns: Vec<Field> = fields.iter().map(|f| f.as_ref().clone()).collect();
    columns.extend(fields_of(model, level));
    let schema = Arc::new(Schema::new(columns));
    let passed = if model.looks_back() { 0 } else { fields.len() };
    let function = Predict { loaded: Arc::clone(loaded), places, level, schema: Arc::clone(&schema) };
    Ok(ModelCall { name: NAME, text: format!("{loaded}, {arguments}"), schema, passed, function: Arc::new(function) })
}

/// Places of the columns that a model reads, and of those whose earlier values it uses when they are there.
pub(crate) fn read_places(loaded: &Loaded, model: &RowModel, fields: &[Arc<Field>]) -> Result<Vec<usize>> {
    let mut places = places(&loaded.to_string(), &model.inputs, fields)?;
    let derivation = model.trained.derivation();
    let sources = derivation.lags.iter().map(|l| &l.column).chain(derivation.rolling.iter().map(|r| &r.column));
    for source in sources {
        if let Some(place) = find(fields, source)?
            && !places.contains(&place)
            && kind_of(&fields[place])? == Kind::Numbers
        {
            places.push(place);
        }
    }
    Ok(places)
}

/// Columns that a model adds.
pub(crate) fn fields_of(model: &RowModel, level: f64) -> Vec<Field> {
    let predicted = Field::new(format!("predicted_{}", model.trained.target()), type_of(model.answer), true);
    if model.answer == Answer::Number {
        let end = |side: &str| Field::new(format!("{side}_{}", suffix(level)), DataType::Float64, true);
        return vec![predicted, end("lower"), end("upper")];
    }
    let probability = Field::new("probability", DataType::Float64, true);
    vec![predicted, probability, Field::new("probabilities", map_type(), true)]
}

/// Type of the predicted column.
pub(crate) fn type_of(answer: Answer) -> DataType {
    match answer {
        Answer::Number | Answer::Double => DataType::Float64,
        Answer::Text => DataType::Utf8,
        Answer::Boolean => DataType::Boolean,
        Answer::Whole => DataType::Int64,
    }
}

/// A number for each of some names. The JDBC driver reads maps whose parts have these names.
pub(crate) fn map_type() -> DataType {
    let entries =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Float64, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// A map a row: names, and one column of values for each.
pub(crate) fn maps(names: &[String], columns: &[Vec<f64>], rows: usize) -> Result<ArrayRef> {
    let fields = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut builder = MapBuilder::new(Some(fields), StringBuilder::new(), Float64Builder::new());
    for row in 0..rows {
        for (name, column) in names.iter().zip(columns) {
            builder.keys().append_value(name);
            builder.values().append_option(column.get(row).copied().filter(|v| v.is_finite()));
        }
        builder.append(true).map_err(arrow)?;
    }
    Ok(Arc::new(builder.finish()))
}

#[derive(Debug)]
struct Predict {
    loaded: Arc<Loaded>,
    places: Vec<usize>,
    level: f64,
    schema: SchemaRef,
}

impl ModelFunction for Predict {
    fn run(&self, rows: &RecordBatch, _cancel: &Cancel) -> Result<Outcome> {
        let model = self.loaded.rows()?;
        let table = table_of(rows, &self.places)?;
        let predicted = model.trained.predict(&table, self.level)?;
        let added = columns(model, &predicted, rows.num_rows())?;
        let columns = rows.columns().iter().map(Arc::clone).chain(added).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map(Outcome::Rows).map_err(arrow)
    }

    fn bytes_per_row(&self) -> usize {
        16 * (self.places.len() + self.schema.fields().len()) + 64
    }
}

/// The columns of [`fields_of`].
fn columns(model: &RowModel, predicted: &Predictions, rows: usize) -> Result<Vec<ArrayRef>> {
    match predicted {
        Predictions::Numbers { values, lower, upper } => {
            let column = |values: &[f64]| -> ArrayRef {
                Arc::new(values.iter().map(|v| v.is_finite().then_some(*v)).collect::<Float64Array>())
            };
            Ok(vec![column(values), column(lower), column(upper)])
        }
        Predictions::Classes { codes, probabilities } => {
            let of = |(row, code): (usize, &u32)| probabilities.get(*code as usize).and_then(|p| p.get(row)).copied();
            let probability: Float64Array = codes.iter().enumerate().map(of).collect();
            let maps = maps(model.trained.classes(), probabilities, rows)?;
            Ok(vec![classes(model, codes), Arc::new(probability), maps])
        }
    }
}

/// Classes by place as values of the target's type.
pub(crate) fn classes(model: &RowModel, codes: &[u32]) -> ArrayRef {
    let names = codes.iter().map(|code| model.trained.classes().get(*code as usize).map(String::as_str));
    match model.answer {
        Answer::Boolean => Arc::new(names.map(|n| n.and_then(|n| n.parse().ok())).collect::<BooleanArray>()),
        Answer::Whole => Arc::new(names.map(|n| n.and_then(|n| n.parse::<i64>().ok())).collect::<Int64Array>()),
        Answer::Double => Arc::new(names.map(|n| n.and_then(|n| n.parse::<f64>().ok())).collect::<Float64Array>()),
        Answer::Text | Answer::Number => Arc::new(names.collect::<StringArray>()),
    }
}

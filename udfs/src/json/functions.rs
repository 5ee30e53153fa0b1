//! The functions.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use headwater_common::Error;

use super::document::{Json, Step};
use super::path;
use crate::error::outward;

/// What a function computes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Computed {
    /// A part as JSON.
    Part,
    /// A part as text.
    Text,
    /// Number of elements of an array.
    Length,
    /// Name of a type.
    Kind,
    /// Whether it is a document.
    Valid,
}

/// How a function is told the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the document itself.
    Whole,
    /// A key or an index.
    Step,
    /// Keys and indexes, one an argument.
    Steps,
    /// A path.
    Path,
}

/// A function.
#[derive(Debug)]
pub(super) struct Rule {
    name: &'static str,
    usage: &'static str,
    aliases: &'static [&'static str],
    place: Place,
    computed: Computed,
}

macro_rules! rule {
    ($name:literal, $usage:literal, $aliases:expr, $place:ident, $computed:ident) => {
        Rule { name: $name, usage: $usage, aliases: $aliases, place: Place::$place, computed: Computed::$computed }
    };
}

/// `->`.
pub(super) static OPERATOR: Rule = rule!("json_get", "json_get(json, key or index)", &[], Step, Part);
/// `->>`.
pub(super) static OPERATOR_TEXT: Rule = rule!("json_get_text", "json_get_text(json, key or index)", &[], Step, Text);

/// Every function.
pub(super) static FUNCTIONS: &[Rule] = &[
    rule!("json_get", "json_get(json, key or index)", &[], Step, Part),
    rule!("json_get_text", "json_get_text(json, key or index)", &[], Step, Text),
    rule!("json_extract_path", "json_extract_path(json, key, ...)", &["jsonb_extract_path"], Steps, Part),
    rule!("json_extract_path_text", "json_extract_path_text(json, key, ...)", &["jsonb_extract_path_text"], Steps, Text),
    rule!("json_extract", "json_extract(json, path)", &[], Path, Part),
    rule!("json_extract_string", "json_extract_string(json, path)", &["json_value"], Path, Text),
    rule!("json_array_length", "json_array_length(json)", &["jsonb_array_length"], Whole, Length),
    rule!("json_typeof", "json_typeof(json)", &["jsonb_typeof"], Whole, Kind),
    rule!("json_valid", "json_valid(text)", &[], Whole, Valid),
];

/// One of the functions.
#[derive(Debug)]
pub(super) struct JsonFunction {
    rule: &'static Rule,
    signature: Signature,
    aliases: Vec<String>,
}

impl JsonFunction {
    pub(super) fn new(rule: &'static Rule) -> Self {
        let aliases = rule.aliases.iter().map(|name| (*name).to_owned()).collect();
        Self { rule, signature: Signature::variadic_any(Volatility::Immutable), aliases }
    }

    /// What the function makes of a row; `None` is NULL.
    fn compute(&self, document: &str, steps: &[Step<'_>]) -> Result<Option<Found>> {
        let Some(json) = Json::read(document) else {
            if self.rule.computed == Computed::Valid {
                return Ok(Some(Found::Boolean(false)));
            }
            let message = format!("{}: a value is not valid JSON; json_valid(x) tells which ones are", self.rule.name);
            return Err(outward(Error::invalid(message)));
        };
        let Some(part) = json.at(steps) else { return Ok(None) };
        Ok(match self.rule.computed {
            Computed::Part => Some(Found::Text(part.raw().to_owned())),
            Computed::Text => part.text().map(|text| Found::Text(text.into_owned())),
            Computed::Kind => Some(Found::Text(part.kind().to_owned())),
            Computed::Valid => Some(Found::Boolean(true)),
            Computed::Length => {
                let length = part.length().and_then(|n| i64::try_from(n).ok());
                let message = || format!("{}: a value is no array; json_typeof(x) tells which ones are", self.rule.name);
                Some(Found::Count(length.ok_or_else(|| outward(Error::invalid(message())))?))
            }
        })
    }
}

/// A result.
enum Found {
    Text(String),
    Count(i64),
    Boolean(bool),
}

impl PartialEq for JsonFunction {
    fn eq(&self, other: &Self) -> bool {
        self.rule.name == other.rule.name
    }
}

impl Eq for JsonFunction {}

impl Hash for JsonFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rule.name.hash(state);
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.rule.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The arguments are checked here and not by a coercion, whose errors DataFusion would put into a longer one.
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let counts = match self.rule.place {
            Place::Whole => 1..=1,
            Place::Step | Place::Path => 2..=2,
            Place::Steps => 2..=usize::MAX,
        };
        let mut steps = types.iter().skip(1);
        let right = match self.rule.place {
            Place::Step => steps.all(|t| is_text(t) || t.is_integer() || t.is_null()),
            _ => steps.all(|t| is_text(t) || t.is_null()),
        };
        if !counts.contains(&types.len()) || !right || !types.first().is_some_and(|t| is_text(t) || t.is_null()) {
            let message = format!("{} is called as {}, with JSON as text", self.rule.name, self.rule.usage);
            return Err(outward(Error::invalid(message)));
        }
        Ok(match self.rule.computed {
            Computed::Part | Computed::Text | Computed::Kind => DataType::Utf8,
            Computed::Length => DataType::Int64,
            Computed::Valid => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if one { 1 } else { args.number_rows };
        let mut columns = Vec::with_capacity(args.args.len());
        for argument in args.args {
            let integer = argument.data_type().is_integer();
            let column = argument.into_array(rows)?;
            columns.push(cast(&column, if integer { &DataType::Int64 } else { &DataType::Utf8 })?);
        }
        let mut found = Vec::with_capacity(rows);
        for row in 0..rows {
            found.push(self.row(&columns, row)?);
        }
        let array = result(found, args.return_field.data_type());
        match one {
            true => ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar),
            false => Ok(ColumnarValue::Array(array)),
        }
    }
}

impl JsonFunction {
    fn row(&self, columns: &[ArrayRef], row: usize) -> Result<Option<Found>> {
        if columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        let Some((document, places)) = columns.split_first() else { return Ok(None) };
        let mut steps = Vec::with_capacity(places.len());
        for place in places {
            match (self.rule.place, place.data_type()) {
                (_, DataType::Int64) => steps.push(Step::Index(place.as_primitive::<Int64Type>().value(row))),
                (Place::Path, _) => steps = path::steps(place.as_string::<i32>().value(row)).map_err(outward)?,
                (Place::Steps, _) => steps.push(Step::Either(place.as_string::<i32>().value(row))),
                _ => steps.push(Step::Key(Cow::Borrowed(place.as_string::<i32>().value(row)))),
            }
        }
        self.compute(document.as_string::<i32>().value(row), &steps)
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

fn result(found: Vec<Option<Found>>, data_type: &DataType) -> ArrayRef {
    let found = found.into_iter();
    match data_type {
        DataType::Boolean => {
            Arc::new(found.map(|v| if let Some(Found::Boolean(b)) = v { Some(b) } else { None }).collect::<BooleanArray>())
        }
        DataType::Int64 => {
            Arc::new(found.map(|v| if let Some(Found::Count(n)) = v { Some(n) } else { None }).collect::<Int64Array>())
        }
        _ => Arc::new(found.map(|v| if let Some(Found::Text(t)) = v { Some(t) } else { None }).collect::<StringArray>()),
    }
}

//! Functions that build large values from small arguments compute the size first.
//!
//! DataFusion's memory pool counts what operators hold, not what a function builds for one batch. So each function whose result
//! can be much larger than its arguments is wrapped here: the sizes of its results are computed from the arguments, as an upper
//! bound where the exact size would cost too much, and a batch over the limit is refused before anything is built.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::Expr;
use headwater_common::Error;
use headwater_source::ErrorExt;

use super::sizes::{Bytes, Numbers, Span, matches_of};

/// A batch of values may be this many times as large as one value; larger ones would not fit Arrow's offsets anyway.
const BATCH_FACTOR: u64 = 64;
/// Bytes that a date format of one byte may print.
const FORMAT_FACTOR: u64 = 32;

/// How the size of a function's result follows from its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Rule {
    /// The first argument, as often as the second says.
    Repeat,
    /// As many characters as the second argument says.
    Pad,
    /// All arguments together.
    Sum,
    /// All arguments together, with the first between each two.
    Joined,
    /// The elements of the first argument with the second between each two.
    JoinedList,
    /// The first argument with each occurrence of the second replaced by the third.
    Replace,
    /// The same for a regular expression.
    ReplacePattern,
    /// As many elements as the second argument says, each like the third.
    Resize,
    /// A series from the first argument to the second in steps of the third.
    Series,
    /// A date in the format of the second argument.
    Format,
}

const RULES: [(&str, Rule); 20] = [
    ("repeat", Rule::Repeat),
    ("array_repeat", Rule::Repeat),
    ("lpad", Rule::Pad),
    ("rpad", Rule::Pad),
    ("concat", Rule::Sum),
    ("overlay", Rule::Sum),
    ("array_concat", Rule::Sum),
    ("array_append", Rule::Sum),
    ("array_prepend", Rule::Sum),
    ("make_array", Rule::Sum),
    ("concat_ws", Rule::Joined),
    ("array_to_string", Rule::JoinedList),
    ("replace", Rule::Replace),
    ("regexp_replace", Rule::ReplacePattern),
    ("array_resize", Rule::Resize),
    ("range", Rule::Series),
    ("generate_series", Rule::Series),
    ("to_char", Rule::Format),
    ("date_format", Rule::Format),
    ("string_concat", Rule::Sum),
];

/// A function with its results capped, when it needs that.
pub(super) fn wrap(function: &Arc<ScalarUDF>, bytes_max: u64) -> Option<ScalarUDF> {
    let rule = RULES.iter().find(|(name, _)| *name == function.name())?.1;
    Some(ScalarUDF::new_from_impl(Capped { inner: Arc::clone(function), rule, bytes_max }))
}

/// Whether a function is wrapped already.
pub(super) fn is_capped(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<Capped>().is_some()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Capped {
    inner: Arc<ScalarUDF>,
    rule: Rule,
    bytes_max: u64,
}

impl Capped {
    /// Refuses a series of times that would be null, or end too early, because its times do not fit their type.
    fn check_times(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let times = args.args.first().is_some_and(|start| matches!(start.data_type(), DataType::Timestamp(..)));
        if self.rule != Rule::Series || !times {
            return Ok(());
        }
        let span = Span::of(&args.args)?;
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        match (0..if constant { 1 } else { args.number_rows }).any(|row| span.is_beyond(row)) {
            true => Err(Error::unsupported(format!(
                "{} of times before the year 1678 or after 2261 is not supported; use dates",
                self.inner.name()
            ))
            .into_datafusion()),
            false => Ok(()),
        }
    }

    /// Refuses arguments whose result would be too large; unknown shapes of arguments are left to the function.
    fn check(&self, args: &ScalarFunctionArgs) -> Result<()> {
        if self.bytes_max == 0 {
            return Ok(());
        }
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        // Whoever asks may need the one value for every row.
        let copies = if constant { args.number_rows.max(1) as u64 } else { 1 };
        let sizes = self.sizes(&args.args)?;
        let mut total = 0u64;
        for row in 0..rows {
            let mut bytes = sizes(row);
            if bytes > self.bytes_max && matches!(self.rule, Rule::Replace | Rule::ReplacePattern) {
                // The bound assumes a match at every place.
                bytes = self.replaced_bytes(&args.args, row).unwrap_or(bytes);
            }
            total = total.saturating_add(bytes);
            if bytes > self.bytes_max {
                return Err(self.refused("a value", self.bytes_max));
            }
            let batch_max = self.bytes_max.saturating_mul(BATCH_FACTOR);
            if total.saturating_mul(copies) > batch_max {
                return Err(self.refused("the values of a batch", batch_max));
            }
        }
        Ok(())
    }

    fn refused(&self, what: &str, bytes: u64) -> DataFusionError {
        let message = format!("{} would build {what} of more than {bytes} bytes", self.inner.name());
        Error::limit(message, "limits.value_bytes").into_datafusion()
    }

    /// The size of a row's result.
    fn sizes<'a>(&self, args: &'a [ColumnarValue]) -> Result<Box<dyn Fn(usize) -> u64 + 'a>> {
        let bytes = |i: usize| Bytes::of(args.get(i));
        let number = |i: usize| Numbers::of(args.get(i));
        Ok(match self.rule {
            Rule::Repeat => {
                let (each, times) = (bytes(0)?, number(1)?);
                Box::new(move |row| each.at(row).max(1).saturating_mul(times.at(row)))
            }
            Rule::Pad => {
                let length = number(1)?;
                // A character takes at most four bytes.
                Box::new(move |row| length.at(row).saturating_mul(4))
            }
            Rule::Sum => {
                let all = (0..args.len()).map(bytes).collect::<Result<Vec<_>>>()?;
                Box::new(move |row| all.iter().fold(0, |sum, b| b.at(row).saturating_add(sum)))
            }
            Rule::Joined => {
                let all = (0..args.len()).map(bytes).collect::<Result<Vec<_>>>()?;
                let gaps = args.len() as u64;
                Box::new(move |row| {
                    let between = all.first().map_or(0, |b| b.at(row).saturating_mul(gaps));
                    all.iter().fold(between, |sum, b| b.at(row).saturating_add(sum))
                })
            }
            Rule::JoinedList => {
                let (elements, list, between) = (Bytes::elements(args.first())?, bytes(0)?, bytes(1)?);
                Box::new(move |row| elements.at(row).saturating_mul(between.at(row)).saturating_add(list.at(row)))
            }
            Rule::Replace | Rule::ReplacePattern => {
                let (text, from, to) = (bytes(0)?, bytes(1)?, bytes(2)?);
                let shortest = self.rule == Rule::Replace;
                Box::new(move |row| {
                    let each = if shortest { from.at(row).max(1) } else { 1 };
                    let most = (text.at(row) / each).saturating_add(1);
                    most.saturating_mul(to.at(row)).saturating_add(text.at(row))
                })
            }
            Rule::Resize => {
                let (list, length, value) = (bytes(0)?, number(1)?, bytes(2)?);
                Box::new(move |row| length.at(row).saturating_mul(value.at(row).max(8)).saturating_add(list.at(row)))
            }
            Rule::Series => {
                let span = Span::of(args)?;
                Box::new(move |row| span.steps(row).saturating_mul(8))
            }
            Rule::Format => {
                let format = bytes(1)?;
                Box::new(move |row| format.at(row).saturating_mul(FORMAT_FACTOR))
            }
        })
    }

    /// The size of a replacement whose matches are counted; `None` when they cannot be.
    fn replaced_bytes(&self, args: &[ColumnarValue], row: usize) -> Option<u64> {
        let found = matches_of(args, row, self.rule == Rule::ReplacePattern)?;
        Some(found.matches.saturating_mul(found.replacement_bytes).saturating_add(found.text_bytes))
    }
}

impl ScalarUDFImpl for Capped {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.inner().schema_name(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self { inner: Arc::new(inner), ..*self }))
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
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
        self.inner.inner().coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&args)?;
        self.check_times(&args)?;
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

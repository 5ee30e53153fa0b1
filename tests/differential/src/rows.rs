//! Rows in one form for every engine, and how two results are compared.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::value::{Type, canonical_number};

/// A value in the one form: numbers by value, dates as days, times as microseconds.
pub(crate) type Cell = Option<String>;

/// The rows of a result, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows(pub(crate) Vec<Vec<Cell>>);

/// What an engine answered: rows, or the message of its error.
pub(crate) type Outcome = Result<Rows, String>;

/// A float's one form.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    format!("{value:?}")
}

/// A value as an oracle prints it, in the one form of its type.
pub(crate) fn from_text(text: &str, ty: Type) -> Result<String, String> {
    Ok(match ty {
        Type::Bool => matches!(text, "t" | "true" | "True").to_string(),
        Type::Int2 | Type::Int4 | Type::Int8 | Type::Decimal | Type::Date | Type::Timestamp | Type::Instant => {
            canonical_number(text)
        }
        Type::Float => {
            let lower = text.to_lowercase();
            float_text(lower.parse::<f64>().map_err(|e| format!("{text} is no float: {e}"))?)
        }
        Type::Text | Type::Uuid => text.to_owned(),
        Type::Bytes => text.trim_start_matches("\\x").to_owned(),
    })
}

/// The rows of batches; signed zeros keep their sign when `signed_zeros`.
pub(crate) fn from_batches(batches: &[RecordBatch], types: &[Type]) -> Result<Rows, String> {
    let mut rows = Vec::new();
    for batch in batches {
        let mut columns = Vec::with_capacity(types.len());
        for (array, ty) in batch.columns().iter().zip(types) {
            columns.push(cells(array, *ty)?);
        }
        if columns.len() != types.len() {
            return Err(format!("{} columns instead of {}", batch.num_columns(), types.len()));
        }
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c[row].clone()).collect());
        }
    }
    Ok(Rows(rows))
}

fn cells(array: &ArrayRef, ty: Type) -> Result<Vec<Cell>, String> {
    let to = |data_type: &DataType| cast(array, data_type).map_err(|e| format!("{:?} as {data_type}: {e}", ty));
    let collect = |len: usize, get: &dyn Fn(usize) -> Cell| (0..len).map(get).collect::<Vec<_>>();
    Ok(match ty {
        Type::Float => {
            let array = to(&DataType::Float64)?;
            let values = array.as_primitive::<Float64Type>();
            collect(values.len(), &|i| values.is_valid(i).then(|| float_text(values.value(i))))
        }
        Type::Date => {
            let array = to(&DataType::Date32)?;
            let values = array.as_primitive::<Date32Type>();
            collect(values.len(), &|i| values.is_valid(i).then(|| values.value(i).to_string()))
        }
        Type::Timestamp | Type::Instant => {
            let array = to(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let values = array.as_primitive::<TimestampMicrosecondType>();
            collect(values.len(), &|i| values.is_valid(i).then(|| values.value(i).to_string()))
        }
        _ => {
            let format = ArrayFormatter::try_new(array, &FormatOptions::default()).map_err(|e| e.to_string())?;
            let mut all = Vec::with_capacity(array.len());
            for i in 0..array.len() {
                let text = array.is_valid(i).then(|| format.value(i).to_string());
                all.push(text.map(|t| from_text(&t, ty)).transpose()?);
            }
            all
        }
    })
}

impl Rows {
    /// The rows in an order that depends on nothing but their values.
    fn sorted(&self) -> Vec<Vec<Cell>> {
        let mut rows = self.0.clone();
        rows.sort();
        rows
    }

    fn without_zero_signs(&self) -> Rows {
        let mut rows = self.0.clone();
        for cell in rows.iter_mut().flatten().flatten().filter(|cell| *cell == "-0.0") {
            *cell = "0.0".to_owned();
        }
        Rows(rows)
    }
}

/// Whether both results hold the same rows: in the same order when `ordered`. An oracle's zeros have no sign, so that it may
/// order rows with them otherwise.
pub(crate) fn same(left: &Rows, right: &Rows, ordered: bool, oracle: bool) -> bool {
    if !oracle {
        return if ordered { left == right } else { left.sorted() == right.sorted() };
    }
    let (ours, theirs) = (left.without_zero_signs(), right.without_zero_signs());
    if ordered && ours == *left { ours == theirs } else { ours.sorted() == theirs.sorted() }
}

/// The rows for people: at most `most` of them.
pub(crate) fn show(outcome: &Outcome, most: usize) -> String {
    match outcome {
        Err(message) => format!("error: {message}"),
        Ok(rows) => {
            let sorted = rows.sorted();
            let line = |row: &Vec<Cell>| {
                let cells: Vec<String> =
                    row.iter().map(|c| c.as_ref().map_or("NULL".to_owned(), |t| format!("{t:?}"))).collect();
                format!("({})", cells.join(", "))
            };
            let lines: Vec<String> = sorted.iter().take(most).map(line).collect();
            format!("{} rows: {}", sorted.len(), lines.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[&str]) -> Rows {
        Rows(values.iter().map(|v| vec![Some((*v).to_owned())]).collect())
    }

    #[test]
    fn results_are_compared_as_multisets_unless_they_are_ordered() {
        assert!(same(&rows(&["1", "2"]), &rows(&["2", "1"]), false, false));
        assert!(!same(&rows(&["1", "2"]), &rows(&["2", "1"]), true, false));
        assert!(!same(&rows(&["1", "1", "2"]), &rows(&["1", "2", "2"]), false, false));
        assert!(same(&rows(&["-0.0"]), &rows(&["0.0"]), false, true));
        assert!(!same(&rows(&["-0.0"]), &rows(&["0.0"]), false, false));
        assert!(!same(&rows(&["1", "2"]), &rows(&["2", "1"]), true, true));
        assert!(same(&rows(&["-0.0", "0.0", "1"]), &rows(&["1", "0.0", "0.0"]), true, true));
    }

    #[test]
    fn texts_of_oracles_get_the_one_form() {
        assert_eq!(from_text("t", Type::Bool).unwrap(), "true");
        assert_eq!(from_text("1e3", Type::Float).unwrap(), "1000.0");
        assert_eq!(from_text("Infinity", Type::Float).unwrap(), "inf");
        assert_eq!(from_text("nan", Type::Float).unwrap(), "NaN");
        assert_eq!(from_text("12.5000", Type::Decimal).unwrap(), "12.5");
    }
}

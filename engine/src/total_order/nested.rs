//! `min` and `max` of lists, records and intervals, in the order in which ORDER BY puts them.
//!
//! DataFusion compares lists and records as scalars, which have no order when a list holds lists. Here values are compared in
//! arrow's row format: element by element, nulls inside of a value last, and the shorter of two lists first when it begins the
//! longer one. Intervals are compared by their length, and those of one length by their months, days and time.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use headwater_common::Error;
use headwater_source::ErrorExt;

use crate::functions::{INTERVAL, lengths};

/// Whether values of a type are compared here.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested() || *data_type == INTERVAL
}

/// Refuses types whose values have no order.
pub(super) fn check(function: &str, data_type: &DataType) -> Result<()> {
    let maps = |t: &DataType| matches!(t, DataType::Map(..) | DataType::Union(..));
    if contains(data_type, &maps) || !RowConverter::supports_fields(&[field(data_type)]) {
        return Err(Error::unsupported(format!(
            "{function} of {data_type} is not supported: maps have no order; use {function} of their keys or of one value"
        ))
        .into_datafusion());
    }
    Ok(())
}

fn contains(data_type: &DataType, what: &dyn Fn(&DataType) -> bool) -> bool {
    what(data_type)
        || match data_type {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                contains(item.data_type(), what)
            }
            DataType::Struct(fields) => fields.iter().any(|f| contains(f.data_type(), what)),
            _ => false,
        }
}

fn field(data_type: &DataType) -> SortField {
    SortField::new_with_options(data_type.clone(), SortOptions { descending: false, nulls_first: false })
}

/// What rows are made of: the length of an interval stands before it.
fn fields(data_type: &DataType) -> Vec<SortField> {
    match *data_type == INTERVAL {
        true => vec![field(&DataType::Decimal128(38, 0)), field(data_type)],
        false => vec![field(data_type)],
    }
}

/// A value and its place in the order.
#[derive(Debug)]
struct Placed {
    row: OwnedRow,
    value: ScalarValue,
}

/// The extreme value of a group, or of the frame of a window, from which the oldest values leave first.
#[derive(Debug)]
pub(super) struct Extreme {
    converter: RowConverter,
    null: ScalarValue,
    /// What a value's order to the best one is when it is better.
    better: Ordering,
    /// Values that are the best from some later row on, the best one of now first; each with the number of its row. Without a
    /// frame, only the first is kept.
    candidates: VecDeque<(u64, Placed)>,
    in_frame: bool,
    /// Rows that came in, and that left.
    added: u64,
    left: u64,
}

impl Extreme {
    /// Of values of a type; `in_frame` when values will leave again.
    pub(super) fn new(function: &str, data_type: &DataType, in_frame: bool) -> Result<Self> {
        check(function, data_type)?;
        Ok(Self {
            converter: RowConverter::new(fields(data_type))?,
            null: ScalarValue::try_from(data_type)?,
            better: if function == "max" { Ordering::Greater } else { Ordering::Less },
            candidates: VecDeque::new(),
            in_frame,
            added: 0,
            left: 0,
        })
    }

    fn take(&mut self, number: u64, placed: Placed) {
        if self.in_frame {
            while self.candidates.back().is_some_and(|(_, last)| last.row.cmp(&placed.row) != self.better) {
                self.candidates.pop_back();
            }
            self.candidates.push_back((number, placed));
        } else if self.candidates.front().is_none_or(|(_, best)| placed.row.cmp(&best.row) == self.better) {
            self.candidates.clear();
            self.candidates.push_back((number, placed));
        }
    }
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().ok_or_else(|| Error::internal("min and max take one value").into_datafusion())
}

impl Accumulator for Extreme {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = only(values)?;
        let rows = match *values.data_type() == INTERVAL {
            true => self.converter.convert_columns(&[lengths(values)?, Arc::clone(values)])?,
            false => self.converter.convert_columns(std::slice::from_ref(values))?,
        };
        for i in 0..values.len() {
            let number = self.added;
            self.added += 1;
            if values.is_null(i) {
                continue;
            }
            let row = rows.row(i);
            let placed = Placed { row: row.owned(), value: ScalarValue::try_from_array(values, i)? };
            self.take(number, placed);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.left += only(values)?.len() as u64;
        while self.candidates.front().is_some_and(|(number, _)| *number < self.left) {
            self.candidates.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.in_frame
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.candidates.front().map_or_else(|| self.null.clone(), |(_, best)| best.value.clone()))
    }

    fn size(&self) -> usize {
        let values = self.candidates.iter().map(|(_, p)| p.value.size() + p.row.as_ref().len()).sum::<usize>();
        size_of::<Self>() + self.converter.size() + values
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

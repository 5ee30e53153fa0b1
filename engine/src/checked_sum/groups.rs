//! The sums of many groups.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Int64Type, UInt64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::{STATE, results};

/// A sum for each group; a group without a value has none.
#[derive(Debug)]
pub(super) struct GroupSums {
    sums: Vec<i128>,
    seen: Vec<bool>,
    data_type: DataType,
}

impl GroupSums {
    pub(super) fn new(data_type: DataType) -> Self {
        Self { sums: Vec::new(), seen: Vec::new(), data_type }
    }

    fn add<T: ArrowPrimitiveType>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) where
        T::Native: Into<i128>,
    {
        self.sums.resize(total, 0);
        self.seen.resize(total, false);
        if filter.is_none() && values.null_count() == 0 {
            for (group, value) in groups.iter().zip(values.values()) {
                self.sums[*group] += (*value).into();
                self.seen[*group] = true;
            }
            return;
        }
        for (row, group) in groups.iter().enumerate() {
            if values.is_valid(row) && counts(filter, row) {
                self.sums[*group] += values.value(row).into();
                self.seen[*group] = true;
            }
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Option<i128>> {
        let (sums, seen) = (emit_to.take_needed(&mut self.sums), emit_to.take_needed(&mut self.seen));
        sums.into_iter().zip(seen).map(|(sum, seen)| seen.then_some(sum)).collect()
    }
}

/// Whether the filter of an aggregate lets a row through.
fn counts(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|f| f.is_valid(row) && f.value(row))
}

fn states(sums: Vec<Option<i128>>) -> Result<Vec<ArrayRef>> {
    Ok(vec![Arc::new(Decimal128Array::from(sums).with_data_type(STATE))])
}

fn widened<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, filter: Option<&BooleanArray>) -> Vec<Option<i128>>
where
    T::Native: Into<i128>,
{
    let value = |(row, value): (usize, Option<T::Native>)| value.filter(|_| counts(filter, row)).map(Into::into);
    values.iter().enumerate().map(value).collect()
}

impl GroupsAccumulator for GroupSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        for values in values.iter().take(1) {
            match self.data_type {
                DataType::UInt64 => self.add(values.as_primitive::<UInt64Type>(), groups, filter, total),
                _ => self.add(values.as_primitive::<Int64Type>(), groups, filter, total),
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        for values in values.iter().take(1) {
            self.add(values.as_primitive::<Decimal128Type>(), groups, None, total);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        results(self.take(emit_to), &self.data_type)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        states(self.take(emit_to))
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let widen = |values: &ArrayRef| match self.data_type {
            DataType::UInt64 => widened(values.as_primitive::<UInt64Type>(), filter),
            _ => widened(values.as_primitive::<Int64Type>(), filter),
        };
        states(values.first().map(widen).unwrap_or_default())
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.seen.capacity()
    }
}

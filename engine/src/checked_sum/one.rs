//! One sum at a time: without groups, and over windows.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;

use super::{result, sum_of};

/// The sum of some values, which can also leave again.
#[derive(Debug)]
pub(super) struct OneSum {
    sum: i128,
    /// Number of values; a sum of none is null.
    count: usize,
    data_type: DataType,
}

impl OneSum {
    pub(super) fn new(data_type: DataType) -> Self {
        Self { sum: 0, count: 0, data_type }
    }

    fn sum(&self) -> Option<i128> {
        (self.count > 0).then_some(self.sum)
    }
}

fn count(values: &ArrayRef) -> usize {
    values.len() - values.null_count()
}

impl Accumulator for OneSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().take(1) {
            self.sum += sum_of(values).unwrap_or(0);
            self.count += count(values);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values.iter().take(1) {
            self.sum -= sum_of(values).unwrap_or(0);
            self.count -= count(values);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for states in states.iter().take(1) {
            let sums = states.as_primitive::<Decimal128Type>();
            self.sum += sums.iter().flatten().sum::<i128>();
            self.count += count(states);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128(self.sum(), 38, 0)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        result(self.sum(), &self.data_type)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// DataFusion's set of distinct values with a sum that is checked.
#[derive(Debug)]
pub(super) struct DistinctSum {
    values: Box<dyn Accumulator>,
    data_type: DataType,
}

impl DistinctSum {
    pub(super) fn new(values: Box<dyn Accumulator>, data_type: DataType) -> Self {
        Self { values, data_type }
    }
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.values.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut all = OneSum::new(self.data_type.clone());
        for state in self.values.state()? {
            if let ScalarValue::List(list) = state {
                all.update_batch(&[list.value(0)])?;
            }
        }
        all.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.size()
    }
}

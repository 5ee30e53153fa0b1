//! `mode() WITHIN GROUP (ORDER BY x)`: the value that is there most often.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// The function.
pub(crate) fn function() -> Arc<AggregateUDF> {
    let description = "The value that is there most often; of several the first in the order.";
    let usage = "mode() WITHIN GROUP (ORDER BY x)";
    let documentation = Documentation::builder(DocSection::default(), description, usage).build();
    Arc::new(AggregateUDF::new_from_impl(Mode { signature: Signature::any(1, Volatility::Immutable), documentation }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mode {
    signature: Signature,
    documentation: Documentation,
}

fn missing() -> DataFusionError {
    Error::invalid("mode takes no arguments: mode() WITHIN GROUP (ORDER BY x)").into_datafusion()
}

impl AggregateUDFImpl for Mode {
    fn name(&self) -> &str {
        "mode"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(missing)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let value = args.input_fields.first().ok_or_else(missing)?.data_type().clone();
        let list = |name: &str, item: DataType| Arc::new(Field::new(name, DataType::new_list(item, true), true));
        Ok(vec![list("values", value), list("counts", DataType::UInt64)])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.order_bys.is_empty() {
            return Err(missing());
        }
        let data_type = args.expr_fields.first().ok_or_else(missing)?.data_type().clone();
        let descending = args.order_bys.first().is_some_and(|sort| sort.options.descending);
        Ok(Box::new(Counts { data_type, descending, distinct: args.is_distinct, counts: HashMap::new(), bytes: 0 }))
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// How often each value of a group is there.
#[derive(Debug)]
struct Counts {
    data_type: DataType,
    descending: bool,
    distinct: bool,
    counts: HashMap<ScalarValue, u64>,
    bytes: usize,
}

impl Counts {
    fn add(&mut self, value: ScalarValue, times: u64) {
        let bytes = value.size() + size_of::<u64>();
        let count = self.counts.entry(value).or_insert_with(|| {
            self.bytes += bytes;
            0
        });
        *count = if self.distinct { 1 } else { count.saturating_add(times) };
    }

    fn is_before(&self, one: &ScalarValue, other: &ScalarValue) -> bool {
        let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
        if self.descending { order.is_gt() } else { order.is_lt() }
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values.first().ok_or_else(missing)?;
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            self.add(ScalarValue::try_from_array(values, row)?, 1);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut best: Option<(&ScalarValue, u64)> = None;
        for (value, count) in &self.counts {
            let better = best.is_none_or(|(known, most)| *count > most || (*count == most && self.is_before(value, known)));
            if better {
                best = Some((value, *count));
            }
        }
        best.map_or_else(|| ScalarValue::try_from(&self.data_type), |(value, _)| Ok(value.clone()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (values, counts): (Vec<ScalarValue>, Vec<ScalarValue>) =
            self.counts.drain().map(|(value, count)| (value, ScalarValue::UInt64(Some(count)))).unzip();
        Ok(vec![
            ScalarValue::List(ScalarValue::new_list_nullable(&values, &self.data_type)),
            ScalarValue::List(ScalarValue::new_list_nullable(&counts, &DataType::UInt64)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, counts] = states else { return Err(missing()) };
        let (Some(values), Some(counts)) = (values.as_list_opt::<i32>(), counts.as_list_opt::<i32>()) else {
            return Err(missing());
        };
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let (values, counts) = (values.value(row), counts.value(row));
            let counts = counts.as_primitive_opt::<UInt64Type>().ok_or_else(missing)?;
            for at in 0..values.len() {
                self.add(ScalarValue::try_from_array(&values, at)?, counts.value(at));
            }
        }
        Ok(())
    }
}

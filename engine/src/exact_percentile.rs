//! `percentile_cont` with all the digits of floating point.
//!
//! DataFusion rounds the share of the gap between two values to six digits. Here the accumulators are DataFusion's, which keep every
//! value, and the result is `lo + (hi - lo) * share` in 64 bits, as in Postgres.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_aggregate::percentile_cont::PercentileCont;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Documentation, EmitTo, GroupsAccumulator, Signature,
};

/// The function.
pub(crate) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(ExactPercentile(PercentileCont::default())))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactPercentile(PercentileCont);

impl AggregateUDFImpl for ExactPercentile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (place, takes_values) = (Place::of(&args)?, !args.is_distinct);
        let inner = self.0.accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(One { inner, place, takes_values }),
            None => inner,
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let place = Place::of(&args)?;
        let inner = self.0.create_groups_accumulator(args)?;
        Ok(match place {
            Some(place) => Box::new(Groups { inner, place }),
            None => inner,
        })
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }
}

/// Which value of an order is asked for.
#[derive(Debug, Clone)]
struct Place {
    /// From 0 for the first to 1 for the last one.
    share: f64,
    descending: bool,
    data_type: DataType,
}

impl Place {
    /// `None` when the arguments are none that have a place; DataFusion says why.
    fn of(args: &AccumulatorArgs) -> Result<Option<Self>> {
        let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let share = match args.exprs.get(1).map(|share| share.evaluate(&empty)).transpose() {
            Ok(Some(ColumnarValue::Scalar(share))) => share.cast_to(&DataType::Float64)?,
            _ => return Ok(None),
        };
        let descending = args.order_bys.first().is_some_and(|sort| sort.options.descending);
        let data_type = args.expr_fields.first().map_or(DataType::Null, |field| field.data_type().clone());
        Ok(match share {
            ScalarValue::Float64(Some(share)) if !data_type.is_null() => Some(Self { share, descending, data_type }),
            _ => None,
        })
    }

    /// The value at the place, in the order of `total_cmp`, in which NaN is the largest; `None` of no values.
    fn value(&self, values: &ArrayRef) -> Result<Option<f64>> {
        let values = cast(values, &DataType::Float64)?;
        let mut values: Vec<f64> = values.as_primitive::<Float64Type>().iter().flatten().collect();
        let order = |a: &f64, b: &f64| if self.descending { b.total_cmp(a) } else { a.total_cmp(b) };
        let place = self.share * values.len().saturating_sub(1) as f64;
        let below = place.floor();
        if values.is_empty() {
            return Ok(None);
        }
        // A place is at most the number of values, which fits.
        let (_, low, above) = values.select_nth_unstable_by(below as usize, order);
        let low = *low;
        if place == below {
            return Ok(Some(low));
        }
        let high = above.iter().copied().min_by(order).unwrap_or(low);
        Ok(Some(low + (high - low) * (place - below)))
    }
}

/// One percentile at a time: without groups, and over windows.
#[derive(Debug)]
struct One {
    inner: Box<dyn Accumulator>,
    place: Place,
    /// Whether the state takes the values out of the accumulator; that of DISTINCT does not.
    takes_values: bool,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    /// The values are put back: a window goes on with them.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let states = self.inner.state()?;
        let states = states.iter().map(|state| state.to_array()).collect::<Result<Vec<_>>>()?;
        let value = match states.first().and_then(|state| state.as_list_opt::<i32>()) {
            Some(lists) if !lists.is_empty() => self.place.value(&lists.value(0))?,
            _ => None,
        };
        if self.takes_values {
            self.inner.merge_batch(&states)?;
        }
        ScalarValue::Float64(value).cast_to(&self.place.data_type)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.size()
    }
}

/// A percentile a group.
struct Groups {
    inner: Box<dyn GroupsAccumulator>,
    place: Place,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.inner.update_batch(values, groups, filter, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let states = self.inner.state(emit_to)?;
        let mut values = Vec::new();
        for lists in states.iter().take(1) {
            let lists = lists.as_list::<i32>();
            for row in 0..lists.len() {
                values.push(if lists.is_null(row) { None } else { self.place.value(&lists.value(row))? });
            }
        }
        Ok(cast(&Float64Array::from(values), &self.place.data_type)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(values, groups, total)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.inner.size()
    }
}

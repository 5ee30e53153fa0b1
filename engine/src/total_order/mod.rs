//! `min` and `max` of floating point that are the same in groups as without them.
//!
//! DataFusion's groups begin with the largest finite number, so the smallest of nothing but infinities would be that number, and
//! a NaN makes them forget what came before it. Without groups it compares by the total order, where NaN is the largest. Here
//! groups of floating point are computed that way too, and lists, records and intervals by [`nested`]; all other types are
//! DataFusion's.

mod nested;

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_aggregate::min_max::{Max, Min};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, GroupsAccumulator, ReversedUDAF, SetMonotonicity,
    Signature, StatisticsArgs,
};

/// The functions.
pub(crate) fn functions() -> [Arc<AggregateUDF>; 2] {
    let min = AggregateUDF::new_from_impl(TotalOrder(Min::default()));
    [Arc::new(min), Arc::new(AggregateUDF::new_from_impl(TotalOrder(Max::default())))]
}

/// One of the two functions.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TotalOrder<F>(F);

impl<F: AggregateUDFImpl + Debug + PartialEq + Eq + Hash + 'static> AggregateUDFImpl for TotalOrder<F> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        if let [nested] = types
            && nested::is_nested(nested)
        {
            nested::check(self.name(), nested)?;
        }
        self.0.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type();
        if nested::is_nested(data_type) {
            return Ok(Box::new(nested::Extreme::new(self.name(), data_type, false)?));
        }
        self.0.accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        let data_type = args.return_field.data_type();
        !data_type.is_floating() && !nested::is_nested(data_type) && self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.0.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let data_type = args.return_field.data_type();
        if nested::is_nested(data_type) {
            return Ok(Box::new(nested::Extreme::new(self.name(), data_type, true)?));
        }
        self.0.create_sliding_accumulator(args)
    }

    fn is_descending(&self) -> Option<bool> {
        self.0.is_descending()
    }

    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        // Statistics are put together by an order that lists and intervals do not have.
        if nested::is_nested(args.return_type) {
            return None;
        }
        self.0.value_from_stats(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.0.set_monotonicity(data_type)
    }
}

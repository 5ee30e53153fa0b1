//! `mode() WITHIN GROUP (ORDER BY x)`, the value that is there most often, and `percentile_disc(share)`, the first value that at least this
//! share of all is not after.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, UInt64Type};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, DocSection, Documentation, Signature, Volatility,
};
use headwater_common::Error;
use headwater_source::ErrorExt;

const MODE: &str = "mode";
const PERCENTILE_DISC: &str = "percentile_disc";

/// The functions.
pub(crate) fn functions() -> [Arc<AggregateUDF>; 2] {
    let function = |name, arguments, usage, description| {
        let documentation = Documentation::builder(DocSection::default(), description, usage).build();
        let signature = Signature::any(arguments, Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(OrderedSet { name, usage, signature, documentation }))
    };
    [
        function(
            MODE,
            1,
            "mode() WITHIN GROUP (ORDER BY x)",
            "The value that is there most often; of several the first in the order.",
        ),
        function(
            PERCENTILE_DISC,
            2,
            "percentile_disc(share) WITHIN GROUP (ORDER BY x)",
            "The first value in the order that at least this share of the values is not after.",
        ),
    ]
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OrderedSet {
    name: &'static str,
    usage: &'static str,
    signature: Signature,
    documentation: Documentation,
}

fn missing() -> DataFusionError {
    Error::internal("an aggregate has other arguments than it was planned with").into_datafusion()
}

impl OrderedSet {
    fn misused(&self) -> DataFusionError {
        Error::invalid(format!("{} is called as {}", self.name, self.usage)).into_datafusion()
    }

    /// The share of values that is asked for.
    fn share(&self, args: &AccumulatorArgs) -> Result<Option<f64>> {
        let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let Ok(Some(ColumnarValue::Scalar(share))) = args.exprs.get(1).map(|share| share.evaluate(&empty)).transpose()
        else {
            return Err(self.misused());
        };
        match share.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(Some(share)) if (0.0..=1.0).contains(&share) => Ok(Some(share)),
            share if share.is_null() => Ok(None),
            _ => Err(Error::invalid("percentile_disc takes a share from 0 to 1").into_datafusion()),
        }
    }
}

impl AggregateUDFImpl for OrderedSet {
    fn name(&self) -> &str {
        self.name
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
            return Err(self.misused());
        }
        let wanted = match self.name {
            PERCENTILE_DISC => self.share(&args)?.map_or(Wanted::Nothing, Wanted::Share),
            _ => Wanted::MostOften,
        };
        let data_type = args.expr_fields.first().ok_or_else(missing)?.data_type().clone();
        let descending = args.order_bys.first().is_some_and(|sort| sort.options.descending);
        Ok(Box::new(Counts { wanted, data_type, descending, distinct: args.is_distinct, counts: HashMap::new(), bytes: 0 }))
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// Which value of a group is asked for.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    MostOften,
    /// The first that this share of all is not after.
    Share(f64),
    Nothing,
}

/// How often each value of a group is there.
#[derive(Debug)]
struct Counts {
    wanted: Wanted,
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

    fn order(&self, one: &ScalarValue, other: &ScalarValue) -> Ordering {
        let order = one.partial_cmp(other).unwrap_or(Ordering::Equal);
        if self.descending { order.reverse() } else { order }
    }

    fn most_often(&self) -> Option<&ScalarValue> {
        let first = |one: &(&ScalarValue, &u64), other: &(&ScalarValue, &u64)| {
            one.1.cmp(other.1).then_with(|| self.order(other.0, one.0))
        };
        self.counts.iter().max_by(first).map(|(value, _)| value)
    }

    fn at_share(&self, share: f64) -> Option<&ScalarValue> {
        let mut sorted: Vec<(&ScalarValue, &u64)> = self.counts.iter().collect();
        sorted.sort_by(|one, other| self.order(one.0, other.0));
        let all: u64 = sorted.iter().map(|(_, count)| **count).sum();
        let mut passed = 0;
        let reached = sorted.iter().find(|(_, count)| {
            passed += **count;
            passed as f64 >= share * all as f64
        });
        reached.map(|(value, _)| *value)
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
        let found = match self.wanted {
            Wanted::MostOften => self.most_often(),
            Wanted::Share(share) => self.at_share(share),
            Wanted::Nothing => None,
        };
        found.map_or_else(|| ScalarValue::try_from(&self.data_type), |value| Ok(value.clone()))
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

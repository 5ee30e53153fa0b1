//! `avg`, also of intervals.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::functions_aggregate::average::Avg;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Coercion, Documentation, GroupsAccumulator, ReversedUDAF, Signature, TypeSignature,
    TypeSignatureClass,
};

use super::intervals::{self, Lengths, is_length};
use crate::functions::INTERVAL;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct CheckedMean {
    inner: Avg,
    signature: Signature,
}

impl Default for CheckedMean {
    fn default() -> Self {
        let inner = Avg::default();
        let mut signature = inner.signature().clone();
        if let TypeSignature::OneOf(all) = &mut signature.type_signature {
            all.push(TypeSignature::Coercible(vec![Coercion::new_exact(TypeSignatureClass::Interval)]));
        }
        Self { inner, signature }
    }
}

impl AggregateUDFImpl for CheckedMean {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [interval] if *interval == INTERVAL => Ok(INTERVAL),
            types => self.inner.return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type();
        if is_length(result) && !args.is_distinct {
            return Ok(Box::new(Lengths::mean(result.clone())));
        }
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if is_length(args.return_type()) && !args.is_distinct {
            return Ok(intervals::state_fields(args.name));
        }
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !is_length(args.return_field.data_type()) && self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.inner.reverse_expr()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

//! The logical node of a function of a model.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;
use headwater_common::Error;

use super::call::ModelCall;
use crate::error::outward;
use crate::table::check_names;

/// A function of a model over its input. Conditions on columns that are passed on are pushed below it when each row is computed
/// by itself.
#[derive(Debug, Clone)]
pub(crate) struct ModelNode {
    call: Arc<ModelCall>,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl ModelNode {
    /// The node of a call. Errors: two columns of the result have one name.
    pub(crate) fn new(call: ModelCall, input: LogicalPlan) -> Result<Self> {
        check_names(call.name, &call.schema)?;
        let schema = Arc::new(DFSchema::try_from(Arc::clone(&call.schema))?);
        Ok(Self { call: Arc::new(call), input, schema })
    }

    /// The function.
    pub(crate) fn call(&self) -> &Arc<ModelCall> {
        &self.call
    }

    fn key(&self) -> (&'static str, &str) {
        (self.call.name, &self.call.text)
    }
}

impl PartialEq for ModelNode {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.call.schema == other.call.schema && self.input == other.input
    }
}

impl Eq for ModelNode {}

impl Hash for ModelNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for ModelNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.key().cmp(&other.key()) {
            Ordering::Equal => self.input.partial_cmp(&other.input),
            different => Some(different),
        }
    }
}

impl UserDefinedLogicalNodeCore for ModelNode {
    fn name(&self) -> &str {
        self.call.name
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.schema.fields().iter().skip(self.call.passed).map(|f| f.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name, self.call.text)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.pop() else {
            return Err(outward(Error::internal(format!("{} lost its input", self.call.name))));
        };
        // DataFusion pushes every condition without columns down, also one that chooses among the rows of the result.
        if self.call.passed == 0
            && let LogicalPlan::Filter(filter) = &input
            && *filter.input == self.input
        {
            return Err(outward(Error::unsupported(format!(
                "a condition that uses no column of {0} cannot stand over it; put {0} into a query of its own",
                self.call.name
            ))));
        }
        Ok(Self { call: Arc::clone(&self.call), input, schema: Arc::clone(&self.schema) })
    }
}

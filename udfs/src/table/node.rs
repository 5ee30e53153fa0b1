//! The logical node of a table function.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::prelude::Expr;
use headwater_common::Error;

use super::Call;
use crate::error::outward;

/// Refuses a result of a function in which two columns have one name.
pub(crate) fn check_names(function: &str, schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.fields().iter().find(|f| !seen.insert(f.name().as_str())) {
        Some(twice) => Err(outward(Error::invalid(format!(
            "the result of {function} would have two columns \"{}\"; rename the column of the input in a query",
            twice.name()
        )))),
        None => Ok(()),
    }
}

/// A table function over its input, which has exactly the columns that the function needs.
///
/// Conditions on the ids are pushed below it: a group is computed by itself, whatever other groups there are.
#[derive(Debug, Clone)]
pub(crate) struct GroupNode {
    name: &'static str,
    arguments: String,
    call: Arc<Call>,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl GroupNode {
    /// The node of a call. Names of columns that occur twice in the result are an error.
    pub(crate) fn new(name: &'static str, arguments: String, call: Arc<Call>, input: LogicalPlan) -> Result<Self> {
        check_names(name, &call.schema)?;
        let schema = Arc::new(DFSchema::try_from(Arc::clone(&call.schema))?);
        Ok(Self { name, arguments, call, input, schema })
    }

    /// The function and its columns.
    pub(crate) fn call(&self) -> &Arc<Call> {
        &self.call
    }

    /// The call as text.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.name, self.arguments)
    }
}

impl PartialEq for GroupNode {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.arguments == other.arguments
            && self.call.schema == other.call.schema
            && self.input == other.input
    }
}

impl Eq for GroupNode {}

impl Hash for GroupNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.arguments.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for GroupNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let key = |node: &Self| (node.name, node.arguments.clone());
        match key(self).cmp(&key(other)) {
            Ordering::Equal => self.input.partial_cmp(&other.input),
            different => Some(different),
        }
    }
}

impl UserDefinedLogicalNodeCore for GroupNode {
    fn name(&self) -> &str {
        self.name
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
        let ids: Vec<&String> = self.input.schema().fields().iter().take(self.call.ids).map(|f| f.name()).collect();
        self.schema.fields().iter().map(|f| f.name()).filter(|name| !ids.contains(name)).cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.pop() else {
            return Err(outward(Error::internal(format!("{} lost its input", self.name))));
        };
        // DataFusion pushes every condition without columns down, also one that chooses among the rows of the result.
        if let LogicalPlan::Filter(filter) = &input
            && filter.predicate.is_volatile()
            && *filter.input == self.input
        {
            return Err(outward(Error::unsupported(format!(
                "a condition that is computed anew for every row, such as random() < 0.5, cannot stand over {}",
                self.name
            ))));
        }
        Ok(Self { input, ..self.clone() })
    }
}

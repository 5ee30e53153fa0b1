//! A statement that is planned and can run many times.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;
use headwater_common::{Error, Result};

use crate::error::classify;
use crate::explain;
use crate::source_statement::SourceStatement;

/// A planned statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) inner: Arc<PreparedInner>,
}

#[derive(Debug)]
pub(crate) struct PreparedInner {
    pub(crate) sql: String,
    pub(crate) work: Work,
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: SchemaRef,
    /// Numbers of the parameters that take a value of any type, from 0.
    untyped: Vec<usize>,
    /// Size of the statement, which decides how its plan is made.
    pub(crate) tokens: usize,
}

/// What a statement does.
#[derive(Debug)]
pub(crate) enum Work {
    /// A query, an EXPLAIN or a change of rows.
    Plan(LogicalPlan),
    /// EXPLAIN (PUSHDOWN) of a query.
    PushDown(LogicalPlan),
    /// CREATE, DROP or REFRESH SOURCE.
    Source(SourceStatement),
    /// SET or RESET of a session's setting; `None` resets it.
    Set(String, Option<String>),
}

impl Prepared {
    pub(crate) fn new(sql: &str, work: Work, tokens: usize) -> Result<Self> {
        let (schema, (parameters, untyped)) = match &work {
            Work::Plan(plan) => (output_schema(plan), parameter_schema(plan)?),
            Work::PushDown(plan) => (explain::schema(), parameter_schema(plan)?),
            _ => (count_schema(), (Arc::new(Schema::empty()), Vec::new())),
        };
        Ok(Self { inner: Arc::new(PreparedInner { sql: sql.to_owned(), work, schema, parameters, untyped, tokens }) })
    }

    /// The statement's text as it was given.
    pub fn sql(&self) -> &str {
        &self.inner.sql
    }

    /// Schema of the result. A statement that changes something returns one `count` column of type `UInt64`.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.inner.schema)
    }

    /// One field `$1`, `$2`, ... for each parameter, with the type the statement wants, or `Utf8` when any type will do.
    pub fn parameter_schema(&self) -> SchemaRef {
        Arc::clone(&self.inner.parameters)
    }

    /// Whether a parameter (from 0) takes a value of any type, which then decides the types of the result.
    pub fn takes_any_type(&self, parameter: usize) -> bool {
        self.inner.untyped.contains(&parameter)
    }

    /// Schema of the result with these parameters, which differs from [`Prepared::schema`] only where a parameter takes a value
    /// of any type.
    pub fn schema_with(&self, parameters: &[ScalarValue]) -> Result<SchemaRef> {
        match &self.inner.work {
            Work::Plan(plan) if !self.inner.untyped.is_empty() => {
                let values = ParamValues::from(parameters.to_vec());
                plan.clone().with_param_values(values).map(|plan| output_schema(&plan)).map_err(classify)
            }
            _ => Ok(self.schema()),
        }
    }

    /// Whether the statement changes something instead of returning rows.
    pub fn is_update(&self) -> bool {
        match &self.inner.work {
            Work::Plan(plan) => matches!(plan, LogicalPlan::Dml(_)),
            Work::PushDown(_) => false,
            Work::Source(_) | Work::Set(..) => true,
        }
    }
}

/// Schema of the result of a statement that changes something.
pub(crate) fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]))
}

fn output_schema(plan: &LogicalPlan) -> SchemaRef {
    match plan {
        LogicalPlan::Dml(_) => count_schema(),
        other => Arc::new(other.schema().as_arrow().clone()),
    }
}

/// The parameters, and which of them take a value of any type.
fn parameter_schema(plan: &LogicalPlan) -> Result<(SchemaRef, Vec<usize>)> {
    let found = plan.get_parameter_types().map_err(classify)?;
    let mut by_number = BTreeMap::new();
    for (name, data_type) in found {
        let number: usize = name
            .strip_prefix('$')
            .and_then(|n| n.parse().ok())
            .filter(|n| *n > 0 && *n <= 65_535)
            .ok_or_else(|| Error::invalid(format!("parameter {name} is not supported; use ? or $1, $2, ...")))?;
        by_number.insert(number, data_type.filter(|t| *t != DataType::Null));
    }
    let count = by_number.keys().next_back().copied().unwrap_or(0);
    if count > by_number.len() {
        let missing = (1..=count).find(|n| !by_number.contains_key(n)).unwrap_or(1);
        return Err(Error::invalid(format!("parameter ${missing} is missing; number parameters from $1 without gaps")));
    }
    let untyped = by_number.iter().filter(|(_, t)| t.is_none()).map(|(n, _)| n - 1).collect();
    let fields = by_number.into_iter().map(|(n, t)| Field::new(format!("${n}"), t.unwrap_or(DataType::Utf8), true));
    Ok((Arc::new(Schema::new(fields.collect::<Vec<_>>())), untyped))
}

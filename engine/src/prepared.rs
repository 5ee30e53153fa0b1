//! A statement that is planned and can run many times.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{Expr, LogicalPlan};
use headwater_common::{Error, Result};
use headwater_optimizer::ExactLiterals;

use crate::constant_row;
use crate::error::classify;
use crate::look_up::LookUp;
use crate::models::ModelStatement;
use crate::source_statement::SourceStatement;
use crate::{explain, explain_rewrites};

/// A planned statement.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(crate) inner: Arc<PreparedInner>,
}

pub(crate) struct PreparedInner {
    pub(crate) sql: String,
    pub(crate) work: Work,
    pub(crate) schema: SchemaRef,
    pub(crate) parameters: SchemaRef,
    /// What the statement was planned with.
    state: Arc<SessionState>,
    /// Numbers of the parameters that take a value of any type, from 0.
    untyped: Vec<usize>,
    /// Size of the statement, which decides how its plan is made.
    pub(crate) tokens: usize,
    /// Its text without constants, once it was needed.
    shape: OnceLock<Option<Arc<str>>>,
    /// What is known of it as a look-up of one row, once it ran.
    look_up: OnceLock<Option<LookUp>>,
}

impl fmt::Debug for PreparedInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("sql", &self.sql).field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What a statement does.
#[derive(Debug)]
pub(crate) enum Work {
    /// A query, an EXPLAIN or a change of rows.
    Plan(LogicalPlan),
    /// EXPLAIN (PUSHDOWN) of a query.
    PushDown(LogicalPlan),
    /// EXPLAIN (REWRITES) of a query.
    Rewrites(LogicalPlan),
    /// CREATE, DROP or REFRESH SOURCE.
    Source(SourceStatement),
    /// DROP MODEL or ALTER MODEL.
    Model(ModelStatement),
    /// SET or RESET of a session's setting; `None` resets it.
    Set(String, Option<String>),
}

impl Prepared {
    pub(crate) fn new(sql: &str, work: Work, tokens: usize, state: &Arc<SessionState>) -> Result<Self> {
        let (schema, (parameters, untyped)) = match &work {
            Work::Plan(plan) => {
                let parameters = parameter_schema(plan)?;
                (output_schema(plan, state, !parameters.0.fields().is_empty())?, parameters)
            }
            Work::PushDown(plan) => (explain::schema(), parameter_schema(plan)?),
            Work::Rewrites(plan) => (explain_rewrites::schema(), parameter_schema(plan)?),
            _ => (count_schema(), (Arc::new(Schema::empty()), Vec::new())),
        };
        Ok(Self {
            inner: Arc::new(PreparedInner {
                sql: sql.to_owned(),
                work,
                schema,
                parameters,
                untyped,
                tokens,
                state: Arc::clone(state),
                shape: OnceLock::new(),
                look_up: OnceLock::new(),
            }),
        })
    }

    /// The statement's text as it was given.
    pub fn sql(&self) -> &str {
        &self.inner.sql
    }

    /// The statement's text without constants; `None` when it has none, or too many to read.
    pub(crate) fn shape(&self) -> Option<Arc<str>> {
        let shape = self.inner.shape.get_or_init(|| crate::plan_guard::shape(&self.inner.sql).map(Arc::from));
        shape.as_ref().map(Arc::clone)
    }

    /// The statement as a look-up of one row, if it is one.
    pub(crate) fn look_up(&self) -> Option<&LookUp> {
        let known = self.inner.look_up.get_or_init(|| match &self.inner.work {
            Work::Plan(plan) => LookUp::of(plan, self.inner.parameters.fields().len()),
            _ => None,
        });
        known.as_ref()
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

    /// Whether a parameter (from 0) may be of this type although the statement wants another one: it is only compared, and values
    /// of both types can be.
    pub fn compares_as(&self, parameter: usize, given: &DataType) -> Result<bool> {
        let (Work::Plan(plan) | Work::PushDown(plan) | Work::Rewrites(plan)) = &self.inner.work else { return Ok(false) };
        let Some(field) = self.inner.parameters.fields().get(parameter) else { return Ok(false) };
        if !ExactLiterals::are_comparable(given, field.data_type()) {
            return Ok(false);
        }
        let compared = ExactLiterals::compared_parameters(plan).map_err(classify)?;
        Ok(compared.contains(field.name()))
    }

    /// Schema of the result with these parameters, which differs from [`Prepared::schema`] only where a parameter takes a value
    /// of any type.
    pub fn schema_with(&self, parameters: &[ScalarValue]) -> Result<SchemaRef> {
        match &self.inner.work {
            Work::Plan(plan) if !self.inner.untyped.is_empty() => {
                let values = ParamValues::from(parameters.to_vec());
                let plan = plan.clone().with_param_values(values).map_err(classify)?;
                output_schema(&plan, &self.inner.state, false)
            }
            _ => Ok(self.schema()),
        }
    }

    /// Whether its result is one row of constants.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(&self.inner.work, Work::Plan(plan) if constant_row::of(plan).is_some())
    }

    pub(crate) fn is_prepared_with(&self, state: &Arc<SessionState>) -> bool {
        Arc::ptr_eq(&self.inner.state, state)
    }

    /// Whether the statement changes something instead of returning rows.
    pub fn is_update(&self) -> bool {
        match &self.inner.work {
            Work::Plan(plan) => matches!(plan, LogicalPlan::Dml(_)),
            Work::PushDown(_) | Work::Rewrites(_) => false,
            Work::Source(_) | Work::Model(_) | Work::Set(..) => true,
        }
    }
}

/// Schema of the result of a statement that changes something.
pub(crate) fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]))
}

/// The schema of a plan's rows when it runs: a UNION or CASE gets the type of all its branches from the analyzer only. A parameter
/// whose type is open may be more than it can tell.
fn output_schema(plan: &LogicalPlan, state: &SessionState, has_parameters: bool) -> Result<SchemaRef> {
    if matches!(plan, LogicalPlan::Dml(_)) {
        return Ok(count_schema());
    }
    if constant_row::of(plan).is_none() {
        match state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {}) {
            Ok(analyzed) => return Ok(Arc::new(analyzed.schema().as_arrow().clone())),
            Err(error) if !has_parameters => return Err(classify(error)),
            Err(_) => {}
        }
    }
    Ok(Arc::new(plan.schema().as_arrow().clone()))
}

/// The parameters, and which of them take a value of any type.
fn parameter_schema(plan: &LogicalPlan) -> Result<(SchemaRef, Vec<usize>)> {
    let mut by_number = BTreeMap::new();
    for (name, data_type) in parameter_types(plan)? {
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

/// The type of each parameter, by its name. One that stands in several places has the type to which those of all of them extend.
pub(crate) fn parameter_types(plan: &LogicalPlan) -> Result<BTreeMap<String, Option<DataType>>> {
    let mut found: BTreeMap<String, Vec<DataType>> = BTreeMap::new();
    let mut note = |expr: &Expr| {
        if let Expr::Placeholder(Placeholder { id, field }) = expr {
            let types = found.entry(id.clone()).or_default();
            match field.as_ref().map(|f| f.data_type().clone()) {
                Some(data_type) if types.contains(&data_type) => {}
                Some(data_type) => types.push(data_type),
                // A place that takes any type decides the type of the result.
                None => types.clear(),
            }
        }
    };
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                note(expr);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(classify)?;
    found.into_iter().map(|(name, types)| Ok((name.clone(), common_type(&name, types)?))).collect()
}

/// The values that are of another type than the statement wants and are compared as they are, by the name of their parameter.
pub(crate) fn of_own_type(plan: &LogicalPlan, values: &[ScalarValue]) -> Result<BTreeMap<String, ScalarValue>> {
    let wanted = parameter_types(plan)?;
    let named = values.iter().enumerate().map(|(i, value)| (format!("${}", i + 1), value));
    let mut own: BTreeMap<_, _> = named
        .filter(|(name, value)| {
            let wanted = wanted.get(name).and_then(Option::as_ref);
            let given = value.data_type();
            !value.is_null() && wanted.is_some_and(|t| *t != given && ExactLiterals::are_comparable(&given, t))
        })
        .map(|(name, value)| (name, value.clone()))
        .collect();
    if !own.is_empty() {
        let compared = ExactLiterals::compared_parameters(plan).map_err(classify)?;
        own.retain(|name, _| compared.contains(name));
    }
    Ok(own)
}

fn common_type(name: &str, types: Vec<DataType>) -> Result<Option<DataType>> {
    let mut all = types.into_iter();
    let Some(first) = all.next() else { return Ok(None) };
    let join = |one: DataType, other: DataType| {
        let number = |t: &DataType| t.is_numeric() || t.is_null();
        let alike = (number(&one) && number(&other)) || (!number(&one) && !number(&other));
        let common = if alike { comparison_coercion(&one, &other) } else { None };
        common.ok_or_else(|| {
            Error::invalid(format!(
                "parameter {name} is used as {one} and as {other}; name its type, as in CAST({name} AS BIGINT)"
            ))
        })
    };
    all.try_fold(first, join).map(Some)
}

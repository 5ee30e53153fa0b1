//! From `FORECAST(TABLE t, name => value)` to a node over the columns that the function needs.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, TableAlias, TableFactor,
};
use headwater_common::Error;

use super::node::GroupNode;
use super::{Arguments, Call, DEFINITIONS, Definition};
use crate::error::outward;

/// Column that tells the rows of the second table from those of the first.
const SECOND: &str = "__second";

/// Plans the calls of table functions.
#[derive(Debug)]
pub(crate) struct TableFunctions;

impl RelationPlanner for TableFunctions {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> Result<RelationPlanning> {
        let (definition, arguments, alias) = match relation {
            TableFactor::Table { ref name, args: Some(ref args), ref alias, .. } => match definition(name) {
                Some(found) => (found, args.args.clone(), alias.clone()),
                None => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            TableFactor::Function { ref name, ref args, ref alias, .. } => match definition(name) {
                Some(found) => (found, args.clone(), alias.clone()),
                None => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let plan = plan(definition, arguments, context)?;
        let alias: Option<TableAlias> = alias;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

fn definition(name: &ObjectName) -> Option<&'static Definition> {
    let [part] = name.0.as_slice() else { return None };
    let ident = part.as_ident()?;
    DEFINITIONS.iter().find(|d| d.name.eq_ignore_ascii_case(&ident.value))
}

fn plan(
    definition: &'static Definition,
    arguments: Vec<FunctionArg>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let (queries, named) = split(definition, arguments).map_err(outward)?;
    let mut inputs = Vec::new();
    for query in queries {
        let derived = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: None, sample: None };
        let input = context.plan(derived)?;
        if !input.all_out_ref_exprs().is_empty() {
            return Err(outward(Error::unsupported(format!(
                "the query of {} cannot use columns of other tables; name what tells the series apart in id_cols",
                definition.name
            ))));
        }
        inputs.push(input);
    }
    let normalize = |name: &Ident| context.normalize_ident(name.clone());
    let arguments = Arguments::read(definition.name, definition.arguments, named, normalize).map_err(outward)?;
    let fields: Vec<Arc<Field>> = inputs[0].schema().fields().iter().map(Arc::clone).collect();
    let call = (definition.bind)(&arguments, &fields).map_err(outward)?;
    let two = inputs.len() > 1;
    let mut parts = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let columns = if number == 0 {
            call.columns.clone()
        } else {
            same_columns(&call, &fields, input, definition).map_err(outward)?
        };
        parts.push(needed(input, &columns, two.then_some(number > 0))?);
    }
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Err(outward(needs_table(definition))) };
    let input = parts.try_fold(first, |all, part| LogicalPlanBuilder::from(all).union(part)?.build())?;
    let node = GroupNode::new(definition.name, arguments.to_string(), Arc::new(call), input)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
}

fn needs_table(definition: &Definition) -> Error {
    Error::invalid(format!(
        "{0} takes a table or a query first: {0}(TABLE t, ...) or {0}((SELECT ...), ...)",
        definition.name
    ))
}

/// The queries at the front, and the arguments after them.
fn split(definition: &Definition, arguments: Vec<FunctionArg>) -> Result<(Vec<Query>, Vec<FunctionArg>), Error> {
    let (mut queries, mut named) = (Vec::new(), Vec::new());
    for argument in arguments {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(query))) if named.is_empty() => {
                queries.push(*query)
            }
            other => named.push(other),
        }
    }
    let most = if definition.second_table { 2 } else { 1 };
    if queries.is_empty() {
        return Err(needs_table(definition));
    }
    if queries.len() > most {
        return Err(Error::invalid(format!("{} takes {most} table or query, not {}", definition.name, queries.len())));
    }
    Ok((queries, named))
}

/// The columns of the second table that have the names and types of those needed of the first.
fn same_columns(
    call: &Call,
    fields: &[Arc<Field>],
    input: &LogicalPlan,
    definition: &Definition,
) -> Result<Vec<usize>, Error> {
    let found = call.columns.iter().map(|place| {
        let wanted = &fields[*place];
        let at = input.schema().fields().iter().position(|f| f.name() == wanted.name());
        let at = at.ok_or_else(|| {
            Error::invalid(format!("the second table of {} has no column \"{}\"", definition.name, wanted.name()))
        })?;
        let other = input.schema().field(at);
        if other.data_type() != wanted.data_type() {
            return Err(Error::invalid(format!(
                "column \"{}\" is {} in the first table of {} and {} in the second; cast one of them",
                wanted.name(),
                wanted.data_type(),
                definition.name,
                other.data_type()
            )));
        }
        Ok(at)
    });
    found.collect()
}

/// The needed columns under their own names, without qualifiers, and the mark of the second table.
pub(crate) fn needed(input: &LogicalPlan, columns: &[usize], second: Option<bool>) -> Result<LogicalPlan> {
    let schema = input.schema();
    let mut exprs: Vec<Expr> = columns
        .iter()
        .map(|place| {
            let (qualifier, field) = schema.qualified_field(*place);
            Expr::Column(Column::new(qualifier.cloned(), field.name())).alias(field.name())
        })
        .collect();
    exprs.extend(second.map(|second| lit(second).alias(SECOND)));
    LogicalPlanBuilder::from(input.clone()).project(exprs)?.build()
}

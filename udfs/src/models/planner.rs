//! From `ML_PREDICT(MODEL => 'm', TABLE t)` and the like to nodes and tables.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Field;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, TableFactor, Value,
};
use headwater_common::Error;

use super::call::ModelCall;
use super::library::{Library, Loaded};
use super::node::ModelNode;
use super::resolve::{Named, reference};
use super::{evaluate, explain, forecast, leaderboard, predict, train};
use crate::error::outward;
use crate::table::{Arguments, Call, GroupNode, Spec, needed};

/// The function that a statement CREATE MODEL becomes.
pub(crate) const TRAIN: &str = "__create_model";
/// The functions of stored models.
pub(crate) const FUNCTIONS: &[&str] = &[predict::NAME, evaluate::NAME, explain::NAME, leaderboard::NAME, forecast::NAME];

/// `MODEL`, which is read before planning.
pub(crate) const MODEL: Spec = Spec { name: "model", wanted: "the name of a model, such as 'churn' or 'churn@3'" };
/// `version`, which is read before planning.
pub(crate) const VERSION: Spec = Spec { name: "version", wanted: "the number of a version" };

/// What a call becomes.
pub(crate) enum Relation {
    /// Rows that are known already.
    Rows(RecordBatch),
    /// A function over the query.
    Call(ModelCall),
    /// A function over what another, whose arguments are the text, gives for each series of the query.
    OfSeries(Call, String, ModelCall),
}

/// Plans the calls of one statement with the models that it names.
#[derive(Debug)]
pub(crate) struct ModelRelations {
    library: Arc<Library>,
    named: Named,
}

impl ModelRelations {
    pub(crate) fn new(library: Arc<Library>, named: Named) -> Self {
        Self { library, named }
    }

    fn plan(
        &self,
        name: &'static str,
        arguments: Vec<FunctionArg>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let (loaded, shown) = match name {
            TRAIN => (None, train::NAME),
            _ => (Some(self.loaded(&arguments).map_err(outward)?), name),
        };
        let (query, rest) = split(shown, arguments).map_err(outward)?;
        let input = query.map(|query| input(shown, query, context)).transpose()?;
        let fields: Option<Vec<Arc<Field>>> =
            input.as_ref().map(|input| input.schema().fields().iter().map(Arc::clone).collect());
        let normalize = |ident: &Ident| context.normalize_ident(ident.clone());
        let relation = match (name, loaded, &fields) {
            (TRAIN, _, Some(fields)) => {
                let arguments = Arguments::read(train::NAME, train::OPTIONS, rest, normalize).map_err(outward)?;
                train::bind(&arguments, fields, &self.library)
            }
            (_, Some(loaded), fields) => {
                let specs = arguments_of(name);
                let arguments = Arguments::read(name, specs, rest, normalize).map_err(outward)?;
                bind(name, &loaded, &arguments, fields.as_deref())
            }
            _ => Err(needs_table(train::NAME)),
        };
        match relation.map_err(outward)? {
            Relation::Rows(rows) => {
                let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
                LogicalPlanBuilder::scan(name.to_lowercase(), provider_as_source(Arc::new(table)), None)?.build()
            }
            Relation::Call(call) => {
                let Some(input) = input else { return Err(outward(needs_table(shown))) };
                // Under their own names, without qualifiers.
                let all: Vec<usize> = (0..input.schema().fields().len()).collect();
                let node = ModelNode::new(call, needed(&input, &all, None)?)?;
                Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
            }
            Relation::OfSeries(each, text, call) => {
                let Some(input) = input else { return Err(outward(needs_table(shown))) };
                let needed = needed(&input, &each.columns, None)?;
                let each = Arc::new(GroupNode::new(train::NAME, text, Arc::new(each), needed)?);
                let node = ModelNode::new(call, LogicalPlan::Extension(Extension { node: each }))?;
                Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
            }
        }
    }

    fn loaded(&self, arguments: &[FunctionArg]) -> Result<Arc<Loaded>, Error> {
        let reference = reference(arguments)?;
        let found = self.named.get(&reference).map(Arc::clone);
        found.ok_or_else(|| Error::internal("the model of a call was not loaded"))
    }
}

impl RelationPlanner for ModelRelations {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> Result<RelationPlanning> {
        let (name, arguments, alias) = match relation {
            TableFactor::Table { ref name, args: Some(ref args), ref alias, .. } => match function(name) {
                Some(found) => (found, args.args.clone(), alias.clone()),
                None => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            TableFactor::Function { ref name, ref args, ref alias, .. } => match function(name) {
                Some(found) => (found, args.clone(), alias.clone()),
                None => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            other => return Ok(RelationPlanning::Original(Box::new(other))),
        };
        let plan = self.plan(name, arguments, context)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

fn function(name: &ObjectName) -> Option<&'static str> {
    let [part] = name.0.as_slice() else { return None };
    let ident = part.as_ident()?;
    FUNCTIONS.iter().chain([&TRAIN]).find(|known| known.eq_ignore_ascii_case(&ident.value)).copied()
}

fn arguments_of(name: &str) -> &'static [Spec] {
    match name {
        predict::NAME => predict::ARGUMENTS,
        explain::NAME => explain::ARGUMENTS,
        forecast::NAME => forecast::ARGUMENTS,
        _ => &[MODEL, VERSION],
    }
}

fn bind(name: &str, loaded: &Arc<Loaded>, arguments: &Arguments, fields: Option<&[Arc<Field>]>) -> Result<Relation, Error> {
    match (name, fields) {
        (leaderboard::NAME, None) => leaderboard::rows(loaded).map(Relation::Rows),
        (leaderboard::NAME, Some(_)) => Err(Error::invalid("ML_LEADERBOARD takes a model and no table")),
        (forecast::NAME, None) => forecast::rows(loaded, arguments).map(Relation::Rows),
        (forecast::NAME, Some(_)) => {
            Err(Error::invalid("ML_FORECAST takes a model and no table: it goes on from the rows of its training"))
        }
        (explain::NAME, None) => explain::importance(loaded, arguments).map(Relation::Rows),
        (explain::NAME, Some(fields)) => explain::bind(loaded, arguments, fields).map(Relation::Call),
        (predict::NAME, Some(fields)) => predict::bind(loaded, arguments, fields).map(Relation::Call),
        (evaluate::NAME, None) => evaluate::of_training(loaded).map(Relation::Rows),
        (evaluate::NAME, Some(fields)) => evaluate::bind(loaded, fields).map(Relation::Call),
        (other, _) => Err(needs_table(other)),
    }
}

fn needs_table(name: &str) -> Error {
    Error::invalid(format!(
        "{name} takes a model and a table or query: {name}(MODEL => 'm', TABLE t) or {name}(MODEL => 'm', (SELECT ...))"
    ))
}

/// The query of a call, and its named arguments; a text in front is the model.
fn split(name: &str, arguments: Vec<FunctionArg>) -> Result<(Option<Query>, Vec<FunctionArg>), Error> {
    let (mut query, mut rest) = (None, Vec::new());
    for argument in arguments {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(found))) => {
                if query.replace(*found).is_some() {
                    return Err(Error::invalid(format!("{name} takes one table or query, not two")));
                }
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Value(value)))
                if rest.is_empty() && query.is_none() && matches!(value.value, Value::SingleQuotedString(_)) => {}
            other => rest.push(other),
        }
    }
    Ok((query, rest))
}

fn input(name: &str, query: Query, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let derived = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: None, sample: None };
    let input = context.plan(derived)?;
    match input.all_out_ref_exprs().is_empty() {
        true => Ok(input),
        false => Err(outward(Error::unsupported(format!("the query of {name} cannot use columns of other tables")))),
    }
}

//! Queries in the arguments of table functions, with the types that their columns will have.
//!
//! A table function has its columns from those of its query when it is planned. The types of these are found later: literals find
//! the type of what they meet, and types that meet are brought together. So the types are looked for at once, and the query gets a
//! cast to each that is another one; it is no cast any more when the types are there.

use std::ops::ControlFlow;

use datafusion::common::{Column, Result};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, Setting, TableFactor, Value, VisitMut, VisitorMut,
};
use headwater_optimizer::ExactLiterals;

use crate::syntax::inner_mut;

/// A setting of the query that is no setting.
const MARK: &str = "headwater types";

/// Marks the queries in the arguments of table functions.
pub(crate) fn mark(statement: &mut Statement) {
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut Marker);
    }
}

struct Marker;

impl VisitorMut for Marker {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        let arguments = match table {
            TableFactor::Function { args, .. } => args,
            TableFactor::Table { args: Some(args), .. } => &mut args.args,
            _ => return ControlFlow::Continue(()),
        };
        for argument in arguments {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Subquery(query))) = argument {
                query.settings = Some(vec![Setting { key: Ident::new(MARK), value: SqlExpr::Value(Value::Null.into()) }]);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Plans the marked queries.
#[derive(Debug)]
pub(crate) struct Settled;

impl RelationPlanner for Settled {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> Result<RelationPlanning> {
        let mut relation = relation;
        let TableFactor::Derived { subquery, .. } = &mut relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let is_marked = subquery.settings.as_ref().is_some_and(|all| all.iter().any(|s| s.key.value == MARK));
        if !is_marked {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        subquery.settings = None;
        let plan = context.plan(relation)?;
        let options = context.context_provider().options();
        let found = TypeCoercion::new().analyze(ExactLiterals::rewrite(plan.clone())?, options)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(with_types_of(plan, &found)?, None))))
    }
}

/// The plan with the types of another one that has the same columns.
fn with_types_of(plan: LogicalPlan, other: &LogicalPlan) -> Result<LogicalPlan> {
    let (fields, wanted) = (plan.schema().fields(), other.schema().fields());
    if fields.len() != wanted.len() || fields.iter().zip(wanted).all(|(a, b)| a.data_type() == b.data_type()) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().zip(wanted).map(|((qualifier, field), wanted)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        if field.data_type() == wanted.data_type() {
            return column;
        }
        cast(column, wanted.data_type().clone()).alias_qualified(qualifier.cloned(), field.name())
    });
    let columns: Vec<Expr> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

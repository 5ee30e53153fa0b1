//! Statements that the parser or DataFusion's planner reads otherwise than SQL says, put right in the syntax tree.

mod any_equal;
mod assignments;
mod between;
mod calls;
mod chain;
mod distinct_from;
mod fetch;
mod intervals;
mod like_escape;
mod operators;
mod ordinals;
mod power;
mod rows;
mod time_zone;
mod using_joins;
mod windows;

use std::ops::ControlFlow;

use datafusion::sql::parser::{ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query,
    Select, Statement as SqlStatement, Value, VisitMut, VisitorMut,
};
use headwater_common::{Error, Result};

/// Puts a statement right, or refuses what would be read otherwise than it says.
pub(crate) fn correct(statement: &mut Statement) -> Result<()> {
    let Some(inner) = inner_mut(statement) else { return Ok(()) };
    assignments::check(inner)?;
    assignments::mark(inner);
    VisitMut::visit(inner, &mut Corrector).break_value().map_or(Ok(()), Err)
}

/// The statement itself, or the one that EXPLAIN explains; `None` for forms of DataFusion's own.
pub(crate) fn inner(statement: &Statement) -> Option<&SqlStatement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(ExplainStatement { statement, .. }) => inner(statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

/// The same, to change it.
pub(crate) fn inner_mut(statement: &mut Statement) -> Option<&mut SqlStatement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(ExplainStatement { statement, .. }) => inner_mut(statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

struct Corrector;

impl VisitorMut for Corrector {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        step(fetch::rewrite(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        step(using_joins::resolve(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        ordinals::resolve(select);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        step(windows::make_whole(select))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        distinct_from::regroup(expr);
        power::regroup(expr);
        ControlFlow::Continue(())
    }

    /// After its children, so that what is put in their place is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        any_equal::rewrite(expr);
        time_zone::rewrite(expr);
        between::rewrite(expr);
        operators::rewrite(expr);
        intervals::rewrite(expr);
        step(rows::rewrite(expr))?;
        step(like_escape::rewrite(expr))?;
        step(calls::rewrite(expr))
    }
}

/// Whether two names are the same.
fn same(one: &Ident, other: &Ident) -> bool {
    normalized(one) == normalized(other)
}

/// A name as it is looked up.
pub(crate) fn normalized(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

fn step(done: Result<()>) -> ControlFlow<Error> {
    match done {
        Ok(()) => ControlFlow::Continue(()),
        Err(refused) => ControlFlow::Break(refused),
    }
}

/// What stands for an expression while it is moved.
pub(crate) fn placeholder() -> Expr {
    Expr::Value(Value::Null.into())
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

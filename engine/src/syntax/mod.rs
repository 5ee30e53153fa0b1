//! Statements that the parser or DataFusion's planner reads otherwise than SQL says, put right in the syntax tree.

pub(crate) mod aliases;
mod any_all;
mod assignments;
mod between;
mod calls;
mod chain;
mod deletes;
mod distinct_from;
mod fetch;
mod fields;
mod groups;
mod intervals;
mod like_escape;
mod operators;
mod orders;
pub(crate) mod ordinals;
pub(crate) mod outer_fields;
mod own_casts;
mod precedence;
mod procedures;
mod regexes;
mod row_subqueries;
mod rows;
mod substrings;
mod time_zone;
mod timestamps;
mod typed_texts;
mod unnests;
mod using_joins;
mod values;
mod windows;
mod with_names;
mod xor;

use std::ops::ControlFlow;

use datafusion::sql::parser::{ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, Query, Select, Statement as SqlStatement, TableFactor, Value, VisitMut,
    VisitorMut,
};
use headwater_common::{Error, Result};

/// Puts a statement right, or refuses what would be read otherwise than it says.
pub(crate) fn correct(statement: &mut Statement) -> Result<()> {
    let Some(inner) = inner_mut(statement) else { return Ok(()) };
    procedures::rewrite(inner)?;
    assignments::check(inner)?;
    assignments::mark(inner);
    deletes::without_alias(inner);
    with_names::tell_apart(inner);
    VisitMut::visit(inner, &mut Corrector).break_value().map_or(Ok(()), Err)?;
    if let SqlStatement::Query(query) = inner {
        orders::keep(query, true);
    }
    own_casts::of_insert(inner);
    Ok(())
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
        step(values::check(query.body.as_ref()))?;
        step(fetch::rewrite(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        own_casts::of_recursion(query);
        orders::keep(query, false);
        step(windows::in_order(query))?;
        step(using_joins::resolve(query))
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        groups::drop_empty(select);
        ordinals::resolve(select);
        step(row_subqueries::in_filter(select))
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        step(windows::make_whole(select))
    }

    fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Error> {
        step(unnests::rewrite(table))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        fields::rewrite(expr);
        distinct_from::regroup(expr);
        precedence::regroup(expr);
        ControlFlow::Continue(())
    }

    /// After its children, so that what is put in their place is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        any_all::rewrite(expr);
        time_zone::rewrite(expr);
        timestamps::rewrite(expr);
        between::rewrite(expr);
        step(typed_texts::rewrite(expr))?;
        xor::rewrite(expr);
        step(operators::rewrite(expr))?;
        intervals::rewrite(expr);
        step(rows::rewrite(expr))?;
        step(row_subqueries::as_value(expr))?;
        step(substrings::rewrite(expr))?;
        step(regexes::rewrite(expr))?;
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

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).into())
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// A text as a literal.
pub(crate) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

/// A call of a function.
pub(crate) fn call(name: &str, arguments: Vec<Expr>) -> Expr {
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

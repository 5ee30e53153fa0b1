//! `count(t.*)` over an outer join is refused.
//!
//! It counts the rows of `t` that are there. DataFusion counts all rows, those that the join made up for a missing `t` among them.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, JoinOperator, Select, VisitMut, VisitorMut,
};
use headwater_common::{Error, Result};

use crate::syntax::inner_mut;

/// An error when the statement has one.
pub(crate) fn check(statement: &mut Statement) -> Result<()> {
    let mut finder = Finder { outer: Vec::new() };
    let found = inner_mut(statement).and_then(|inner| VisitMut::visit(inner, &mut finder).break_value());
    let Some(name) = found else { return Ok(()) };
    let message = [
        "count(",
        &name,
        ".*) over an outer join is not supported: missing rows would be counted; count a column of ",
        &name,
        " that is never null, such as its key",
    ];
    Err(Error::unsupported(message.concat()))
}

struct Finder {
    /// Whether each query around joins so that rows may be missing.
    outer: Vec<bool>,
}

impl VisitorMut for Finder {
    type Break = String;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        let joins = select.from.iter().flat_map(|item| &item.joins);
        self.outer.push(joins.map(|join| &join.join_operator).any(misses_rows));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<String> {
        self.outer.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        if self.outer.last() != Some(&true) {
            return ControlFlow::Continue(());
        }
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let is_count = matches!(function.name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.value.eq_ignore_ascii_case("count")));
        let FunctionArguments::List(list) = &function.args else { return ControlFlow::Continue(()) };
        match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(table))] if is_count => {
                let last = table.0.last().and_then(|part| part.as_ident());
                ControlFlow::Break(last.map(|name| name.value.clone()).unwrap_or_default())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn misses_rows(operator: &JoinOperator) -> bool {
    matches!(
        operator,
        JoinOperator::Left(_)
            | JoinOperator::LeftOuter(_)
            | JoinOperator::Right(_)
            | JoinOperator::RightOuter(_)
            | JoinOperator::FullOuter(_)
            | JoinOperator::OuterApply
    )
}

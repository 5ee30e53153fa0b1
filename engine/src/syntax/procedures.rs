//! `CALL procedure(...)`, which is a SELECT of a function that does something.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use headwater_common::{Error, Result};

use super::normalized;

/// What can be called.
const PROCEDURES: [&str; 1] = ["ml_deploy"];

/// Writes CALL as SELECT.
pub(super) fn rewrite(statement: &mut Statement) -> Result<()> {
    let Statement::Call(function) = statement else { return Ok(()) };
    let known = match function.name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|name| PROCEDURES.contains(&normalized(name).as_str())),
        _ => false,
    };
    if !known {
        return Err(Error::invalid("CALL takes a procedure, which is ml_deploy(...); other functions stand in a SELECT"));
    }
    let called = Expr::Function(function.clone());
    let parsed = Parser::parse_sql(&GenericDialect {}, "SELECT 1").ok().and_then(|mut all| all.pop());
    if let Some(Statement::Query(mut query)) = parsed
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        select.projection = vec![SelectItem::UnnamedExpr(called)];
        *statement = Statement::Query(query);
        return Ok(());
    }
    Err(Error::internal("a query was not parsed"))
}

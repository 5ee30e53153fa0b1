//! `FETCH FIRST n ROWS ONLY`, the standard's LIMIT.

use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Value};
use headwater_common::{Error, Result};

/// Writes FETCH as LIMIT.
pub(super) fn rewrite(query: &mut Query) -> Result<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.percent || fetch.with_ties {
        return Err(Error::unsupported(
            "FETCH FIRST with PERCENT or WITH TIES is not supported; use rank() and a filter on it",
        ));
    }
    let one = || Expr::Value(Value::Number("1".to_owned(), false).into());
    let rows = Some(fetch.quantity.unwrap_or_else(one));
    match &mut query.limit_clause {
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset { limit: rows, offset: None, limit_by: Vec::new() });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = rows,
        Some(_) => return Err(Error::invalid("a query takes LIMIT or FETCH FIRST, not both")),
    }
    Ok(())
}

//! Sub-queries in VALUES.
//!
//! DataFusion plans them and finds out when it computes the rows that it cannot.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, Visit, Visitor};
use headwater_common::{Error, Result};

/// Refuses VALUES with a sub-query.
pub(super) fn check(body: &SetExpr) -> Result<()> {
    match body {
        SetExpr::Values(values) if Visit::visit(values, &mut Finder).is_break() => {
            Err(Error::unsupported("a sub-query in VALUES is not supported; write SELECT (...), ... UNION ALL SELECT ..."))
        }
        SetExpr::SetOperation { left, right, .. } => check(left).and_then(|()| check(right)),
        _ => Ok(()),
    }
}

struct Finder;

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

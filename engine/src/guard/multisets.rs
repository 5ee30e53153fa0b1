//! EXCEPT ALL and INTERSECT ALL are refused.
//!
//! DataFusion computes them as anti and semi joins, which do not count duplicates: `{1, 1} EXCEPT ALL {1}` would be empty
//! instead of one row.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, VisitMut, VisitorMut};
use headwater_common::{Error, Result};

use crate::syntax::inner_mut;

/// An error when the statement has one of them.
pub(crate) fn check(statement: &mut Statement) -> Result<()> {
    let found = inner_mut(statement).and_then(|inner| VisitMut::visit(inner, &mut Finder).break_value());
    let Some(name) = found else { return Ok(()) };
    let remedy = " ALL is not supported: duplicates would not be counted; use it without ALL, or row_number() to tell \
        duplicates apart";
    Err(Error::unsupported([name, remedy].concat()))
}

struct Finder;

impl VisitorMut for Finder {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<&'static str> {
        // The sides of a chain of set operations; queries in parentheses are visited on their own.
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { continue };
            match op {
                SetOperator::Except | SetOperator::Minus if *set_quantifier == SetQuantifier::All => {
                    return ControlFlow::Break("EXCEPT");
                }
                SetOperator::Intersect if *set_quantifier == SetQuantifier::All => return ControlFlow::Break("INTERSECT"),
                _ => bodies.extend([left.as_ref(), right.as_ref()]),
            }
        }
        ControlFlow::Continue(())
    }
}

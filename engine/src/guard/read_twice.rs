//! A query of WITH that has other values each time it is computed, and is read in several places, is refused.
//!
//! DataFusion puts the query in each of these places, so that `WITH w AS (SELECT random() AS r) SELECT a.r = b.r FROM w a, w b` would
//! be false; in SQL the query is computed once.

use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::logical_expr::Volatility;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, Select, TableFactor, VisitMut, VisitorMut};
use headwater_common::{Error, Result};

use crate::syntax::{inner_mut, normalized};

/// An error when the statement has one.
pub(crate) fn check(statement: &mut Statement, state: &SessionState) -> Result<()> {
    let mut finder = Finder { state };
    let found = inner_mut(statement).and_then(|inner| VisitMut::visit(inner, &mut finder).break_value());
    let Some((name, cause)) = found else { return Ok(()) };
    let (is, remedy) = (
        "\" of WITH has other values each time it is computed (",
        "), and is read in several places; read it once, or store its rows in a table",
    );
    Err(Error::unsupported(["\"", &name, is, &cause, remedy].concat()))
}

struct Finder<'a> {
    state: &'a SessionState,
}

impl VisitorMut for Finder<'_> {
    type Break = (String, String);

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let names: Vec<String> = match &query.with {
            Some(with) => with.cte_tables.iter().map(|cte| normalized(&cte.alias.name)).collect(),
            None => return ControlFlow::Continue(()),
        };
        let uses = |part: &mut Query, names: &[String]| {
            let mut uses = Uses { names, counts: vec![0; names.len()] };
            let _ = VisitMut::visit(part, &mut uses);
            uses.counts
        };
        let Some(mut with) = query.with.take() else { return ControlFlow::Continue(()) };
        // How often each is read, where one that is read twice reads another one twice.
        let mut counts = uses(query, &names);
        for at in (0..names.len()).rev() {
            let Some(cte) = with.cte_tables.get_mut(at) else { continue };
            let times = counts[at];
            for (i, count) in uses(&mut cte.query, &names).into_iter().enumerate().take(at) {
                counts[i] += count * times;
            }
        }
        let mut found = None;
        for (cte, count) in with.cte_tables.iter_mut().zip(&counts) {
            if *count > 1 && found.is_none() {
                let mut causes = Causes { state: self.state };
                let cause = VisitMut::visit(&mut cte.query, &mut causes).break_value();
                found = cause.map(|cause| (normalized(&cte.alias.name), cause));
            }
        }
        query.with = Some(with);
        found.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

/// Counts the places that read tables of these names.
struct Uses<'a> {
    names: &'a [String],
    counts: Vec<usize>,
}

impl VisitorMut for Uses<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        let [one] = relation.0.as_slice() else { return ControlFlow::Continue(()) };
        let name = one.as_ident().map(normalized);
        if let Some(at) = name.and_then(|name| self.names.iter().position(|known| *known == name)) {
            self.counts[at] += 1;
        }
        ControlFlow::Continue(())
    }
}

/// Looks for what makes values others.
struct Causes<'a> {
    state: &'a SessionState,
}

impl VisitorMut for Causes<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let [part] = function.name.0.as_slice() else { return ControlFlow::Continue(()) };
        let name = part.as_ident().map(normalized).unwrap_or_default();
        let known = self.state.scalar_functions().get(&name);
        match known.is_some_and(|function| function.signature().volatility == Volatility::Volatile) {
            true => ControlFlow::Break([&name, "()"].concat()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        let tables = select
            .from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        for table in tables {
            if let TableFactor::Table { sample: Some(_), .. } = table {
                return ControlFlow::Break("TABLESAMPLE".to_owned());
            }
        }
        ControlFlow::Continue(())
    }
}

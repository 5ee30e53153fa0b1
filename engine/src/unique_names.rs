//! Output columns that would have the same name get names of their own.
//!
//! Databases allow `SELECT a, a` and `SELECT count(*), count(*)`; DataFusion refuses them. Every later one gets its name and a
//! number, `a:1`, as DataFusion itself names the columns of a join. The first one keeps its name, so ORDER BY means the same.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::{ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, VisitMut, VisitorMut};

/// Names the repeated output columns of every SELECT of a statement.
pub(crate) fn make(statement: &mut Statement) {
    match statement {
        Statement::Statement(inner) => drop(VisitMut::visit(inner.as_mut(), &mut Namer)),
        Statement::Explain(ExplainStatement { statement, .. }) => make(statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
}

struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let (mut seen, mut last_parts) = (HashSet::new(), HashSet::new());
        // A bare star brings every column, so a plain column beside it is a repetition.
        let star = select.projection.iter().any(|item| {
            matches!(item, SelectItem::Wildcard(o) if o.opt_exclude.is_none()
            && o.opt_except.is_none() && o.opt_rename.is_none() && o.opt_ilike.is_none())
        });
        let mut numbers = 0usize;
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let label = label(expr);
            // `a` and `t.a` are one column, or `a` would be ambiguous.
            let column = is_column(expr);
            let last = label.rsplit('.').next().unwrap_or(&label).to_owned();
            let other_form = match expr {
                Expr::Identifier(_) => last_parts.contains(&label),
                _ => column && seen.contains(&last),
            };
            let repeated = !seen.insert(label.clone()) || other_form || star && column;
            if column {
                last_parts.insert(last);
            }
            if repeated {
                numbers += 1;
                let alias = Ident::with_quote('"', format!("{label}:{numbers}"));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// What tells an output column from another: it is a label, never SQL text.
fn label(expr: &Expr) -> String {
    let folded = |name: &Ident| if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() };
    match expr {
        Expr::Identifier(name) => folded(name),
        Expr::CompoundIdentifier(names) => names.iter().map(folded).collect::<Vec<_>>().join("."),
        Expr::Subquery(_) => "subquery".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Nested(inner) => label(inner),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    fn named(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        make(&mut statement);
        statement.to_string()
    }

    #[test]
    fn only_repetitions_are_named() {
        assert_eq!(named("SELECT a, b FROM t"), "SELECT a, b FROM t");
        assert_eq!(named("SELECT a, A, t.a FROM t"), "SELECT a, A AS \"a:1\", t.a AS \"t.a:2\" FROM t");
        assert_eq!(named("SELECT t.a, u.a FROM t, u"), "SELECT t.a, u.a FROM t, u");
        assert_eq!(named("SELECT *, a FROM t"), "SELECT *, a AS \"a:1\" FROM t");
        assert_eq!(named("SELECT * EXCLUDE (a), a FROM t"), "SELECT * EXCLUDE (a), a FROM t");
        let counts = named("SELECT count(*), count(*) FROM t");
        assert_eq!(counts, "SELECT count(*), count(*) AS \"count(*):1\" FROM t");
        assert_eq!(named("SELECT (SELECT 1), (SELECT 2)"), "SELECT (SELECT 1), (SELECT 2) AS \"subquery:1\"");
    }
}

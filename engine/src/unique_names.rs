//! Output columns that would have the same name get names of their own.
//!
//! Databases allow `SELECT a, a` and `SELECT count(*), count(*)`; DataFusion refuses them. Every later one gets its name and a
//! number, `a:1`, as DataFusion itself names the columns of a join. The first one keeps its name, so ORDER BY means the same.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, SetExpr, VisitMut, VisitorMut};

use crate::label::numbered;
use crate::syntax::{inner_mut, normalized};

/// Names the repeated output columns of every SELECT of a statement.
pub(crate) fn make(statement: &mut Statement) {
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut Namer);
    }
}

/// Whether planning failed because two output columns got the same name from DataFusion.
///
/// Its names do not tell `1 + 2 * 3` from `(1 + 2) * 3`, or a column from its cast.
pub(crate) fn is_repetition(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::Plan(message) if message.contains("have the same name"))
}

/// Names every output column that is more than a column and has no name, for statements that [`is_repetition`] is true of.
pub(crate) fn make_all(statement: &mut Statement) {
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut Numberer);
    }
}

struct Numberer;

impl VisitorMut for Numberer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        // Numbers that repeated columns have already are smaller.
        let first = select.projection.len();
        for (number, item) in select.projection.iter_mut().enumerate() {
            if let SelectItem::UnnamedExpr(expr) = item
                && column(expr).is_none()
            {
                let alias = Ident::with_quote('"', numbered(&kind(expr), first + number));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }
}

struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let (mut columns, mut last_parts, mut others, mut subquery) =
            (HashSet::new(), HashSet::new(), HashSet::new(), false);
        // A bare star brings every column, so a plain column beside it is a repetition.
        let star = select.projection.iter().any(|item| {
            matches!(item, SelectItem::Wildcard(o) if o.opt_exclude.is_none()
            && o.opt_except.is_none() && o.opt_rename.is_none() && o.opt_ilike.is_none())
        });
        let names: HashSet<String> = select.projection.iter().filter_map(plain_name).collect();
        let mut numbers = 0usize;
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            // `a` and `t.a` are one column, or `a` would be ambiguous.
            let column = column(expr);
            let repeated = match &column {
                Some((whole, last)) => {
                    let other_form = if whole == last { last_parts.contains(last) } else { columns.contains(last) };
                    last_parts.insert(last.clone());
                    !columns.insert(whole.clone()) || other_form || star
                }
                None if matches!(expr, Expr::Subquery(_)) => {
                    // It is named after its column, which no other column may be named.
                    let same = output(expr).is_some_and(|name| star || names.contains(&name));
                    std::mem::replace(&mut subquery, true) || same
                }
                None => !others.insert(plain(expr).clone()),
            };
            if repeated {
                numbers += 1;
                let name = column.map(|(whole, _)| whole).or_else(|| output(expr)).unwrap_or_else(|| kind(expr));
                let alias = Ident::with_quote('"', numbered(&name, numbers));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }
}

/// A plain column's name, whole and its last part.
fn column(expr: &Expr) -> Option<(String, String)> {
    match plain(expr) {
        Expr::Identifier(name) => Some((normalized(name), normalized(name))),
        Expr::CompoundIdentifier(names) => {
            let parts: Vec<String> = names.iter().map(normalized).collect();
            Some((parts.join("."), parts.last()?.clone()))
        }
        _ => None,
    }
}

fn plain(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => plain(inner),
        other => other,
    }
}

/// The last part of the name of an output column that is a plain column.
fn plain_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => column(expr).map(|(_, last)| last),
        _ => None,
    }
}

/// The name of the column of a sub-query, if it is a plain column or has an alias.
fn output(expr: &Expr) -> Option<String> {
    let Expr::Subquery(query) = plain(expr) else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    match select.projection.first()? {
        SelectItem::ExprWithAlias { alias, .. } => column(&Expr::Identifier(alias.clone())).map(|(_, last)| last),
        item => plain_name(item),
    }
}

/// A name for what has none.
fn kind(expr: &Expr) -> String {
    match plain(expr) {
        Expr::Subquery(_) => "subquery".to_owned(),
        Expr::Function(call) => {
            let name = call.name.0.last().and_then(|part| part.as_ident());
            name.map_or_else(|| "column".to_owned(), |name| name.value.to_lowercase())
        }
        _ => "column".to_owned(),
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
        assert_eq!(counts, "SELECT count(*), count(*) AS \"count:1\" FROM t");
        assert_eq!(named("SELECT (SELECT 1), (SELECT 2)"), "SELECT (SELECT 1), (SELECT 2) AS \"subquery:1\"");
        assert_eq!(named("SELECT id, (SELECT u.id FROM u) FROM t"), "SELECT id, (SELECT u.id FROM u) AS \"id:1\" FROM t");
        assert_eq!(named("SELECT *, (SELECT x FROM u) FROM t"), "SELECT *, (SELECT x FROM u) AS \"x:1\" FROM t");
        assert_eq!(named("SELECT id, (SELECT u.x FROM u) FROM t"), "SELECT id, (SELECT u.x FROM u) FROM t");
    }
}

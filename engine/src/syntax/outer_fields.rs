//! Fields of a record of the query around, as in `EXISTS (SELECT 1 FROM a WHERE a.k = t.record.field)`.

use std::ops::ControlFlow;

use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Ident, VisitMut, VisitorMut};

use super::{inner_mut, nested, normalized, placeholder, text};

/// The column of the query around whose field a sub-query names, when planning failed because of it.
pub(crate) fn column(error: &DataFusionError) -> Option<Vec<String>> {
    let DataFusionError::NotImplemented(message) = error.find_root() else { return None };
    let (_, named) = message.split_once("Nested identifiers are not yet supported for OuterReferenceColumn ")?;
    let column = Column::from_qualified_name(named.lines().next()?.trim());
    let mut parts = column.relation.map(|table| table.to_vec()).unwrap_or_default();
    parts.push(column.name);
    Some(parts)
}

/// Writes fields of a column as `(column).field`, which DataFusion plans. Whether there were any.
pub(crate) fn open(statement: &mut Statement, column: &[String]) -> bool {
    let mut opener = Opener { column, found: false };
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut opener);
    }
    opener.found
}

struct Opener<'a> {
    column: &'a [String],
    found: bool,
}

impl Opener<'_> {
    /// How many of the names are those of the column, with its table or without.
    fn names(&self, identifiers: &[Ident]) -> Option<usize> {
        let named = |count: usize| {
            let last = self.column.get(self.column.len() - count..)?;
            let first = identifiers.get(..count)?;
            (first.iter().map(normalized).eq(last.iter().cloned()) && identifiers.len() > count).then_some(count)
        };
        (1..=self.column.len()).rev().find_map(named)
    }
}

impl VisitorMut for Opener<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::CompoundIdentifier(identifiers) = &*expr else { return ControlFlow::Continue(()) };
        let Some(count) = self.names(identifiers) else { return ControlFlow::Continue(()) };
        let Expr::CompoundIdentifier(mut identifiers) = std::mem::replace(expr, placeholder()) else {
            return ControlFlow::Continue(());
        };
        let fields = identifiers.split_off(count);
        let root = match identifiers.as_slice() {
            [name] => Expr::Identifier(name.clone()),
            _ => Expr::CompoundIdentifier(identifiers),
        };
        let access_chain = fields.iter().map(|name| AccessExpr::Dot(text(&normalized(name)))).collect();
        *expr = Expr::CompoundFieldAccess { root: Box::new(nested(root)), access_chain };
        self.found = true;
        ControlFlow::Continue(())
    }
}

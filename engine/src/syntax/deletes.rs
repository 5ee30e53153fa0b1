//! `DELETE FROM t AS d WHERE d.x = 1`: a table that is deleted from under another name.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Delete, Expr, FromTable, Statement, TableFactor, VisitMut, VisitorMut};

use super::normalized;

/// Names the columns of the one table without the alias, which DataFusion does not take. A statement with sub-queries keeps it: they may
/// have columns of the same names.
pub(super) fn without_alias(statement: &mut Statement) {
    let Statement::Delete(Delete { from, using: None, selection, .. }) = statement else { return };
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = from;
    let [table] = tables.as_mut_slice() else { return };
    let TableFactor::Table { alias: alias @ Some(_), .. } = &mut table.relation else { return };
    let Some(name) = alias.as_ref().map(|alias| normalized(&alias.name)) else { return };
    if let Some(condition) = selection
        && VisitMut::visit(condition, &mut Columns(name)).is_break()
    {
        return;
    }
    *alias = None;
}

struct Columns(String);

impl VisitorMut for Columns {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
            Expr::CompoundIdentifier(parts) => {
                if let [table, column] = parts.as_slice()
                    && normalized(table) == self.0
                {
                    *expr = Expr::Identifier(column.clone());
                }
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

//! `(record).field`: a field of a record by its name.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr};

use super::{normalized, text};

/// Writes the name of a field as the text that DataFusion looks for.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { access_chain, .. } = expr else { return };
    for access in access_chain {
        if let AccessExpr::Dot(field) = access
            && let Expr::Identifier(name) = &*field
        {
            *field = text(&normalized(name));
        }
    }
}

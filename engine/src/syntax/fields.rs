//! `(record).field`, a field of a record by its name, and `list[2:]`, a slice to an end of a list.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript};

use super::{normalized, number, text};

/// More elements than a list has.
const END: &str = "2147483647";

/// Writes the name of a field as the text that DataFusion looks for, and the ends of slices as numbers.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return };
    let is_name = |access: &AccessExpr| matches!(access, AccessExpr::Dot(Expr::Identifier(_)));
    // Names right behind a name are those of a table and its column.
    let column = match root.as_ref() {
        Expr::Identifier(_) => access_chain.iter().take_while(|access| is_name(access)).count(),
        _ => 0,
    };
    for access in access_chain.iter_mut().skip(column) {
        if let AccessExpr::Dot(field) = access
            && let Expr::Identifier(name) = &*field
        {
            *field = text(&normalized(name));
        }
        if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) = access {
            lower_bound.get_or_insert_with(|| number("1"));
            upper_bound.get_or_insert_with(|| number(END));
        }
    }
}

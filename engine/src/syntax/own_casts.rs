//! Casts that a statement writes where the planner puts casts of its own.
//!
//! The part of a recursive query that repeats is cast to the types of the first part, and VALUES of an INSERT to those of the table.
//! Where such a cast would change a value it is refused, but not the same cast in the statement itself. That one is written
//! twice, so that the outer one changes nothing.

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, SetOperator, Statement};

use super::placeholder;

/// The casts in VALUES of an INSERT.
pub(super) fn of_insert(statement: &mut Statement) {
    let Statement::Insert(insert) = statement else { return };
    let Some(SetExpr::Values(values)) = insert.source.as_mut().map(|query| query.body.as_mut()) else { return };
    values.rows.iter_mut().flat_map(|row| row.content.iter_mut()).for_each(twice);
}

/// The casts in the part of a recursive query that repeats.
pub(super) fn of_recursion(query: &mut Query) {
    let Some(with) = query.with.as_mut().filter(|with| with.recursive) else { return };
    for table in &mut with.cte_tables {
        if let SetExpr::SetOperation { op: SetOperator::Union, right, .. } = table.query.body.as_mut()
            && let Some(select) = select(right)
        {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    twice(expr);
                }
            }
        }
    }
}

fn select(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(found) => Some(found),
        SetExpr::Query(query) => select(&mut query.body),
        _ => None,
    }
}

fn twice(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner) => twice(inner),
        Expr::Cast { kind, data_type, array, format, .. } => {
            let (kind, data_type, array, format) = (kind.clone(), data_type.clone(), *array, format.clone());
            let own = Box::new(std::mem::replace(expr, placeholder()));
            *expr = Expr::Cast { kind, expr: own, data_type, array, format };
        }
        _ => {}
    }
}

//! `GROUP BY ()`: one group of all rows.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Select};

use super::{binary, call, number};

/// Leaves out empty keys. When no other is there, a condition that is true makes the query one of a group.
pub(super) fn drop_empty(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    let before = keys.len();
    keys.retain(|key| !matches!(key, Expr::Tuple(items) if items.is_empty()));
    if keys.len() < before && keys.is_empty() {
        let any = binary(call("count", vec![number("1")]), BinaryOperator::GtEq, number("0"));
        select.having = Some(match select.having.take() {
            Some(condition) => binary(Expr::Nested(Box::new(condition)), BinaryOperator::And, any),
            None => any,
        });
    }
}

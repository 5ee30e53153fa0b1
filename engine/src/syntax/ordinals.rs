//! Positions of output columns in ROLLUP, CUBE and GROUPING SETS, as GROUP BY itself takes them, and in ORDER BY above aggregates.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, Value, VisitMut, VisitorMut,
};

use super::inner_mut;

/// Whether planning failed because ORDER BY names the position of an expression over aggregates, which DataFusion does not find.
pub(crate) fn is_unknown_key(error: &DataFusionError) -> bool {
    let unknown = |message: &str| message.contains("Column in ORDER BY must be in GROUP BY");
    matches!(error.find_root(), DataFusionError::Plan(message) if unknown(message))
}

/// Puts the expressions of output columns without a name in the place of their positions in ORDER BY.
pub(crate) fn spell_out(statement: &mut Statement) {
    if let Some(inner) = inner_mut(statement) {
        let _ = VisitMut::visit(inner, &mut Keys);
    }
}

struct Keys;

impl VisitorMut for Keys {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by: Some(order), .. } = query else { return ControlFlow::Continue(()) };
        if let (SetExpr::Select(select), OrderByKind::Expressions(keys)) = (body.as_ref(), &mut order.kind) {
            for key in keys {
                let item = position(&key.expr).and_then(|n| select.projection.get(n));
                if let Some(SelectItem::UnnamedExpr(expr)) = item {
                    key.expr = expr.clone();
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Puts the expressions of output columns in the place of their positions. A position that is none stays, for the planner to report.
pub(super) fn resolve(select: &mut Select) {
    let Select { group_by: GroupByExpr::Expressions(keys, _), projection, .. } = select else { return };
    for key in keys {
        let (Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets)) = key else { continue };
        for part in sets.iter_mut().flatten() {
            if let Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) =
                position(part).and_then(|n| projection.get(n))
            {
                *part = expr.clone();
            }
        }
    }
}

fn position(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let Value::Number(digits, _) = &value.value else { return None };
    digits.parse::<usize>().ok()?.checked_sub(1)
}

//! `SELECT * FROM (SELECT a, b FROM t ORDER BY a) s LIMIT 3`: the first rows are those of the order inside.
//!
//! By the standard the rows of a sub-query have no order, and DataFusion leaves its ORDER BY out. The databases keep it, and tools that
//! put a limit around a query rely on it. Here the query around gets the ORDER BY of the only query that it reads, when that orders by
//! its own output columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Value,
    Visit, Visitor,
};

use super::same;

/// Gives a query the order of the query that it reads; one without a limit only when it is the statement itself.
pub(super) fn keep(query: &mut Query, is_statement: bool) {
    let limited = query.limit_clause.is_some() || query.fetch.is_some();
    if query.order_by.is_some() || !(limited || is_statement) {
        return;
    }
    if let Some(keys) = of_input(query) {
        query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
    }
}

/// The keys of the order of the only query that a query reads, if it returns its rows one by one.
fn of_input(query: &Query) -> Option<Vec<OrderByExpr>> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [table] = select.from.as_slice() else { return None };
    if !passes_rows(select) || !table.joins.is_empty() {
        return None;
    }
    let (inner, name) = match &table.relation {
        TableFactor::Derived { subquery, alias: None, lateral: false, sample: None } => (subquery.as_ref(), None),
        TableFactor::Derived { subquery, alias: Some(alias), lateral: false, sample: None } if alias.columns.is_empty() => {
            (subquery.as_ref(), Some(&alias.name))
        }
        TableFactor::Table { name, alias, args: None, sample: None, .. } => {
            let [part] = name.0.as_slice() else { return None };
            let name = part.as_ident()?;
            let with = query.with.as_ref().filter(|with| !with.recursive)?;
            let found = with.cte_tables.iter().find(|cte| same(&cte.alias.name, name))?;
            let renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) || !found.alias.columns.is_empty();
            let known = alias.as_ref().map_or(name, |alias| &alias.name);
            (!renamed).then_some((found.query.as_ref(), Some(known)))?
        }
        _ => return None,
    };
    let OrderBy { kind: OrderByKind::Expressions(keys), .. } = inner.order_by.as_ref()? else { return None };
    keys.iter().map(|key| outside(key, inner, name, select)).collect()
}

/// Whether a SELECT returns each row that it reads once at most.
fn passes_rows(select: &Select) -> bool {
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let simple = select.distinct.is_none()
        && select.top.is_none()
        && select.into.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.connect_by.is_empty()
        && select.lateral_views.is_empty()
        && select.sort_by.is_empty();
    // Any function may be an aggregate.
    simple && !grouped && !select.projection.iter().any(|item| Visit::visit(item, &mut Calls).is_break())
}

struct Calls;

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(_) | Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A key of the query inside as the query around names it.
fn outside(key: &OrderByExpr, inner: &Query, table: Option<&Ident>, around: &Select) -> Option<OrderByExpr> {
    let select = first_select(inner.body.as_ref())?;
    let (column, qualified) = match &key.expr {
        Expr::Identifier(column) => (column.clone(), false),
        Expr::CompoundIdentifier(parts) => (parts.last()?.clone(), true),
        Expr::Value(value) => {
            let Value::Number(digits, _) = &value.value else { return None };
            let place = digits.parse::<usize>().ok()?.checked_sub(1)?;
            let before = select.projection.get(..=place)?;
            let stars = before.iter().any(|item| output(item).is_none());
            (before.last().filter(|_| !stars).and_then(output)?.clone(), false)
        }
        _ => return None,
    };
    let named = select.projection.iter().filter_map(output).filter(|name| same(name, &column)).count();
    let star = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    let single = matches!(select.from.as_slice(), [table] if table.joins.is_empty());
    let is_output = named == 1 && !star || named == 0 && star && (single || !qualified);
    // Beside an output column of the same name it would be ambiguous.
    let renames = |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { alias, .. } if same(alias, &column));
    let shadowed = around.projection.iter().any(renames);
    if !is_output || shadowed {
        return None;
    }
    let expr = match table {
        Some(table) => Expr::CompoundIdentifier(vec![table.clone(), column]),
        None => Expr::Identifier(column),
    };
    Some(OrderByExpr { expr, options: key.options, with_fill: None })
}

/// The SELECT that names the columns of a query.
fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        _ => None,
    }
}

/// The name of an output column that has one.
fn output(item: &SelectItem) -> Option<&Ident> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => Some(column),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last(),
        _ => None,
    }
}

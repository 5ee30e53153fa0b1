//! `a FULL JOIN b USING (id)`: the column `id` is the one of either side that has a row.
//!
//! DataFusion takes `id` for the left one, which is NULL where only the right side has a row, and finds it ambiguous when a third
//! table is joined. Here such joins become joins with ON, and `id` without a table's name what SQL says it is.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderBy,
    OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, VisitMut, VisitorMut,
    WildcardAdditionalOptions, visit_expressions,
};
use headwater_common::{Error, Result};

use super::{binary, call, same};

/// A joined column and what it is.
type Merged = Vec<(Ident, Expr)>;

/// The tables of FROM, each with its columns that are joined.
type Tables = Vec<(Ident, Vec<Ident>)>;

/// Resolves the joined columns of a query whose body is one SELECT.
pub(super) fn resolve(query: &mut Query) -> Result<()> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
    let joins: Vec<&Join> = select.from.iter().flat_map(|t| &t.joins).collect();
    // DataFusion reads all others right but in WHERE.
    let must = joins.iter().any(|j| is_outer(j)) || joins.iter().filter(|j| uses(j)).count() > 1 || names_joined(&joins);
    if !joins.iter().any(|j| is_outer(j) || uses(j)) {
        return Ok(());
    }
    if select.from.len() > 1 {
        let message =
            "RIGHT and FULL JOIN with USING, and several joins with it, cannot stand beside other tables in FROM; write ON";
        return if must { Err(Error::unsupported(message)) } else { Ok(()) };
    }
    let star = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    let unnamed =
        select.from.iter().any(|t| name(&t.relation).is_none() || t.joins.iter().any(|j| name(&j.relation).is_none()));
    if star && unnamed {
        return if must { Err(unknown_side()) } else { Ok(()) };
    }
    let (merged, tables) = match merge(select) {
        Err(_) if !must => return Ok(()),
        merged => merged?,
    };
    let named = |name: &Ident| {
        select.projection.iter().any(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => same(alias, name),
            SelectItem::UnnamedExpr(Expr::Identifier(column)) => same(column, name),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().is_some_and(|p| same(p, name)),
            SelectItem::Wildcard(_) => true,
            _ => false,
        })
    };
    // ORDER BY looks at the output columns first.
    let ordered: Merged = merged.iter().filter(|(name, _)| !named(name)).cloned().collect();
    outputs(select, &merged, &tables);
    if let Some(condition) = &mut select.selection {
        rename(condition, &merged);
    }
    if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
        rename(keys, &merged);
    }
    for condition in [&mut select.having, &mut select.qualify].into_iter().flatten() {
        rename(condition, &merged);
    }
    if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by {
        rename(keys, &ordered);
    }
    Ok(())
}

/// Turns USING into ON and returns the joined columns. An error leaves a SELECT of one USING as it is.
fn merge(select: &mut Select) -> Result<(Merged, Tables)> {
    let (mut merged, mut tables) = (Merged::new(), Tables::new());
    for table in &mut select.from {
        // The only table so far, until there is another one.
        let mut single = name(&table.relation);
        tables.extend(single.clone().map(|name| (name, Vec::new())));
        for join in &mut table.joins {
            let right = name(&join.relation);
            tables.extend(right.clone().map(|name| (name, Vec::new())));
            let keeps = Keeps::of(&join.join_operator);
            let natural = matches!(constraint(&join.join_operator), Some(JoinConstraint::Natural));
            if natural && !matches!(keeps, Keeps::Left) {
                return Err(Error::unsupported(
                    "NATURAL RIGHT and FULL JOIN are not supported; name the columns with USING",
                ));
            }
            if let Some(slot) = constraint_mut(&mut join.join_operator)
                && let JoinConstraint::Using(columns) = slot
            {
                let mut condition = None;
                for column in columns.iter() {
                    let column = column.0.last().and_then(|p| p.as_ident()).cloned().ok_or_else(unknown_side)?;
                    let known = merged.iter().position(|(other, _)| same(other, &column));
                    let left = match (known, &single) {
                        (Some(at), _) => merged.get(at).map(|(_, expr)| expr.clone()).ok_or_else(unknown_side)?,
                        (None, Some(table)) => of(table, &column),
                        (None, None) => return Err(unknown_side()),
                    };
                    let right = of(right.as_ref().ok_or_else(unknown_side)?, &column);
                    for side in [&left, &right] {
                        note(side, &mut tables);
                    }
                    let equal = binary(left.clone(), BinaryOperator::Eq, right.clone());
                    condition = Some(match condition {
                        None => equal,
                        Some(before) => binary(before, BinaryOperator::And, equal),
                    });
                    let value = match keeps {
                        Keeps::Left => left,
                        Keeps::Right => right,
                        Keeps::Both => call("coalesce", vec![left, right]),
                    };
                    match known.and_then(|at| merged.get_mut(at)) {
                        Some(entry) => entry.1 = value,
                        None => merged.push((column, value)),
                    }
                }
                if let Some(condition) = condition {
                    *slot = JoinConstraint::On(condition);
                }
            } else if let Some(JoinConstraint::On(condition)) = constraint_mut(&mut join.join_operator) {
                rename(condition, &merged);
            }
            single = None;
        }
    }
    Ok((merged, tables))
}

/// Remembers a joined column with its table.
fn note(side: &Expr, tables: &mut Tables) {
    let Expr::CompoundIdentifier(parts) = side else { return };
    let [table, column] = parts.as_slice() else { return };
    if let Some((_, columns)) = tables.iter_mut().find(|(name, _)| same(name, table))
        && !columns.iter().any(|known| same(known, column))
    {
        columns.push(column.clone());
    }
}

/// Whether a later ON names a joined column without its table.
fn names_joined(joins: &[&Join]) -> bool {
    let mut columns: Vec<&Ident> = Vec::new();
    for join in joins {
        match constraint(&join.join_operator) {
            Some(JoinConstraint::Using(names)) => {
                columns.extend(names.iter().filter_map(|name| name.0.last()?.as_ident()));
            }
            Some(JoinConstraint::On(condition)) if names_any(condition, &columns) => return true,
            _ => {}
        }
    }
    false
}

fn names_any(condition: &Expr, columns: &[&Ident]) -> bool {
    let mut named = false;
    let _ = visit_expressions(condition, |expr| {
        named |= matches!(expr, Expr::Identifier(name) if columns.iter().any(|column| same(column, name)));
        ControlFlow::<()>::Continue(())
    });
    named
}

fn uses(join: &Join) -> bool {
    matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_)))
}

/// Whether it keeps rows of the right side and names columns that both sides have.
fn is_outer(join: &Join) -> bool {
    let merges = matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural));
    merges && !matches!(Keeps::of(&join.join_operator), Keeps::Left)
}

/// Whose rows are all there.
#[derive(Clone, Copy)]
enum Keeps {
    Left,
    Right,
    Both,
}

impl Keeps {
    fn of(operator: &JoinOperator) -> Self {
        use JoinOperator as J;
        match operator {
            J::Right(_) | J::RightOuter(_) => Self::Right,
            J::FullOuter(_) => Self::Both,
            _ => Self::Left,
        }
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => {
            Some(c)
        }
        _ => None,
    }
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator as J;
    match operator {
        J::Join(c) | J::Inner(c) | J::Left(c) | J::LeftOuter(c) | J::Right(c) | J::RightOuter(c) | J::FullOuter(c) => {
            Some(c)
        }
        _ => None,
    }
}

fn unknown_side() -> Error {
    Error::unsupported(
        "it cannot be told which table the columns of this USING belong to; write the join with ON and table names",
    )
}

/// The name under which a table's columns are known.
fn name(table: &TableFactor) -> Option<Ident> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, args: None, .. } => name.0.last().and_then(|p| p.as_ident()).cloned(),
        TableFactor::NestedJoin { alias: Some(alias), .. } | TableFactor::Function { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        _ => None,
    }
}

fn of(table: &Ident, column: &Ident) -> Expr {
    Expr::CompoundIdentifier(vec![table.clone(), column.clone()])
}

/// Output columns: a joined column keeps its name, and `*` has it once and first.
fn outputs(select: &mut Select, merged: &Merged, tables: &Tables) {
    let mut projection = Vec::with_capacity(select.projection.len());
    for mut item in std::mem::take(&mut select.projection) {
        match &mut item {
            SelectItem::UnnamedExpr(Expr::Identifier(column)) => {
                if let Some((name, expr)) = merged.iter().find(|(name, _)| same(name, column)) {
                    item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name.clone() };
                }
            }
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                rename(expr, merged);
            }
            SelectItem::Wildcard(options) if plain(options) => {
                let named =
                    |(name, expr): &(Ident, Expr)| SelectItem::ExprWithAlias { expr: expr.clone(), alias: name.clone() };
                projection.extend(merged.iter().map(named));
                projection.extend(tables.iter().map(rest));
                continue;
            }
            _ => {}
        }
        projection.push(item);
    }
    select.projection = projection;
}

/// All columns of a table but the joined ones.
fn rest((table, joined): &(Ident, Vec<Ident>)) -> SelectItem {
    let mut options = WildcardAdditionalOptions::default();
    if !joined.is_empty() {
        let names = joined.iter().map(|column| ObjectName::from(vec![column.clone()])).collect();
        options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    }
    let kind = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![table.clone()]));
    SelectItem::QualifiedWildcard(kind, options)
}

fn plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
}

/// Puts joined columns in the place of their names, not in sub-queries, whose names are their own first.
fn rename<T: VisitMut>(part: &mut T, merged: &Merged) {
    // Nothing breaks the visit off.
    let _ = VisitMut::visit(part, &mut Namer { merged, depth: 0 });
}

struct Namer<'a> {
    merged: &'a Merged,
    depth: usize,
}

impl VisitorMut for Namer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(column) = &*expr
            && let Some((_, value)) = self.merged.iter().find(|(name, _)| same(name, column))
        {
            *expr = value.clone();
        }
        ControlFlow::Continue(())
    }
}

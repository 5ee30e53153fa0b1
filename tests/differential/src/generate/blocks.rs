//! SELECT blocks and their FROM.

use super::{Generator, Scope, ScopeColumn, columns_of};
use crate::ast::{Comparison, Expr, First, From, Grouping, Join, Key, Query, Relation, Select};
use crate::schema::{REFERENCE, TABLES};
use crate::value::{Type, Value};

impl Generator {
    pub(super) fn select(&mut self, types: &[Type], simple: bool, depth: usize) -> Select {
        let (from, scope) = self.from(simple, depth);
        let filter = self.random.chance(65).then(|| self.predicate(&scope, if simple { 1 } else { 3 }));
        let mut select = Select {
            distinct: false,
            first: None,
            items: Vec::new(),
            from,
            filter,
            grouping: Grouping::None,
            having: None,
        };
        if self.random.chance(if simple { 15 } else { 35 }) {
            self.group(&mut select, &scope, types);
            return select;
        }
        let windowed = !simple && self.random.chance(18);
        for ty in types {
            let item = if windowed && self.random.chance(60) {
                self.window(&scope, *ty)
            } else if !simple && self.random.chance(5) {
                self.scalar_item(&scope, *ty)
            } else if simple || self.random.chance(50) {
                self.column_or_literal(&scope, *ty, false)
            } else {
                self.expr(&scope, *ty, 3)
            };
            select.items.push(item);
        }
        if !windowed && self.random.chance(6) {
            select.first = self.first(&scope);
        }
        select.distinct = select.first.is_none() && self.random.chance(12);
        select
    }

    /// Groups by one or two columns, and an order in which every row has its own place.
    fn first(&mut self, scope: &Scope) -> Option<First> {
        let unique = scope.unique.clone().filter(|u| !u.is_empty())?;
        let mut keys: Vec<Expr> = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let key = self.random.pick(&scope.columns).expr();
            if !matches!(key.ty(), Type::Bytes | Type::Float) && !keys.contains(&key) {
                keys.push(key);
            }
        }
        let order = unique.into_iter().map(|column| Key {
            expr: column.expr(),
            descending: self.random.chance(40),
            nulls_first: self.random.chance(50),
        });
        let order = order.collect();
        (!keys.is_empty()).then_some(First { keys, order })
    }

    fn from(&mut self, simple: bool, depth: usize) -> (Vec<From>, Scope) {
        let count = if simple { 1 } else { 1 + self.random.below(3) };
        let (mut all, mut scope) = (Vec::new(), Scope { unique: Some(Vec::new()), ..Scope::default() });
        for i in 0..count {
            let alias = self.alias();
            if i > 0 && self.random.chance(7) {
                let (lateral, columns) = self.lateral(&alias, &scope);
                scope.columns.extend(columns);
                scope.unique = None;
                all.push(lateral);
                continue;
            }
            let (relation, columns) = self.relation(&alias, simple, depth);
            let id = columns.iter().find(|c| c.name == "id").cloned();
            scope.unique = match (scope.unique, id) {
                (Some(mut unique), Some(id)) => {
                    unique.push(id);
                    Some(unique)
                }
                _ => None,
            };
            let join = if i == 0 { Join::First } else { self.join() };
            let on = match join {
                Join::First | Join::Cross => None,
                _ => Some(self.on(&scope.columns, &columns, join)),
            };
            scope.columns.extend(columns);
            all.push(From { join, relation, alias, on });
        }
        (all, scope)
    }

    fn relation(&mut self, alias: &str, simple: bool, depth: usize) -> (Relation, Vec<ScopeColumn>) {
        let renamed = |columns: super::CteColumns| {
            let column = |(name, ty, tame)| ScopeColumn { table: alias.to_owned(), name, ty, tame };
            columns.into_iter().map(column).collect()
        };
        if !simple && !self.ctes.is_empty() && self.random.chance(40) {
            let (name, columns) = self.ctes[0].clone();
            return (Relation::Cte(name), renamed(columns));
        }
        if !simple && depth < 2 && self.random.chance(15) {
            let query = self.nested(depth + 1);
            let columns = columns_of(&query);
            return (Relation::Derived(Box::new(query)), renamed(columns));
        }
        let name = *self.random.pick(&[TABLES[0], TABLES[0], TABLES[1], TABLES[1], TABLES[2], TABLES[3]]);
        (Relation::Base(name.to_owned()), self.base_columns(alias))
    }

    /// The first rows of a table for each row before it, by an order in which every row has its own place or is the same.
    fn lateral(&mut self, alias: &str, scope: &Scope) -> (From, Vec<ScopeColumn>) {
        let (mut select, inner) = self.sub_select(scope);
        for _ in 0..1 + self.random.below(3) {
            // Of two zeros, which are equal, a limit may keep either.
            let ty = Some(self.ty()).filter(|ty| *ty != Type::Float).unwrap_or(Type::Int8);
            let item = self.column_or_literal(&inner, ty, false);
            select.items.push(item);
        }
        let mut query = Query::select(select);
        let columns = columns_of(&query);
        query.order = (0..columns.len()).map(|i| (i, self.random.chance(50), self.random.chance(50))).collect();
        query.limit = Some(1 + self.random.below(3) as u64);
        let (join, on) = match self.random.chance(50) {
            true => (Join::Left, Some(Expr::Literal(Value::Bool(true), Type::Bool))),
            false => (Join::Cross, None),
        };
        query.offset = (join == Join::Cross && self.random.chance(20)).then_some(1);
        let column = |(name, ty, tame)| ScopeColumn { table: alias.to_owned(), name, ty, tame };
        let columns = columns.into_iter().map(column).collect();
        (From { join, relation: Relation::Lateral(Box::new(query)), alias: alias.to_owned(), on }, columns)
    }

    fn join(&mut self) -> Join {
        match self.random.below(100) {
            0..8 => Join::Cross,
            8..48 => Join::Inner,
            48..72 => Join::Left,
            72..86 => Join::Right,
            _ => Join::Full,
        }
    }

    /// A join condition: mostly an equality of two columns, alone or with more.
    fn on(&mut self, left: &[ScopeColumn], right: &[ScopeColumn], join: Join) -> Expr {
        let mut parts = Vec::new();
        let unequal = if join != Join::Full && self.random.chance(12) { self.inequality(left, right) } else { None };
        if let Some(condition) = unequal.or_else(|| self.equality(left, right)) {
            parts.push(condition);
        }
        let both: Vec<ScopeColumn> = left.iter().chain(right).cloned().collect();
        let scope = Scope { columns: both, ..Scope::default() };
        if parts.is_empty() || self.random.chance(25) {
            parts.push(self.comparison(&scope));
        }
        if join != Join::Full && self.random.chance(15) {
            parts.push(self.leaf_predicate(&scope));
        }
        match parts.len() {
            1 => parts.remove(0),
            _ => Expr::All(parts),
        }
    }

    /// `left < right` or the like for two columns of one type.
    pub(super) fn inequality(&mut self, left: &[ScopeColumn], right: &[ScopeColumn]) -> Option<Expr> {
        const OPERATORS: [Comparison; 5] =
            [Comparison::Lt, Comparison::LtEq, Comparison::Gt, Comparison::GtEq, Comparison::NotEq];
        for _ in 0..8 {
            let (a, b) = (self.random.pick(left).clone(), self.random.pick(right).clone());
            if a.ty == b.ty && a.ty != Type::Bool {
                return Some(Expr::compare(*self.random.pick(&OPERATORS), a.expr(), b.expr()));
            }
        }
        None
    }

    /// `left = right` for two columns that compare.
    pub(super) fn equality(&mut self, left: &[ScopeColumn], right: &[ScopeColumn]) -> Option<Expr> {
        if self.random.chance(20)
            && let Some(condition) = self.reference(left, right)
        {
            return Some(condition);
        }
        for _ in 0..8 {
            let (a, b) = (self.random.pick(left).clone(), self.random.pick(right).clone());
            let same = a.ty == b.ty || (a.ty.is_integer() && b.ty.is_integer());
            if same {
                let op = if self.random.chance(90) { Comparison::Eq } else { Comparison::NotDistinct };
                return Some(Expr::compare(op, a.expr(), b.expr()));
            }
        }
        None
    }

    /// A key or a reference of one side equal to a key of the other.
    fn reference(&mut self, left: &[ScopeColumn], right: &[ScopeColumn]) -> Option<Expr> {
        let (from, to) = if self.random.chance(50) { (left, right) } else { (right, left) };
        let keys: Vec<&ScopeColumn> = to.iter().filter(|c| c.name == "id").collect();
        let from: Vec<&ScopeColumn> = from.iter().filter(|c| c.name == "id" || c.name == REFERENCE).collect();
        if keys.is_empty() || from.is_empty() {
            return None;
        }
        let (from, key) = (self.random.pick(&from).expr(), self.random.pick(&keys).expr());
        Some(Expr::compare(Comparison::Eq, from, key))
    }
}

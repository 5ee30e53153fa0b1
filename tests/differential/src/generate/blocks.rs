//! SELECT blocks and their FROM.

use super::{Generator, Scope, ScopeColumn, columns_of};
use crate::ast::{Comparison, Expr, From, Grouping, Join, Relation, Select};
use crate::schema::TABLES;
use crate::value::Type;

impl Generator {
    pub(super) fn select(&mut self, types: &[Type], simple: bool, depth: usize) -> Select {
        let (from, scope) = self.from(simple, depth);
        let filter = self.random.chance(65).then(|| self.predicate(&scope, if simple { 1 } else { 3 }));
        let mut select =
            Select { distinct: false, items: Vec::new(), from, filter, grouping: Grouping::None, having: None };
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
        select.distinct = self.random.chance(12);
        select
    }

    fn from(&mut self, simple: bool, depth: usize) -> (Vec<From>, Scope) {
        let count = if simple { 1 } else { 1 + self.random.below(3) };
        let (mut all, mut scope) = (Vec::new(), Scope { unique: Some(Vec::new()), ..Scope::default() });
        for i in 0..count {
            let alias = self.alias();
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
        if let Some(equality) = self.equality(left, right) {
            parts.push(equality);
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

    /// `left = right` for two columns that compare.
    pub(super) fn equality(&mut self, left: &[ScopeColumn], right: &[ScopeColumn]) -> Option<Expr> {
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
}

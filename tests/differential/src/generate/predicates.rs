//! Predicates with three truth values, and sub-queries.

use super::{Generator, Scope, ScopeColumn};
use crate::ast::{AggregateFunction, Comparison, Expr, Function, Grouping, Join, Query, Relation, Select, Truth};
use crate::generate::expressions::call;
use crate::schema::TABLES;
use crate::value::Type;

const COMPARISONS: [Comparison; 8] = [
    Comparison::Eq,
    Comparison::NotEq,
    Comparison::Lt,
    Comparison::LtEq,
    Comparison::Gt,
    Comparison::GtEq,
    Comparison::Distinct,
    Comparison::NotDistinct,
];

const PATTERNS: [&str; 16] =
    ["a%", "%b", "_", "", "%", "a_b", "a\\_b", "a\\%", "%\\\\%", "%'%", "é%", "_b%", "%é%", "日_", "a", "%a%b%"];

const TRUTHS: [Truth; 6] = [Truth::True, Truth::NotTrue, Truth::False, Truth::NotFalse, Truth::Unknown, Truth::NotUnknown];

/// Types of scalar sub-queries.
const SCALAR_TYPES: [Type; 6] = [Type::Int8, Type::Int8, Type::Int4, Type::Decimal, Type::Text, Type::Date];

impl Generator {
    pub(super) fn predicate(&mut self, scope: &Scope, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(40) {
            return self.leaf_predicate(scope);
        }
        match self.random.below(10) {
            0..3 => Expr::All((0..2 + self.random.below(2)).map(|_| self.predicate(scope, depth - 1)).collect()),
            3..6 => Expr::Any((0..2 + self.random.below(2)).map(|_| self.predicate(scope, depth - 1)).collect()),
            6 => Expr::Not(Box::new(self.predicate(scope, depth - 1))),
            7 => Expr::Truth(*self.random.pick(&TRUTHS), Box::new(self.predicate(scope, depth - 1))),
            8 if scope.outer.is_empty() => self.sub_query(scope),
            _ => {
                let ty = self.ty();
                let sides = [self.expr(scope, ty, depth - 1), self.expr(scope, ty, depth - 1)];
                Expr::Compare(*self.random.pick(&COMPARISONS), Box::new(sides))
            }
        }
    }

    /// A predicate without AND and OR; mostly a column against values.
    pub(super) fn leaf_predicate(&mut self, scope: &Scope) -> Expr {
        let ty = self.ty();
        let Some(column) = self.column(scope, ty, false) else { return self.comparison(scope) };
        match self.random.below(12) {
            0 => Expr::IsNull { expr: Box::new(column.expr()), negated: self.random.chance(50) },
            1 | 2 => {
                let list = (0..1 + self.random.below(4)).map(|_| self.literal(ty, false)).collect();
                Expr::InList { expr: Box::new(column.expr()), list, negated: self.random.chance(40) }
            }
            3 => {
                let parts = [column.expr(), self.literal(ty, false), self.literal(ty, false)];
                Expr::Between { parts: Box::new(parts), negated: self.random.chance(40) }
            }
            4 | 5 => self.text_predicate(scope),
            6 => self.comparison(scope),
            7 => match self.column(scope, Type::Bool, false) {
                Some(flag) if self.random.chance(50) => flag.expr(),
                Some(flag) => Expr::Truth(*self.random.pick(&TRUTHS), Box::new(flag.expr())),
                None => self.literal(Type::Bool, false),
            },
            _ => {
                let mut sides = [column.expr(), self.literal(ty, false)];
                if self.random.chance(15) {
                    sides.swap(0, 1);
                }
                Expr::Compare(*self.random.pick(&COMPARISONS), Box::new(sides))
            }
        }
    }

    fn text_predicate(&mut self, scope: &Scope) -> Expr {
        let text = self.text_leaf(scope);
        if self.random.chance(12) {
            let start = self.literal(Type::Text, false);
            return call(Function::StartsWith, Type::Bool, vec![text, start]);
        }
        let pattern = (*self.random.pick(&PATTERNS)).to_owned();
        let (negated, insensitive) = (self.random.chance(35), self.random.chance(20));
        Expr::Like { expr: Box::new(text), pattern, negated, insensitive }
    }

    /// Two columns, of one type or of two kinds of numbers.
    pub(super) fn comparison(&mut self, scope: &Scope) -> Expr {
        let op = *self.random.pick(&COMPARISONS);
        let left: ScopeColumn = self.random.pick(&scope.columns).clone();
        let right_type = match left.ty {
            Type::Int2 | Type::Int4 | Type::Int8 => *self.random.pick(&[Type::Int2, Type::Int4, Type::Int8, Type::Decimal]),
            other => other,
        };
        Expr::compare(op, left.expr(), self.column_or_literal(scope, right_type, false))
    }

    /// EXISTS, IN or a comparison with a scalar sub-query.
    fn sub_query(&mut self, scope: &Scope) -> Expr {
        let (mut select, inner) = self.sub_select(scope);
        match self.random.below(4) {
            0 => {
                select.items = vec![self.literal(Type::Int4, true)];
                Expr::Exists { query: Box::new(Query::select(select)), negated: self.random.chance(50) }
            }
            1 | 2 => {
                let ty = self.ty();
                select.items = vec![self.column_or_literal(&inner, ty, false)];
                let expr = Box::new(self.column_or_literal(scope, ty, false));
                Expr::InQuery { expr, query: Box::new(Query::select(select)), negated: self.random.chance(50) }
            }
            _ => {
                let ty = *self.random.pick(&SCALAR_TYPES);
                let scalar = self.scalar(select, &inner, ty);
                let left = self.column_or_literal(scope, ty, false);
                Expr::compare(*self.random.pick(&COMPARISONS[..6]), left, scalar)
            }
        }
    }

    /// A block over one table, perhaps bound to the block around by an equality.
    pub(super) fn sub_select(&mut self, scope: &Scope) -> (Select, Scope) {
        let alias = self.alias();
        let columns = self.base_columns(&alias);
        let name = *self.random.pick(&TABLES);
        let from = crate::ast::From { join: Join::First, relation: Relation::Base(name.to_owned()), alias, on: None };
        let inner = Scope { columns, outer: scope.columns.clone(), unique: None };
        let mut parts = Vec::new();
        let bound = match self.random.below(100) {
            0..38 => self.equality(&inner.columns, &scope.columns),
            38..50 => self.inequality(&inner.columns, &scope.columns),
            _ => None,
        };
        parts.extend(bound);
        if self.random.chance(60) {
            parts.push(self.leaf_predicate(&inner));
        }
        let filter = match parts.len() {
            0 => None,
            1 => Some(parts.remove(0)),
            _ => Some(Expr::All(parts)),
        };
        let grouping = Grouping::None;
        let items = Vec::new();
        (Select { distinct: false, first: None, items, from: vec![from], filter, grouping, having: None }, inner)
    }

    /// At most one row: an aggregate without GROUP BY, or the first row by its only column.
    fn scalar(&mut self, mut select: Select, inner: &Scope, ty: Type) -> Expr {
        if self.random.chance(30) {
            select.items = vec![self.column_or_literal(inner, ty, false)];
            let mut query = Query::select(select);
            query.order = vec![(0, self.random.chance(50), self.random.chance(50))];
            query.limit = Some(1);
            query.offset = self.random.chance(20).then_some(1);
            return Expr::Scalar { query: Box::new(query), ty };
        }
        let function = *self.random.pick(&[AggregateFunction::Min, AggregateFunction::Max]);
        let argument = Some(Box::new(self.column_or_literal(inner, ty, false)));
        let item = if ty == Type::Int8 && self.random.chance(50) {
            Expr::Aggregate { function: AggregateFunction::CountRows, argument: None, distinct: false, filter: None, ty }
        } else {
            Expr::Aggregate { function, argument, distinct: false, filter: None, ty }
        };
        select.items = vec![item];
        Expr::Scalar { query: Box::new(Query::select(select)), ty }
    }

    /// A scalar sub-query as a column, when the type has an aggregate everywhere.
    pub(super) fn scalar_item(&mut self, scope: &Scope, ty: Type) -> Expr {
        if !SCALAR_TYPES.contains(&ty) {
            return self.expr(scope, ty, 2);
        }
        let (select, inner) = self.sub_select(scope);
        self.scalar(select, &inner, ty)
    }
}

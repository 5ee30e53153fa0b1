//! GROUP BY, grouping sets, aggregates and HAVING.

use super::{Generator, Scope};
use crate::ast::{AggregateFunction, Comparison, Expr, Function, Grouping, Select};
use crate::value::Type;

impl Generator {
    /// Makes the block a grouped one whose columns have these types.
    pub(super) fn group(&mut self, select: &mut Select, scope: &Scope, types: &[Type]) {
        let mut keys: Vec<Expr> = Vec::new();
        for _ in 0..self.random.below(4) {
            let ty = if self.random.chance(60) { *self.random.pick(types) } else { self.ty() };
            let Some(column) = self.column(scope, ty, false) else { continue };
            let key = if self.random.chance(22) { self.key_expression(scope, column.expr(), ty) } else { column.expr() };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        select.items = types.iter().map(|ty| self.grouped_item(scope, &keys, *ty)).collect();
        if self.random.chance(25) {
            let count = self.aggregate(scope, Type::Int8);
            let op = *self.random.pick(&[Comparison::Gt, Comparison::LtEq, Comparison::NotEq]);
            select.having = Some(Expr::compare(op, count, self.literal(Type::Int8, true)));
        }
        let sets = keys.len() > 1 || (keys.len() == 1 && self.random.chance(30));
        select.grouping = match self.random.below(10) {
            _ if keys.is_empty() => Grouping::None,
            0 if sets => Grouping::Rollup(keys),
            1 if sets => Grouping::Cube(keys),
            2 if sets => {
                let all: Vec<usize> = (0..keys.len()).collect();
                let mut sets = vec![all];
                for _ in 0..1 + self.random.below(2) {
                    sets.push((0..keys.len()).filter(|_| self.random.chance(50)).collect());
                }
                Grouping::Sets(keys, sets)
            }
            _ => Grouping::Keys(keys),
        };
        let marked = !matches!(select.grouping, Grouping::None | Grouping::Keys(_)) && self.random.chance(40);
        if marked && let Some(at) = types.iter().position(|t| *t == Type::Int8) {
            let keys = match &select.grouping {
                Grouping::Rollup(keys) | Grouping::Cube(keys) | Grouping::Sets(keys, _) => keys.clone(),
                _ => Vec::new(),
            };
            select.items[at] = Expr::Grouping(Box::new(self.random.pick(&keys).clone()));
        }
    }

    fn key_expression(&mut self, scope: &Scope, column: Expr, ty: Type) -> Expr {
        match ty {
            Type::Text if self.random.chance(60) => {
                let function = *self.random.pick(&[Function::Lower, Function::Upper, Function::Reverse, Function::Trim]);
                Expr::Call { function, arguments: vec![column], ty }
            }
            Type::Date | Type::Timestamp | Type::Instant if self.random.chance(60) => self.time(scope, ty),
            _ => {
                let otherwise = self.column_or_literal(scope, ty, false);
                Expr::Call { function: Function::Coalesce, arguments: vec![column, otherwise], ty }
            }
        }
    }

    fn grouped_item(&mut self, scope: &Scope, keys: &[Expr], ty: Type) -> Expr {
        let fitting: Vec<&Expr> = keys.iter().filter(|k| k.ty() == ty).collect();
        if !fitting.is_empty() && self.random.chance(60) {
            return (*self.random.pick(&fitting)).clone();
        }
        self.aggregate(scope, ty)
    }

    /// An aggregate of a type; its argument is a column or an expression.
    pub(super) fn aggregate(&mut self, scope: &Scope, ty: Type) -> Expr {
        let filter = self.random.chance(15).then(|| Box::new(self.predicate(scope, 1)));
        let make = |function, argument: Option<Expr>, distinct| Expr::Aggregate {
            function,
            argument: argument.map(Box::new),
            distinct,
            filter,
            ty,
        };
        let extreme = *self.random.pick(&[AggregateFunction::Min, AggregateFunction::Max]);
        match ty {
            Type::Bool => {
                let function = *self.random.pick(&[AggregateFunction::BoolAnd, AggregateFunction::BoolOr]);
                let argument = self.expr(scope, ty, 1);
                make(function, Some(argument), false)
            }
            Type::Int8 => match self.random.below(6) {
                0 | 1 => make(AggregateFunction::CountRows, None, false),
                2 => {
                    let of = self.ty();
                    let argument = self.expr(scope, of, 1);
                    let distinct = self.random.chance(50);
                    make(AggregateFunction::Count, Some(argument), distinct)
                }
                3 | 4 => {
                    let argument = self.tame_integer(scope);
                    let distinct = self.random.chance(20);
                    make(AggregateFunction::Sum, Some(argument), distinct)
                }
                _ => make(extreme, Some(self.expr(scope, ty, 1)), false),
            },
            Type::Float if self.random.chance(60) => {
                let argument = self.column_or_literal(scope, ty, true);
                let function = *self.random.pick(&[AggregateFunction::Sum, AggregateFunction::Average]);
                make(function, Some(argument), false)
            }
            Type::Decimal if self.random.chance(60) => {
                let argument = self.column_or_literal(scope, ty, true);
                let function =
                    *self.random.pick(&[AggregateFunction::Sum, AggregateFunction::Sum, AggregateFunction::Average]);
                make(function, Some(argument), false)
            }
            _ => make(extreme, Some(self.expr(scope, ty, 1)), false),
        }
    }
}

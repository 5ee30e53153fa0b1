//! Window functions with one answer.

use super::{Generator, Scope};
use crate::ast::{AggregateFunction, Expr, Key, WindowFunction};
use crate::value::{Type, Value};

impl Generator {
    pub(super) fn window(&mut self, scope: &Scope, ty: Type) -> Expr {
        let partition: Vec<Expr> = (0..self.random.below(3))
            .filter_map(|_| {
                let ty = self.ty();
                self.column(scope, ty, false).map(|c| c.expr())
            })
            .collect();
        let mut order: Vec<Key> = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            let ty = self.ty();
            // Frames by range over bytes are refused.
            if let Some(column) = self.column(scope, ty, false).filter(|_| ty != Type::Bytes) {
                order.push(self.key(column.expr()));
            }
        }
        let unique = scope.unique.clone().filter(|u| !u.is_empty() && self.random.chance(70));
        for column in unique.iter().flatten() {
            let key = self.key(column.expr());
            order.push(key);
        }
        let (function, arguments) = self.window_function(scope, ty, unique.is_some());
        let framed = matches!(
            function,
            WindowFunction::Aggregate(_)
                | WindowFunction::FirstValue
                | WindowFunction::LastValue
                | WindowFunction::NthValue
        );
        let frame = (framed && unique.is_some() && self.random.chance(50))
            .then(|| (self.random.below(3) as u32, self.random.below(3) as u32));
        if order.is_empty() {
            // Without an order all rows are peers.
            let function = WindowFunction::Aggregate(AggregateFunction::Max);
            let arguments = vec![self.orderable(scope, ty)];
            return bool_free(Expr::Window { function, arguments, partition, order, frame: None, ty });
        }
        bool_free(Expr::Window { function, arguments, partition, order, frame, ty })
    }

    fn key(&mut self, expr: Expr) -> Key {
        Key { expr, descending: self.random.chance(40), nulls_first: self.random.chance(50) }
    }

    /// A count of rows or of groups.
    fn small(&mut self) -> Expr {
        Expr::Literal(Value::Int(1 + self.random.below(3) as i64), Type::Int4)
    }

    fn orderable(&mut self, scope: &Scope, ty: Type) -> Expr {
        self.column_or_literal(scope, ty, false)
    }

    fn window_function(&mut self, scope: &Scope, ty: Type, unique: bool) -> (WindowFunction, Vec<Expr>) {
        let aggregate = |f, a| (WindowFunction::Aggregate(f), a);
        if ty == Type::Int8 && self.random.chance(60) {
            return match self.random.below(6) {
                0 if unique => (WindowFunction::RowNumber, Vec::new()),
                0 | 1 => (WindowFunction::Rank, Vec::new()),
                2 => (WindowFunction::DenseRank, Vec::new()),
                3 => aggregate(AggregateFunction::CountRows, Vec::new()),
                4 if unique => (WindowFunction::Ntile, vec![self.small()]),
                _ => aggregate(AggregateFunction::Sum, vec![self.tame_integer(scope)]),
            };
        }
        if ty == Type::Float && self.random.chance(40) {
            return (*self.random.pick(&[WindowFunction::PercentRank, WindowFunction::CumulativeShare]), Vec::new());
        }
        let argument = self.orderable(scope, ty);
        if unique && self.random.chance(20) {
            let function = *self.random.pick(&[WindowFunction::NthValue, WindowFunction::Lag, WindowFunction::Lead]);
            return (function, vec![argument, self.small()]);
        }
        if unique && self.random.chance(60) {
            let function = *self.random.pick(&[
                WindowFunction::Lag,
                WindowFunction::Lead,
                WindowFunction::FirstValue,
                WindowFunction::LastValue,
            ]);
            return (function, vec![argument]);
        }
        let function = *self.random.pick(&[AggregateFunction::Min, AggregateFunction::Max]);
        aggregate(function, vec![argument])
    }
}

/// `min` and `max` of truth values are `bool_and` and `bool_or` everywhere.
fn bool_free(expr: Expr) -> Expr {
    match expr {
        Expr::Window { function: WindowFunction::Aggregate(f), arguments, partition, order, frame, ty: Type::Bool } => {
            let f = if f == AggregateFunction::Min { AggregateFunction::BoolAnd } else { AggregateFunction::BoolOr };
            Expr::Window { function: WindowFunction::Aggregate(f), arguments, partition, order, frame, ty: Type::Bool }
        }
        other => other,
    }
}

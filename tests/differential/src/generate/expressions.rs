//! Expressions of a wanted type.

use super::{Generator, Scope, ScopeColumn};
use crate::ast::{Arithmetic, Expr, Function};
use crate::schema::literal;
use crate::value::{Type, Value};

pub(super) fn call(function: Function, ty: Type, arguments: Vec<Expr>) -> Expr {
    Expr::Call { function, arguments, ty }
}

const DATE_PARTS: [Function; 7] = [
    Function::Year,
    Function::Quarter,
    Function::Month,
    Function::Week,
    Function::Day,
    Function::DayOfYear,
    Function::DayOfWeek,
];

const TIME_PARTS: [Function; 5] = [Function::Year, Function::Day, Function::Hour, Function::Minute, Function::Second];

const TRUNCATIONS: [Function; 6] = [
    Function::TruncateYear,
    Function::TruncateQuarter,
    Function::TruncateMonth,
    Function::TruncateWeek,
    Function::TruncateDay,
    Function::TruncateHour,
];

impl Generator {
    pub(super) fn literal(&mut self, ty: Type, tame: bool) -> Expr {
        Expr::Literal(literal(&mut self.random, ty, tame), ty)
    }

    /// A column of the type, seldom one of the block around.
    pub(super) fn column(&mut self, scope: &Scope, ty: Type, tame: bool) -> Option<ScopeColumn> {
        let fits = |c: &&ScopeColumn| c.ty == ty && (c.tame || !tame);
        let fitting: Vec<ScopeColumn> = scope.columns.iter().filter(fits).cloned().collect();
        (!fitting.is_empty()).then(|| self.random.pick(&fitting).clone())
    }

    pub(super) fn column_or_literal(&mut self, scope: &Scope, ty: Type, tame: bool) -> Expr {
        match self.column(scope, ty, tame) {
            Some(column) if !self.random.chance(8) => column.expr(),
            _ => self.literal(ty, tame),
        }
    }

    pub(super) fn expr(&mut self, scope: &Scope, ty: Type, depth: usize) -> Expr {
        if depth == 0 || self.random.chance(35) {
            return self.column_or_literal(scope, ty, false);
        }
        if self.random.chance(25) {
            return self.common(scope, ty, depth - 1);
        }
        match ty {
            Type::Bool => self.predicate(scope, depth - 1),
            Type::Int8 => self.integer(scope, depth - 1),
            Type::Float => self.float(scope, depth - 1),
            Type::Decimal => self.decimal(scope),
            Type::Text => self.text(scope, depth - 1),
            Type::Date | Type::Timestamp | Type::Instant => self.time(scope, ty),
            Type::Int4 => Expr::Cast(Box::new(self.column_or_literal(scope, Type::Bool, false)), ty),
            _ => self.common(scope, ty, depth - 1),
        }
    }

    /// What every type has: CASE, COALESCE, NULLIF, GREATEST, LEAST.
    fn common(&mut self, scope: &Scope, ty: Type, depth: usize) -> Expr {
        match self.random.below(4) {
            0 => {
                let whens = (0..1 + self.random.below(2))
                    .map(|_| (self.predicate(scope, depth.min(1)), self.expr(scope, ty, depth)))
                    .collect();
                let otherwise = self.random.chance(70).then(|| Box::new(self.expr(scope, ty, depth)));
                Expr::Case { whens, otherwise, ty }
            }
            1 => {
                let arguments = (0..2 + self.random.below(2)).map(|_| self.expr(scope, ty, depth)).collect();
                call(Function::Coalesce, ty, arguments)
            }
            // Bytes and truth values have no order in all of them.
            2 if !matches!(ty, Type::Bytes | Type::Bool) => {
                let arguments = (0..2 + self.random.below(2)).map(|_| self.column_or_literal(scope, ty, false)).collect();
                call(*self.random.pick(&[Function::Greatest, Function::Least]), ty, arguments)
            }
            _ => {
                let arguments = vec![self.expr(scope, ty, depth), self.column_or_literal(scope, ty, false)];
                call(Function::NullIf, ty, arguments)
            }
        }
    }

    /// A small whole number as BIGINT.
    pub(super) fn tame_integer(&mut self, scope: &Scope) -> Expr {
        let ty = *self.random.pick(&[Type::Int4, Type::Int4, Type::Int2, Type::Int8]);
        match self.column(scope, ty, true) {
            Some(column) if ty == Type::Int8 => column.expr(),
            Some(column) => Expr::Cast(Box::new(column.expr()), Type::Int8),
            None => self.literal(Type::Int8, true),
        }
    }

    fn integer(&mut self, scope: &Scope, depth: usize) -> Expr {
        let ty = Type::Int8;
        match self.random.below(12) {
            0 => call(Function::Length, ty, vec![self.text_leaf(scope)]),
            1 => call(Function::Abs, ty, vec![self.tame_integer(scope)]),
            2 => call(Function::Negate, ty, vec![self.tame_integer(scope)]),
            3 => {
                let text = self.literal(Type::Text, false);
                call(Function::Position, ty, vec![self.text_leaf(scope), text])
            }
            4 => {
                let date = self.column_or_literal(scope, Type::Date, false);
                call(*self.random.pick(&DATE_PARTS), ty, vec![date])
            }
            5 => {
                let divisor = Expr::Literal(Value::Int(*self.random.pick(&[2, 3, 7, -2])), ty);
                let op = *self.random.pick(&[Arithmetic::Divide, Arithmetic::Modulo]);
                Expr::Arithmetic(op, Box::new([self.tame_integer(scope), divisor]))
            }
            6 => Expr::Cast(Box::new(self.column_or_literal(scope, Type::Int4, false)), ty),
            7 => {
                let of = *self.random.pick(&[Type::Timestamp, Type::Instant]);
                let time = self.column_or_literal(scope, of, false);
                call(*self.random.pick(&TIME_PARTS), ty, vec![time])
            }
            8 => call(Function::Bytes, ty, vec![self.text_leaf(scope)]),
            9 => {
                let of = *self.random.pick(&[Type::Decimal, Type::Float]);
                Expr::Cast(Box::new(self.column_or_literal(scope, of, true)), ty)
            }
            // May overflow.
            10 if self.random.chance(25) => {
                let sides = [self.column_or_literal(scope, ty, false), self.literal(ty, true)];
                Expr::Arithmetic(*self.random.pick(&[Arithmetic::Plus, Arithmetic::Minus]), Box::new(sides))
            }
            _ => {
                let op = *self.random.pick(&[Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times]);
                let right = if depth > 0 && self.random.chance(30) {
                    let sides = [self.tame_integer(scope), self.literal(ty, true)];
                    Expr::Arithmetic(Arithmetic::Plus, Box::new(sides))
                } else {
                    self.tame_integer(scope)
                };
                Expr::Arithmetic(op, Box::new([self.tame_integer(scope), right]))
            }
        }
    }

    fn float(&mut self, scope: &Scope, depth: usize) -> Expr {
        let leaf = |g: &mut Self| g.column_or_literal(scope, Type::Float, true);
        match self.random.below(7) {
            0 => call(Function::Abs, Type::Float, vec![leaf(self)]),
            1 => Expr::Cast(Box::new(self.tame_integer(scope)), Type::Float),
            2 => {
                call(*self.random.pick(&[Function::Floor, Function::Ceil, Function::Round]), Type::Float, vec![leaf(self)])
            }
            3 => Expr::Cast(Box::new(self.column_or_literal(scope, Type::Decimal, true)), Type::Float),
            4 if depth > 0 => Expr::Arithmetic(Arithmetic::Divide, Box::new([leaf(self), leaf(self)])),
            _ => {
                let op = *self.random.pick(&[Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times]);
                Expr::Arithmetic(op, Box::new([leaf(self), leaf(self)]))
            }
        }
    }

    fn decimal(&mut self, scope: &Scope) -> Expr {
        let leaf = |g: &mut Self| g.column_or_literal(scope, Type::Decimal, true);
        match self.random.below(6) {
            0 => call(Function::Abs, Type::Decimal, vec![leaf(self)]),
            1 => Expr::Cast(Box::new(self.tame_integer(scope)), Type::Decimal),
            2 => Expr::Cast(Box::new(self.column_or_literal(scope, Type::Float, true)), Type::Decimal),
            _ => {
                let op = *self.random.pick(&[Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times]);
                Expr::Arithmetic(op, Box::new([leaf(self), leaf(self)]))
            }
        }
    }

    pub(super) fn time(&mut self, scope: &Scope, ty: Type) -> Expr {
        let leaf = self.column_or_literal(scope, ty, false);
        match ty {
            Type::Date if self.random.chance(50) => {
                call(*self.random.pick(&[Function::NextMonth, Function::NextDay]), ty, vec![leaf])
            }
            Type::Date => {
                let of = *self.random.pick(&[Type::Timestamp, Type::Instant]);
                match self.column(scope, of, false) {
                    Some(column) => Expr::Cast(Box::new(column.expr()), ty),
                    None => leaf,
                }
            }
            _ if self.random.chance(30) => {
                let others = [Type::Date, if ty == Type::Instant { Type::Timestamp } else { Type::Instant }];
                let of = *self.random.pick(&others);
                Expr::Cast(Box::new(self.column_or_literal(scope, of, false)), ty)
            }
            _ if self.random.chance(30) => call(Function::LaterHours, ty, vec![leaf]),
            _ => call(*self.random.pick(&TRUNCATIONS), ty, vec![leaf]),
        }
    }

    pub(super) fn text_leaf(&mut self, scope: &Scope) -> Expr {
        self.column_or_literal(scope, Type::Text, false)
    }

    fn text(&mut self, scope: &Scope, depth: usize) -> Expr {
        let ty = Type::Text;
        let inner = if depth > 0 && self.random.chance(30) { self.text(scope, depth - 1) } else { self.text_leaf(scope) };
        match self.random.below(13) {
            0 => call(Function::Lower, ty, vec![inner]),
            1 => call(Function::Upper, ty, vec![inner]),
            2 => {
                let start = Expr::Literal(Value::Int(1 + self.random.below(3) as i64), Type::Int4);
                let count = Expr::Literal(Value::Int(self.random.below(4) as i64), Type::Int4);
                call(Function::Substring, ty, vec![inner, start, count])
            }
            3 => call(Function::Trim, ty, vec![inner]),
            4 => {
                let from = Expr::Literal(Value::Text((*self.random.pick(&["a", "b", "'", "\\", "é"])).to_owned()), ty);
                let to = Expr::Literal(Value::Text((*self.random.pick(&["", "x", "\\'", "''"])).to_owned()), ty);
                call(Function::Replace, ty, vec![inner, from, to])
            }
            5 | 6 => {
                let of = *self.random.pick(&[
                    Type::Int4,
                    Type::Int8,
                    Type::Decimal,
                    Type::Bool,
                    Type::Float,
                    Type::Date,
                    Type::Timestamp,
                ]);
                Expr::Cast(Box::new(self.column_or_literal(scope, of, false)), ty)
            }
            7 => {
                let count = Expr::Literal(Value::Int(self.random.below(4) as i64), Type::Int4);
                let function = *self.random.pick(&[Function::Left, Function::Right, Function::Repeat]);
                call(function, ty, vec![inner, count])
            }
            8 => call(*self.random.pick(&[Function::TrimStart, Function::TrimEnd, Function::Reverse]), ty, vec![inner]),
            9 => {
                let between = Expr::Literal(Value::Text((*self.random.pick(&["a", "'", "\\", "_", "é"])).to_owned()), ty);
                let part = Expr::Literal(Value::Int(1 + self.random.below(2) as i64), Type::Int4);
                call(Function::SplitPart, ty, vec![inner, between, part])
            }
            10 => call(Function::Concat, ty, vec![inner, self.text_leaf(scope)]),
            _ => call(Function::JoinTexts, ty, vec![inner, self.text_leaf(scope)]),
        }
    }
}

//! Expressions.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Case, InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, ExprSchemable, Like, Operator as PlanOperator, Volatility};
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Notes, Outcome, Refused, arithmetic, transparent};

use super::Translator;
use super::compare::{compare, text_of};
use super::database::{Class, Collation, Fact, Part, Value};
use super::plan::merged;
use crate::expr::{Expr, Operator};
use crate::select::Query;

/// What the columns of an expression are.
pub(super) struct Scope<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) columns: &'a [Value],
}

/// Expressions nested deeper than this stay here.
const DEPTH_MAX: usize = 120;

impl Translator<'_> {
    /// All of them; every one that is refused is noted.
    pub(super) fn values(&mut self, exprs: &[PlanExpr], scope: &Scope<'_>) -> Outcome<Vec<Value>> {
        let found: Vec<_> = exprs.iter().map(|e| self.value(e, scope)).collect();
        found.into_iter().collect()
    }

    /// Conditions; every one that is refused is noted.
    pub(super) fn predicates(&mut self, exprs: &[&PlanExpr], scope: &Scope<'_>) -> Outcome<Vec<Expr>> {
        let found: Vec<_> = exprs.iter().map(|e| self.predicate(e, scope)).collect();
        found.into_iter().collect()
    }

    /// A condition.
    pub(super) fn predicate(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Expr> {
        let value = self.value(expr, scope)?;
        match value.fact.class {
            Class::Bool => Ok(value.expr),
            _ => self.refuse(expr, "it is not true or false at the source"),
        }
    }

    /// An expression with its type.
    pub(super) fn value(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        if self.depth >= DEPTH_MAX {
            return self.refuse("an expression", format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let value = self.value_node(expr, scope);
        self.depth -= 1;
        value
    }

    fn value_node(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        match expr {
            PlanExpr::Alias(alias) => self.value(&alias.expr, scope),
            PlanExpr::Column(column) => {
                let found = scope.schema.maybe_index_of_column(column).and_then(|i| scope.columns.get(i));
                match found.cloned() {
                    Some(Value { fact: Fact { class: Class::Missing(reason), .. }, .. }) => self.refuse(expr, reason),
                    Some(value) => Ok(value),
                    None => self.refuse(expr, "it is no column of the input"),
                }
            }
            PlanExpr::Literal(value, _) => self.literal(expr, value),
            PlanExpr::BinaryExpr(BinaryExpr { op: op @ (PlanOperator::And | PlanOperator::Or), .. }) => {
                self.chain(expr, *op, scope)
            }
            PlanExpr::BinaryExpr(BinaryExpr { left, op, right }) => self.binary(expr, (left, *op, right), scope),
            PlanExpr::Not(inner) => self.truth(expr, inner, scope, |e| Expr::Not(Box::new(e))),
            PlanExpr::IsTrue(inner) => self.truth(expr, inner, scope, |e| Expr::IsTrue(Box::new(e))),
            PlanExpr::IsFalse(inner) => self.truth(expr, inner, scope, |e| Expr::IsFalse(Box::new(e))),
            PlanExpr::IsUnknown(inner) => self.truth(expr, inner, scope, |e| Expr::IsUnknown(Box::new(e))),
            PlanExpr::IsNotTrue(inner) => self.truth(expr, inner, scope, |e| not(Expr::IsTrue(Box::new(e)))),
            PlanExpr::IsNotFalse(inner) => self.truth(expr, inner, scope, |e| not(Expr::IsFalse(Box::new(e)))),
            PlanExpr::IsNotUnknown(inner) => self.truth(expr, inner, scope, |e| not(Expr::IsUnknown(Box::new(e)))),
            PlanExpr::IsNull(inner) => self.null_test(expr, inner, scope, Expr::IsNull),
            PlanExpr::IsNotNull(inner) => self.null_test(expr, inner, scope, Expr::IsNotNull),
            PlanExpr::Negative(inner) => self.negative(expr, inner, scope),
            PlanExpr::Between(between) => self.between(expr, between, scope),
            PlanExpr::InList(list) => self.in_list(expr, list, scope),
            PlanExpr::Like(like) => self.like(expr, like, scope),
            PlanExpr::Case(case) => self.case(expr, case, scope),
            PlanExpr::Cast(cast) => {
                let value = self.value(&cast.expr, scope)?;
                if value.fact.arrow == *cast.field.data_type() {
                    return Ok(value);
                }
                let usable = value.usable();
                self.noted(expr, usable)?;
                let cast = self.database.cast(&value, cast.field.data_type());
                self.noted(expr, cast)
            }
            PlanExpr::ScalarFunction(_) if let Some(cast) = transparent::inner(expr) => self.value(cast, scope),
            PlanExpr::ScalarFunction(function) => match (arithmetic::sides(expr), arithmetic::negated(expr)) {
                (Some(sides), _) => self.binary(expr, sides, scope),
                (_, Some(inner)) => self.negative(expr, inner, scope),
                _ => self.function(expr, function, scope),
            },
            PlanExpr::ScalarSubquery(_) | PlanExpr::InSubquery(_) | PlanExpr::Exists(_) => self.query(expr, scope),
            other => self.refuse(other, "it is computed here"),
        }
    }

    fn bool(&mut self, part: &PlanExpr, expr: Expr) -> Outcome<Value> {
        let value = self.database.value(expr, &DataType::Boolean);
        self.noted(part, value)
    }

    fn literal(&mut self, part: &PlanExpr, value: &ScalarValue) -> Outcome<Value> {
        if let ScalarValue::Dictionary(_, inner) = value {
            return self.literal(part, inner);
        }
        let accepted = self.database.literal(value);
        self.noted(part, accepted)?;
        let expr = Expr::Value(value.clone());
        let typed = self.database.value(expr, &value.data_type());
        let mut typed = self.noted(part, typed)?;
        let number = match value {
            ScalarValue::Float64(v) => *v,
            ScalarValue::Float32(v) => v.map(f64::from),
            _ => None,
        };
        if number.is_some_and(|n| n.is_finite() && n.to_bits() != (-0.0_f64).to_bits()) {
            typed.fact.class = Class::Finite;
        }
        Ok(Value { constant: Some(value.clone()), fixed: true, ..typed })
    }

    /// A chain of AND or OR of any length, without recursion along the chain.
    fn chain(&mut self, expr: &PlanExpr, op: PlanOperator, scope: &Scope<'_>) -> Outcome<Value> {
        let (mut stack, mut parts, mut refused) = (vec![expr], Vec::new(), false);
        while let Some(part) = stack.pop() {
            match part {
                PlanExpr::BinaryExpr(BinaryExpr { left, op: found, right }) if *found == op => {
                    stack.push(right);
                    stack.push(left);
                }
                part => match self.predicate(part, scope) {
                    Ok(part) => parts.push(part),
                    Err(Refused) => refused = true,
                },
            }
        }
        if refused {
            return Err(Refused);
        }
        self.bool(expr, if op == PlanOperator::And { Expr::All(parts) } else { Expr::Any(parts) })
    }

    fn binary(
        &mut self,
        expr: &PlanExpr,
        (left, op, right): (&PlanExpr, PlanOperator, &PlanExpr),
        scope: &Scope<'_>,
    ) -> Outcome<Value> {
        let (left, right) = (self.value(left, scope), self.value(right, scope));
        let (left, right) = (left?, right?);
        let operator = match op {
            PlanOperator::Eq => Operator::Eq,
            PlanOperator::NotEq => Operator::NotEq,
            PlanOperator::Lt => Operator::Lt,
            PlanOperator::LtEq => Operator::LtEq,
            PlanOperator::Gt => Operator::Gt,
            PlanOperator::GtEq => Operator::GtEq,
            PlanOperator::IsDistinctFrom => Operator::IsDistinctFrom,
            PlanOperator::IsNotDistinctFrom => Operator::IsNotDistinctFrom,
            PlanOperator::Plus => return self.arithmetic(expr, &left, Operator::Plus, &right, scope),
            PlanOperator::Minus => return self.arithmetic(expr, &left, Operator::Minus, &right, scope),
            PlanOperator::Multiply => return self.arithmetic(expr, &left, Operator::Multiply, &right, scope),
            PlanOperator::Divide => return self.arithmetic(expr, &left, Operator::Divide, &right, scope),
            PlanOperator::Modulo => return self.arithmetic(expr, &left, Operator::Modulo, &right, scope),
            PlanOperator::BitwiseAnd => return self.arithmetic(expr, &left, Operator::BitAnd, &right, scope),
            PlanOperator::BitwiseOr => return self.arithmetic(expr, &left, Operator::BitOr, &right, scope),
            PlanOperator::BitwiseShiftRight => {
                return self.arithmetic(expr, &left, Operator::ShiftRight, &right, scope);
            }
            PlanOperator::StringConcat => return self.arithmetic(expr, &left, Operator::Concat, &right, scope),
            other => return self.refuse(expr, format!("the operator {other} is computed here")),
        };
        let compared = compare(self.database, &left, operator, &right);
        let compared = self.noted(expr, compared)?;
        self.bool(expr, compared)
    }

    fn arithmetic(
        &mut self,
        expr: &PlanExpr,
        left: &Value,
        operator: Operator,
        right: &Value,
        scope: &Scope<'_>,
    ) -> Outcome<Value> {
        let Ok(result) = expr.get_type(scope.schema) else { return self.refuse(expr, "its type is not known") };
        let computed = left
            .usable()
            .and_then(|()| right.usable())
            .and_then(|()| self.database.arithmetic(left, operator, right, &result));
        let computed = self.noted(expr, computed)?;
        match computed.fact.class {
            Class::Text(_) => Ok(collated(computed, &[left, right])),
            _ => Ok(computed),
        }
    }

    fn truth(
        &mut self,
        expr: &PlanExpr,
        inner: &PlanExpr,
        scope: &Scope<'_>,
        make: impl Fn(Expr) -> Expr,
    ) -> Outcome<Value> {
        let inner = self.predicate(inner, scope)?;
        self.bool(expr, make(inner))
    }

    fn null_test(
        &mut self,
        expr: &PlanExpr,
        inner: &PlanExpr,
        scope: &Scope<'_>,
        make: fn(Box<Expr>) -> Expr,
    ) -> Outcome<Value> {
        let inner = self.value(inner, scope)?;
        let allowed = self.database.null_test(&inner);
        self.noted(expr, allowed)?;
        self.bool(expr, make(Box::new(inner.expr)))
    }

    fn negative(&mut self, expr: &PlanExpr, inner: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        let value = self.value(inner, scope)?;
        let Ok(zero) = ScalarValue::new_zero(&value.fact.arrow) else {
            return self.refuse(expr, "its negation is computed here");
        };
        if matches!(value.fact.class, Class::Float | Class::Finite) {
            return self.refuse(expr, "zero minus zero is another zero of floating point");
        }
        let zero = self.literal(expr, &zero)?;
        let computed = self.database.arithmetic(&zero, Operator::Minus, &value, &value.fact.arrow);
        self.noted(expr, computed)
    }

    fn between(&mut self, expr: &PlanExpr, between: &Between, scope: &Scope<'_>) -> Outcome<Value> {
        let value = self.value(&between.expr, scope);
        let (low, high) = (self.value(&between.low, scope), self.value(&between.high, scope));
        let (value, low, high) = (value?, low?, high?);
        let low = compare(self.database, &value, Operator::GtEq, &low);
        let high = compare(self.database, &value, Operator::LtEq, &high);
        let both = Expr::All(vec![self.noted(expr, low)?, self.noted(expr, high)?]);
        self.bool(expr, if between.negated { not(both) } else { both })
    }

    fn in_list(&mut self, expr: &PlanExpr, list: &InList, scope: &Scope<'_>) -> Outcome<Value> {
        let value = self.value(&list.expr, scope)?;
        let elements = self.values(&list.list, scope)?;
        // A null among the elements makes unknown what would be false; not every database finds it in a list.
        let (nulls, elements): (Vec<Value>, Vec<Value>) =
            elements.into_iter().partition(|e| e.constant.as_ref().is_some_and(ScalarValue::is_null));
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for element in &elements {
            if list.negated && value.fact.class == Class::Float {
                return self.refuse(expr, "zeros and NaN of floating point compare otherwise at the source");
            }
            let compared = compare(self.database, &value, Operator::Eq, element);
            let Expr::Binary(l, _, r) = self.noted(expr, compared)? else {
                return self.refuse(expr, "its elements are compared one by one here");
            };
            if !left.contains(&l) {
                left.push(l);
            }
            right.push(*r);
        }
        let found = match <[Box<Expr>; 1]>::try_from(left) {
            Ok([left]) => Expr::InList { expr: left, list: right, negated: false },
            // Values of different forms, such as a text that is a uuid and one that is none, are compared one by one.
            Err(_) => {
                let each = elements.iter().map(|e| compare(self.database, &value, Operator::Eq, e));
                let any = each.collect::<Result<Vec<_>, _>>().map(Expr::Any);
                self.noted(expr, any)?
            }
        };
        let found = match (nulls.is_empty(), found) {
            (true, Expr::InList { expr, list: elements, .. }) => {
                Expr::InList { expr, list: elements, negated: list.negated }
            }
            (true, found) if !list.negated => found,
            (true, found) => not(found),
            (false, found) => {
                let any = Expr::Any(vec![found, Expr::Value(ScalarValue::Boolean(None))]);
                if list.negated { not(any) } else { any }
            }
        };
        self.bool(expr, found)
    }

    fn like(&mut self, expr: &PlanExpr, like: &Like, scope: &Scope<'_>) -> Outcome<Value> {
        let value = self.value(&like.expr, scope)?;
        if like.case_insensitive {
            return self.refuse(expr, "upper and lower case follow the locale of the source");
        }
        let pattern = match like.pattern.as_ref() {
            PlanExpr::Literal(pattern, _) => text_of(pattern),
            _ => None,
        };
        let plain = pattern.filter(|p| !p.contains(['\\', '\0']) && like.escape_char.is_none_or(|c| c == '\\'));
        let Some(pattern) = plain else {
            return self.refuse(expr, "a pattern with escapes, or none that is fixed, stays here");
        };
        let Class::Text(_) = &value.fact.class else { return self.refuse(expr, "it is no text at the source") };
        let found = self.database.like(&value, pattern, like.negated);
        let found = self.noted(expr, found)?;
        self.bool(expr, found)
    }

    fn case(&mut self, expr: &PlanExpr, case: &Case, scope: &Scope<'_>) -> Outcome<Value> {
        let base = case.expr.as_ref().map(|e| self.value(e, scope)).transpose()?;
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for (when, then) in &case.when_then_expr {
            let condition = match &base {
                None => self.predicate(when, scope)?,
                Some(base) => {
                    let when = self.value(when, scope)?;
                    let compared = compare(self.database, base, Operator::Eq, &when);
                    self.noted(expr, compared)?
                }
            };
            conditions.push(condition);
            values.push(self.value(then, scope)?);
        }
        let otherwise = case.else_expr.as_ref().map(|e| self.value(e, scope)).transpose()?;
        let all: Vec<&Value> = values.iter().chain(&otherwise).collect();
        let choice = self.choice(expr, &all, scope)?;
        let branches = conditions.into_iter().zip(values.iter().map(Value::output)).collect();
        let otherwise = otherwise.map(|v| Box::new(v.output()));
        Ok(Value { expr: Expr::Case { branches, otherwise }, ..choice })
    }

    /// What is known of a value that is one of several; its expression is still to be set.
    fn choice(&mut self, expr: &PlanExpr, values: &[&Value], scope: &Scope<'_>) -> Outcome<Value> {
        let Ok(result) = expr.get_type(scope.schema) else { return self.refuse(expr, "its type is not known") };
        for value in values {
            let usable = value.usable().and_then(|()| match value.fact.class {
                Class::Uuid | Class::Label => Err(format!("{} has a type of its own at the source", value.name())),
                _ if value.fact.arrow != result => Err(format!("{} is not a {result}", value.name())),
                _ => Ok(()),
            });
            self.noted(expr, usable)?;
        }
        let value = self.database.value(Expr::Any(Vec::new()), &result);
        let value = self.noted(expr, value)?;
        Ok(collated(value, values))
    }

    fn function(&mut self, expr: &PlanExpr, function: &ScalarFunction, scope: &Scope<'_>) -> Outcome<Value> {
        let name = function.func.name();
        if function.func.signature().volatility != Volatility::Immutable {
            return self.refuse(expr, format!("{name} has another value at every call"));
        }
        let Ok(result) = expr.get_type(scope.schema) else { return self.refuse(expr, "its type is not known") };
        let arguments = self.values(&function.args, scope)?;
        let all: Vec<&Value> = arguments.iter().collect();
        match (name, arguments.as_slice()) {
            ("coalesce", _) => {
                let choice = self.choice(expr, &all, scope)?;
                Ok(Value { expr: Expr::Call("coalesce", arguments.iter().map(Value::output).collect()), ..choice })
            }
            ("nullif", [value, other]) => {
                let compared = compare(self.database, value, Operator::Eq, other);
                let branches = vec![(
                    self.noted(expr, compared)?,
                    Expr::Value(ScalarValue::try_from(&result).unwrap_or(ScalarValue::Null)),
                )];
                let choice = self.choice(expr, &[value], scope)?;
                Ok(Value { expr: Expr::Case { branches, otherwise: Some(Box::new(value.output())) }, ..choice })
            }
            _ => {
                let usable = arguments.iter().try_for_each(Value::usable);
                let called = usable.and_then(|()| self.database.function(name, &arguments, &result));
                let called = self.noted(expr, called)?;
                match called.fact.class {
                    Class::Text(_) => Ok(collated(called, &all)),
                    _ => Ok(called),
                }
            }
        }
    }

    /// A sub-query inside an expression that sees no columns around it.
    fn query(&mut self, expr: &PlanExpr, scope: &Scope<'_>) -> Outcome<Value> {
        let subquery = match expr {
            PlanExpr::ScalarSubquery(subquery) => subquery,
            PlanExpr::InSubquery(found) => &found.subquery,
            PlanExpr::Exists(found) => &found.subquery,
            other => return self.refuse(other, "it is computed here"),
        };
        if !subquery.outer_ref_columns.is_empty() {
            return self.refuse(expr, "a sub-query that sees the columns around it is computed here");
        }
        let mut relation = self.plan(&subquery.subquery)?;
        let part = if matches!(expr, PlanExpr::InSubquery(_)) { Part::InQuery } else { Part::ScalarQuery };
        let supported = self.database.supports(part);
        self.noted(expr, supported)?;
        if let PlanExpr::Exists(exists) = expr {
            let query = Box::new(Query::Block(relation.finish()));
            return self.bool(expr, Expr::Exists { query, negated: exists.negated });
        }
        // Its value is what leaves the block.
        if relation.columns.iter().any(|c| c.cast.is_some()) {
            relation = self.wrap(relation);
        }
        let [column] = relation.columns.as_slice() else {
            return self.refuse(expr, "a sub-query with one column is needed");
        };
        let column = Value { constant: None, origin: None, ..column.clone() };
        let query = Box::new(Query::Block(relation.finish()));
        let PlanExpr::InSubquery(found) = expr else {
            return Ok(Value { expr: Expr::Scalar(query), cast: None, ..column });
        };
        let value = self.value(&found.expr, scope)?;
        let compared = compare(self.database, &value, Operator::Eq, &column);
        let compared = self.noted(expr, compared)?;
        if compared != Expr::compare(value.expr.clone(), Operator::Eq, column.expr) {
            return self.refuse(expr, "its two sides are compared by other rules at the source");
        }
        self.bool(expr, Expr::InQuery { exprs: vec![value.expr], query, negated: found.negated })
    }
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

/// A text made of others has the collation they share; one of several finite numbers is finite.
fn collated(mut value: Value, of: &[&Value]) -> Value {
    if value.fact.class == Class::Float && of.iter().all(|v| v.fact.class == Class::Finite) {
        value.fact.class = Class::Finite;
    }
    let Class::Text(_) = value.fact.class else { return value };
    let texts = of.iter().filter(|v| v.constant.is_none() && matches!(v.fact.class, Class::Text(_)));
    let merged = texts.map(|v| Fact { class: v.fact.class.clone(), ..value.fact.clone() });
    let merged = merged.map(Some).reduce(|a, b| self::merged(a.as_ref()?, b.as_ref()?));
    if let Some(merged) = merged {
        let mixed = Class::Text(Collation { name: "several".into(), deterministic: false });
        value.fact.class = merged.map_or(mixed, |fact| fact.class);
    }
    value
}

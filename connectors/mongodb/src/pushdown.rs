//! Which filters and orders the server computes exactly as Headwater does, and their conditions.
//!
//! One function, [`translate`], both decides and translates, so what is promised and what is sent cannot differ. It is an
//! allow-list: whatever it does not know stays here. A condition is true or false at the server, where SQL also knows
//! unknown; so there is one condition for "the filter is true" and one for "it is false", and neither holds for a null or a
//! missing field.
//!
//! | kinds | operators | why exact |
//! |---|---|---|
//! | int, long, date, string, objectId, bool | all comparisons, IN | same order and equality on both sides |
//! | uuid | `=`, IN | by value |
//! | double | comparisons and IN with values that are neither zero nor NaN | NaN is added where it is greatest here |
//! | double | comparisons with zero | as a superset: only here is a negative zero less |
//! | decimal | all comparisons, IN | as a superset: a value with more places than its column has is judged here |
//! | string | LIKE | as a regular expression without any inner `%`; else as a superset by its first part |
//! | array | `array_has` of a value | as a superset |
//! | every kind | IS NULL, IS NOT NULL | a null and a missing field are the same |
//!
//! The server looks into arrays and compares numbers of all types, so each condition also says that no array is meant and
//! which types fit. With `misfit = error` documents that do not fit pass too, and reading them fails.

pub(crate) mod field;
mod pattern;
mod values;

use std::collections::BTreeSet;

use bson::{Bson, Document, doc};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Like, Operator};
use datafusion::prelude::Expr;

use crate::types::Kind;
use field::{Field, addressable, all, any, never, not};
use values::{Number, bson};

/// Filters nested deeper than this stay here.
const DEPTH_MAX: usize = 100;

/// The columns that filters may use.
pub(crate) trait Scope {
    /// The field of a column, or why it cannot be used.
    fn column(&self, column: &Column) -> Result<Field, String>;
    /// Whether texts are compared byte by byte.
    fn compares_bytes(&self) -> bool;
    /// Whether values that do not fit are null to filters. Else only null and missing fields are.
    fn misfit_is_null(&self) -> bool;
}

/// A translated filter.
#[derive(Debug, Clone)]
pub(crate) struct Translated {
    pub(crate) condition: Document,
    /// Same rows as here; otherwise at least the rows from here.
    pub(crate) exact: bool,
    /// The fields it uses.
    pub(crate) fields: Vec<Field>,
}

type Outcome = Result<Match, String>;

/// A condition for one truth value of a filter.
struct Match {
    condition: Document,
    exact: bool,
}

fn exact(condition: Document) -> Outcome {
    Ok(Match { condition, exact: true })
}

/// Translates a filter, or says why it stays here.
pub(crate) fn translate(scope: &dyn Scope, filter: &Expr) -> Result<Translated, String> {
    let mut translator = Translator { scope, fields: Vec::new(), depth: 0 };
    let Match { condition, exact } = translator.holds(filter, true)?;
    Ok(Translated { condition, exact, fields: translator.fields })
}

/// The condition of a filter with which documents that do not fit pass too.
pub(crate) fn or_misfits(translated: &Translated) -> Document {
    let mut seen = BTreeSet::new();
    let fields = translated.fields.iter().filter(|f| seen.insert(f.path()));
    let mut conditions = vec![translated.condition.clone()];
    conditions.extend(fields.flat_map(Field::misfits));
    any(conditions)
}

struct Translator<'a> {
    scope: &'a dyn Scope,
    fields: Vec<Field>,
    depth: usize,
}

impl Translator<'_> {
    /// The condition for "the expression is true", or for "it is false".
    fn holds(&mut self, expr: &Expr, want: bool) -> Outcome {
        if self.depth >= DEPTH_MAX {
            return Err(format!("it is nested deeper than {DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let found = self.holds_node(expr, want);
        self.depth -= 1;
        found
    }

    fn holds_node(&mut self, expr: &Expr, want: bool) -> Outcome {
        match expr {
            Expr::Alias(alias) => self.holds(&alias.expr, want),
            Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), .. }) => self.chain(expr, *op, want),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => self.comparison(left, *op, right, want),
            Expr::Not(inner) => self.holds(inner, !want),
            Expr::Literal(ScalarValue::Boolean(value), _) => {
                exact(if *value == Some(want) { Document::new() } else { never() })
            }
            Expr::IsNull(inner) => self.null_test(inner, want),
            Expr::IsNotNull(inner) => self.null_test(inner, !want),
            Expr::IsTrue(inner) => self.truth(inner, Some(true), want),
            Expr::IsFalse(inner) => self.truth(inner, Some(false), want),
            Expr::IsUnknown(inner) => self.truth(inner, None, want),
            Expr::IsNotTrue(inner) => self.truth(inner, Some(true), !want),
            Expr::IsNotFalse(inner) => self.truth(inner, Some(false), !want),
            Expr::IsNotUnknown(inner) => self.truth(inner, None, !want),
            Expr::Between(between) => self.between(between, want),
            Expr::InList(list) => self.in_list(list, want),
            Expr::Like(like) => self.like(like, want),
            Expr::ScalarFunction(function) if function.name() == "array_has" => self.array_has(function, want),
            Expr::Column(_) | Expr::ScalarFunction(_) => {
                let field = self.field(expr)?;
                if field.kind != Kind::Bool {
                    return Err(format!("`{expr}` is not computed by the server"));
                }
                exact(field.passes(doc! { "$eq": want }))
            }
            other => Err(format!("`{other}` is not computed by the server")),
        }
    }

    /// A column or a field inside one.
    fn field(&mut self, expr: &Expr) -> Result<Field, String> {
        let field = field_of(self.scope, expr)?;
        self.fields.push(field.clone());
        Ok(field)
    }

    /// A chain of AND or OR of any length, without recursion along the chain.
    fn chain(&mut self, expr: &Expr, op: Operator, want: bool) -> Outcome {
        let (mut stack, mut parts, mut all_exact) = (vec![expr], Vec::new(), true);
        while let Some(expr) = stack.pop() {
            match expr {
                Expr::BinaryExpr(BinaryExpr { left, op: found, right }) if *found == op => {
                    stack.push(right);
                    stack.push(left);
                }
                part => {
                    let part = self.holds(part, want)?;
                    all_exact &= part.exact;
                    parts.push(part.condition);
                }
            }
        }
        let condition = if (op == Operator::And) == want { all(parts) } else { any(parts) };
        Ok(Match { condition, exact: all_exact })
    }

    /// IS TRUE, IS FALSE and IS UNKNOWN, which are never unknown themselves.
    fn truth(&mut self, inner: &Expr, value: Option<bool>, want: bool) -> Outcome {
        let conditions = match value {
            Some(value) => vec![self.holds(inner, value)?],
            None => vec![self.holds(inner, true)?, self.holds(inner, false)?],
        };
        let is_positive = value.is_some() == want;
        if !is_positive && conditions.iter().any(|m| !m.exact) {
            return Err("the opposite of a filter that is only a superset".into());
        }
        let all_exact = conditions.iter().all(|m| m.exact);
        let found = any(conditions.into_iter().map(|m| m.condition).collect());
        Ok(Match { condition: if is_positive { found } else { not(found) }, exact: all_exact })
    }

    fn null_test(&mut self, inner: &Expr, is_null: bool) -> Outcome {
        let field = self.field(inner)?;
        let decimal = matches!(field.kind, Kind::Decimal(..)) && !field.computed;
        match (is_null, self.scope.misfit_is_null()) {
            (false, _) => Ok(Match { condition: field.fits(), exact: !decimal }),
            (true, false) => exact(field.is_null()),
            (true, true) if decimal => Err(format!("`{inner}`: which values do not fit is found out here")),
            (true, true) => exact(not(field.fits())),
        }
    }

    fn comparison(&mut self, left: &Expr, op: Operator, right: &Expr, want: bool) -> Outcome {
        let (side, op, value) = match (left, right) {
            (side, Expr::Literal(value, _)) => (side, op, value),
            (Expr::Literal(value, _), side) => (side, op.swap().ok_or("not a comparison")?, value),
            _ => return Err(format!("`{left} {op} {right}` is not a column compared with a value")),
        };
        if value.is_null() {
            return Err(format!("`{side}` is compared with NULL"));
        }
        let field = self.field(side)?;
        match op {
            Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => {
                let equal = self.compare(&field, Operator::Eq, value)?;
                if !equal.exact {
                    return Err(format!("`{side}`: the server does not know exactly which values are equal"));
                }
                let same = (op == Operator::IsNotDistinctFrom) == want;
                exact(if same { equal.condition } else { not(equal.condition) })
            }
            op if want => self.compare(&field, op, value),
            op => {
                let opposite = op.negate().ok_or_else(|| format!("the operator {op} is not computed by the server"))?;
                self.compare(&field, opposite, value)
            }
        }
    }

    /// The field is not null and compares so with the value.
    fn compare(&self, field: &Field, op: Operator, value: &ScalarValue) -> Outcome {
        let operator = match op {
            Operator::Eq => "$eq",
            Operator::NotEq => "$ne",
            Operator::Lt => "$lt",
            Operator::LtEq => "$lte",
            Operator::Gt => "$gt",
            Operator::GtEq => "$gte",
            other => return Err(format!("the operator {other} is not computed by the server")),
        };
        let value = self.value(field, value)?;
        let name = field.path();
        match (&field.kind, &value) {
            (Kind::Double, Bson::Double(v)) => return double(field, op, operator, *v),
            (Kind::Uuid, _) if op != Operator::Eq => return Err(format!("`{name}`: UUIDs are only looked up by equality")),
            _ => {}
        }
        let mut condition = field.passes(doc! { operator: value });
        if op == Operator::NotEq {
            // A null, a missing field and a value of another type differ from everything at the server.
            condition = all(vec![field.fits(), condition]);
        }
        Ok(Match { condition, exact: field.computed || !matches!(field.kind, Kind::Decimal(..)) })
    }

    /// A value of the field's own kind.
    fn value(&self, field: &Field, value: &ScalarValue) -> Result<Bson, String> {
        if field.kind == Kind::String && !self.scope.compares_bytes() {
            return Err(format!("`{}`: the view compares texts by the rules of a language", field.path()));
        }
        bson(&field.kind, value).map_err(|reason| format!("`{}`: {reason}", field.path()))
    }

    fn between(&mut self, between: &Between, want: bool) -> Outcome {
        let want = want != between.negated;
        let low = self.comparison(&between.expr, Operator::GtEq, &between.low, want)?;
        let high = self.comparison(&between.expr, Operator::LtEq, &between.high, want)?;
        let both = vec![low.condition, high.condition];
        Ok(Match { condition: if want { all(both) } else { any(both) }, exact: low.exact && high.exact })
    }

    fn in_list(&mut self, list: &InList, want: bool) -> Outcome {
        let field = self.field(&list.expr)?;
        let inside = want != list.negated;
        let mut values = Vec::with_capacity(list.list.len());
        let mut has_null = false;
        for element in &list.list {
            let Expr::Literal(value, _) = element else { return Err(format!("`{element}` is not a value")) };
            if value.is_null() {
                has_null = true;
                continue;
            }
            let value = self.value(&field, value)?;
            if let Bson::Double(v) = value
                && !Number::of(v).is_plain()
            {
                return Err(format!("`{}`: zeros and NaN compare otherwise at the server", field.path()));
            }
            values.push(value);
        }
        if !inside && field.kind == Kind::Uuid {
            return Err(format!("`{}`: UUIDs are only looked up by equality", field.path()));
        }
        // What is not found among values of which one is null is unknown.
        let condition = match (inside, has_null) {
            (true, _) => field.passes(doc! { "$in": values }),
            (false, true) => never(),
            (false, false) => all(vec![field.fits(), field.passes(doc! { "$nin": values })]),
        };
        Ok(Match { condition, exact: field.computed || !matches!(field.kind, Kind::Decimal(..)) })
    }

    fn like(&mut self, like: &Like, want: bool) -> Outcome {
        let Expr::Literal(value, _) = like.pattern.as_ref() else {
            return Err(format!("`{}` is not compared with a fixed pattern", like.expr));
        };
        let field = self.field(&like.expr)?;
        let name = field.path();
        if like.case_insensitive {
            return Err(format!("`{name}`: upper and lower case differ at the server"));
        }
        if field.kind != Kind::String {
            return Err(format!("`{name}` is not a text"));
        }
        if like.escape_char.is_some_and(|c| c != '\\') {
            return Err(format!("`{name}`: a pattern with escapes stays here"));
        }
        let pattern = values::text_of(value).ok_or_else(|| format!("`{name}` is not compared with a text"))?;
        let found = pattern::regex(pattern).map_err(|reason| format!("`{name}`: {reason}"))?;
        let matches = doc! { "$regex": Bson::RegularExpression(found.regex) };
        if want != like.negated {
            return Ok(Match { condition: field.passes(matches), exact: found.exact });
        }
        if !found.exact {
            return Err(format!("`{name}`: the opposite of a pattern with several parts stays here"));
        }
        exact(all(vec![field.fits(), not(doc! { name: matches })]))
    }

    /// Some element of an array equals the value.
    fn array_has(&mut self, function: &ScalarFunction, want: bool) -> Outcome {
        let [array, Expr::Literal(value, _)] = function.args.as_slice() else {
            return Err("an array is not searched for a fixed value".into());
        };
        let field = self.field(array)?;
        let Kind::Array(element) = &field.kind else { return Err(format!("`{array}` is not an array")) };
        if !want || value.is_null() || matches!(**element, Kind::Double | Kind::Json | Kind::Array(_)) {
            return Err(format!("`{array}`: such a search of an array stays here"));
        }
        let inner = Field { names: field.names.clone(), kind: element.as_ref().clone(), computed: true };
        let value = self.value(&inner, value)?;
        let condition = field.passes(doc! { "$elemMatch": { "$eq": value } });
        Ok(Match { condition, exact: false })
    }
}

/// The field that an expression names: a column, or `get_field` of one.
pub(crate) fn field_of(scope: &dyn Scope, expr: &Expr) -> Result<Field, String> {
    match expr {
        Expr::Alias(alias) => field_of(scope, &alias.expr),
        Expr::Column(column) => scope.column(column),
        Expr::ScalarFunction(function) if function.name() == "get_field" => {
            let [base, names @ ..] = function.args.as_slice() else { return Err(format!("`{expr}` is no field")) };
            let mut field = field_of(scope, base)?;
            for name in names {
                let Expr::Literal(name, _) = name else { return Err(format!("`{expr}` is no field")) };
                let name = values::text_of(name).ok_or_else(|| format!("`{expr}` is no field"))?;
                field = inside(field, name)?;
            }
            Ok(field)
        }
        other => Err(format!("`{other}` is not a plain column")),
    }
}

fn inside(field: Field, name: &str) -> Result<Field, String> {
    let Kind::Object(fields) = &field.kind else { return Err(format!("`{}` is no document", field.path())) };
    let kind = fields.iter().find(|(known, _)| known == name).map(|(_, kind)| kind.clone());
    let kind = kind.ok_or_else(|| format!("`{}` has no field {name}", field.path()))?;
    if !addressable(name) {
        return Err(format!("the field \"{name}\" cannot be named in a path: it is empty or holds a dot or a dollar"));
    }
    let mut names = field.names;
    names.push(name.to_owned());
    Ok(Field { names, kind, computed: field.computed })
}

/// Floating point: NaN is the greatest value here and compares with nothing at the server; zeros are one at the server.
fn double(field: &Field, op: Operator, operator: &str, value: f64) -> Outcome {
    let number = Number::of(value);
    if !number.is_finite() {
        return Err(format!("`{}`: zeros and NaN compare otherwise at the server", field.path()));
    }
    let operator = match (number.is_plain(), op) {
        (true, _) | (false, Operator::Eq) => operator,
        (false, Operator::Lt | Operator::LtEq) => "$lte",
        (false, Operator::Gt | Operator::GtEq) => "$gte",
        (false, _) => return Err(format!("`{}`: zeros compare otherwise at the server", field.path())),
    };
    let mut condition = field.passes(doc! { operator: value });
    if matches!(op, Operator::Gt | Operator::GtEq) {
        condition = any(vec![condition, field.passes(doc! { "$eq": f64::NAN })]);
    }
    Ok(Match { condition, exact: number.is_plain() })
}

#[cfg(test)]
mod tests;

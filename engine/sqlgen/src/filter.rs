//! Filters of one table as conditions of a database: what the connectors' allow-lists have in common.
//!
//! [`translate`] walks through a filter; what a column compares with, and how, the database says by [`Filters`]. One function both
//! decides and translates, so what is promised and what is sent cannot differ. Whatever is not known stays here.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{self as logical, Between, BinaryExpr, Like};

use crate::expr::{Expr, Operator};

/// A translated filter.
#[derive(Debug)]
pub struct Filter {
    /// The condition.
    pub expr: Expr,
    /// Same rows as here; otherwise at least the rows from here.
    pub exact: bool,
}

/// A filter, or why it stays here.
pub type Outcome = Result<Filter, String>;

/// A condition with the same rows as here.
pub fn exact(expr: Expr) -> Outcome {
    Ok(Filter { expr, exact: true })
}

/// What a database says of a table's columns.
pub trait Filters {
    /// Whether the column may stand alone as a filter.
    fn is_bool(&self, column: &str) -> Result<bool, String>;
    /// Whether a literal NULL may stand as a condition.
    fn null_is_a_condition(&self) -> bool;
    /// Why nulls of the column cannot be told at the server, if so.
    fn null_test(&self, column: &str) -> Result<(), String>;
    /// The column compared with a value.
    fn compare(&self, column: &str, operator: Operator, value: &ScalarValue) -> Outcome;
    /// The column and a value of `[NOT] IN`, as sides of an equality.
    fn element(&self, column: &str, value: &ScalarValue, negated: bool) -> Result<(Expr, Expr), String>;
    /// The column as a text that LIKE compares byte by byte.
    fn pattern(&self, column: &str) -> Result<Expr, String>;
}

/// Translates a filter, or says why it stays here.
pub fn translate(columns: &dyn Filters, filter: &logical::Expr) -> Outcome {
    use logical::Expr as E;
    match filter {
        E::BinaryExpr(BinaryExpr { op: op @ (logical::Operator::And | logical::Operator::Or), .. }) => {
            chain(columns, filter, *op)
        }
        E::BinaryExpr(BinaryExpr { left, op, right }) => comparison(columns, left, *op, right),
        E::Not(inner) => of_exact(columns, inner, "the negation of a filter that is only a superset", Expr::Not),
        E::Column(column) if columns.is_bool(&column.name)? => exact(Expr::column(&column.name)),
        E::Literal(value @ ScalarValue::Boolean(known), _) if known.is_some() || columns.null_is_a_condition() => {
            exact(Expr::Value(value.clone()))
        }
        E::IsNull(inner) => null_test(columns, inner, Expr::IsNull),
        E::IsNotNull(inner) => null_test(columns, inner, Expr::IsNotNull),
        E::IsTrue(inner) => truth(columns, inner, Expr::IsTrue),
        E::IsFalse(inner) => truth(columns, inner, Expr::IsFalse),
        E::IsUnknown(inner) => truth(columns, inner, Expr::IsUnknown),
        E::Between(Between { expr, negated: false, low, high }) => {
            let low = comparison(columns, expr, logical::Operator::GtEq, low)?;
            let high = comparison(columns, expr, logical::Operator::LtEq, high)?;
            Ok(Filter { expr: Expr::All(vec![low.expr, high.expr]), exact: low.exact && high.exact })
        }
        E::InList(list) => in_list(columns, list),
        E::Like(like) => pattern(columns, like),
        other => Err(format!("`{other}` is not computed by the server")),
    }
}

type Make = fn(Box<Expr>) -> Expr;

fn of_exact(columns: &dyn Filters, inner: &logical::Expr, otherwise: &str, make: Make) -> Outcome {
    let inner = translate(columns, inner)?;
    if inner.exact { exact(make(Box::new(inner.expr))) } else { Err(otherwise.to_owned()) }
}

fn truth(columns: &dyn Filters, inner: &logical::Expr, make: Make) -> Outcome {
    of_exact(columns, inner, "the truth of a filter that is only a superset", make)
}

/// A chain of AND or OR of any length, without recursion along the chain.
fn chain(columns: &dyn Filters, filter: &logical::Expr, op: logical::Operator) -> Outcome {
    let (mut stack, mut parts, mut all_exact) = (vec![filter], Vec::new(), true);
    while let Some(expr) = stack.pop() {
        match expr {
            logical::Expr::BinaryExpr(BinaryExpr { left, op: found, right }) if *found == op => {
                stack.push(right);
                stack.push(left);
            }
            part => {
                let part = translate(columns, part)?;
                all_exact &= part.exact;
                parts.push(part.expr);
            }
        }
    }
    let expr = if op == logical::Operator::And { Expr::All(parts) } else { Expr::Any(parts) };
    Ok(Filter { expr, exact: all_exact })
}

fn null_test(columns: &dyn Filters, inner: &logical::Expr, make: Make) -> Outcome {
    let logical::Expr::Column(column) = inner else { return Err(format!("`{inner}` is not a plain column")) };
    columns.null_test(&column.name)?;
    exact(make(Box::new(Expr::column(&column.name))))
}

fn comparison(columns: &dyn Filters, left: &logical::Expr, op: logical::Operator, right: &logical::Expr) -> Outcome {
    let operator = match op {
        logical::Operator::Eq => Operator::Eq,
        logical::Operator::NotEq => Operator::NotEq,
        logical::Operator::Lt => Operator::Lt,
        logical::Operator::LtEq => Operator::LtEq,
        logical::Operator::Gt => Operator::Gt,
        logical::Operator::GtEq => Operator::GtEq,
        logical::Operator::IsDistinctFrom => Operator::IsDistinctFrom,
        logical::Operator::IsNotDistinctFrom => Operator::IsNotDistinctFrom,
        other => return Err(format!("the operator {other} is not computed by the server")),
    };
    let (column, operator, value) = match (left, right) {
        (logical::Expr::Column(column), logical::Expr::Literal(value, _)) => (column, operator, value),
        (logical::Expr::Literal(value, _), logical::Expr::Column(column)) => {
            (column, operator.mirrored().ok_or("the operator cannot be mirrored")?, value)
        }
        _ => return Err(format!("`{left} {op} {right}` does not compare a plain column with a value")),
    };
    columns.compare(&column.name, operator, value)
}

fn in_list(columns: &dyn Filters, list: &InList) -> Outcome {
    let logical::Expr::Column(column) = list.expr.as_ref() else {
        return Err(format!("`{}` is not a plain column", list.expr));
    };
    let mut left = Expr::column(&column.name);
    let mut values = Vec::with_capacity(list.list.len());
    for element in &list.list {
        let logical::Expr::Literal(value, _) = element else { return Err(format!("`{element}` is not a value")) };
        let (column, value) = columns.element(&column.name, value, list.negated)?;
        left = column;
        values.push(value);
    }
    exact(Expr::InList { expr: Box::new(left), list: values, negated: list.negated })
}

fn pattern(columns: &dyn Filters, like: &Like) -> Outcome {
    let (logical::Expr::Column(column), logical::Expr::Literal(value, _)) = (like.expr.as_ref(), like.pattern.as_ref())
    else {
        return Err(format!("`{}` is not compared with a fixed pattern", like.expr));
    };
    let name = &column.name;
    if like.case_insensitive {
        return Err(format!("`{name}`: upper and lower case depend on the server's locale"));
    }
    let column = columns.pattern(name)?;
    match value.try_as_str().flatten() {
        Some(text) if !text.contains(['\\', '\0']) && like.escape_char.is_none_or(|c| c == '\\') => {
            exact(Expr::Like { expr: Box::new(column), pattern: text.to_owned(), escape: '\\', negated: like.negated })
        }
        _ => Err(format!("`{name}`: a pattern with escapes stays here")),
    }
}

/// Whether a text is a UUID in the form that servers print: only such a text can equal one.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_digit() || ('a'..='f').contains(&c),
        })
}

//! `(a, b) IN (SELECT x, y ...)`: column by column, so that a null makes it unknown.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SetExpr, TableAliasColumnDef, TableFactor, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use headwater_common::{Error, Result};

use super::rows::{compared, tuple};
use super::{nested, placeholder};

/// What the rows of a sub-query become a part of. Nothing else is named so.
const TEMPLATE: &str = "EXISTS (SELECT 1 FROM (SELECT 1) AS \"row of IN\" WHERE TRUE)";
const ROW: &str = "row of IN";
/// Names of the columns of such a row.
const COLUMNS: [&str; 8] = ["row 1", "row 2", "row 3", "row 4", "row 5", "row 6", "row 7", "row 8"];

/// In a filter only what is true counts, so that EXISTS says the same.
pub(super) fn in_filter(select: &mut Select) -> Result<()> {
    select.selection.as_mut().map_or(Ok(()), conjunct)
}

fn conjunct(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjunct(left)?;
            conjunct(right)
        }
        Expr::Nested(inner) => conjunct(inner),
        _ => {
            let Some((equal, subquery, negated)) = taken(expr)? else { return Ok(()) };
            *expr = match negated {
                false => exists(subquery, equal)?,
                true => not(exists(subquery, Expr::IsNotFalse(Box::new(equal)))?),
            };
            Ok(())
        }
    }
}

/// Anywhere else it is true, false or unknown.
pub(super) fn as_value(expr: &mut Expr) -> Result<()> {
    let Some((equal, subquery, negated)) = taken(expr)? else { return Ok(()) };
    let unknown = exists(subquery.clone(), Expr::IsNull(Box::new(equal.clone())))?;
    let found = exists(subquery, equal)?;
    let boolean = |value| Box::new(Expr::Value(Value::Boolean(value).into()));
    // NULL of the type of a truth value.
    let null = Expr::BinaryOp { left: Box::new(placeholder()), op: BinaryOperator::And, right: boolean(true) };
    let missing = Expr::BinaryOp {
        left: Box::new(nested(Expr::BinaryOp { left: Box::new(unknown), op: BinaryOperator::And, right: Box::new(null) })),
        op: BinaryOperator::Or,
        right: boolean(false),
    };
    let value = nested(Expr::BinaryOp { left: Box::new(found), op: BinaryOperator::Or, right: Box::new(nested(missing)) });
    *expr = if negated { not(value) } else { value };
    Ok(())
}

/// The comparison with a row of the sub-query, the sub-query, and whether it is NOT IN; `None` for what is no row IN a sub-query.
fn taken(expr: &mut Expr) -> Result<Option<(Expr, Box<Query>, bool)>> {
    let Expr::InSubquery { expr: row, subquery, negated } = expr else { return Ok(None) };
    let Some(values) = tuple(row) else { return Ok(None) };
    if values.len() > COLUMNS.len() {
        return Err(Error::unsupported("a row of more than 8 columns before IN with a sub-query is not supported"));
    }
    let columns = COLUMNS.iter().take(values.len()).map(|name| Expr::CompoundIdentifier(vec![quoted(ROW), quoted(name)]));
    let columns: Vec<Expr> = columns.collect();
    let Some(equal) = compared(&values, &BinaryOperator::Eq, &columns)? else { return Ok(None) };
    Ok(Some((equal, subquery.clone(), *negated)))
}

fn exists(rows: Box<Query>, condition: Expr) -> Result<Expr> {
    let broken = || Error::internal("a sub-query has another form than it was written in");
    let parsed = Parser::new(&GenericDialect {}).try_with_sql(TEMPLATE).and_then(|mut parser| parser.parse_expr());
    let mut made = parsed.map_err(|_| broken())?;
    let Expr::Exists { subquery, .. } = &mut made else { return Err(broken()) };
    let SetExpr::Select(select) = subquery.body.as_mut() else { return Err(broken()) };
    let Some(TableFactor::Derived { subquery: from, alias: Some(alias), .. }) =
        select.from.first_mut().map(|table| &mut table.relation)
    else {
        return Err(broken());
    };
    let columns = columns_of(&condition);
    *from = rows;
    alias.columns =
        COLUMNS.iter().take(columns).map(|name| TableAliasColumnDef { name: quoted(name), data_type: None }).collect();
    select.selection = Some(condition);
    Ok(made)
}

/// How many columns of the row a comparison names.
fn columns_of(condition: &Expr) -> usize {
    match condition {
        Expr::Nested(inner) | Expr::IsNull(inner) | Expr::IsNotFalse(inner) => columns_of(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => columns_of(left) + columns_of(right),
        _ => 1,
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}

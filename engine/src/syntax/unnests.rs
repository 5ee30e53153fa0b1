//! `unnest` and series of the row around in FROM, LATERAL and WITH ORDINALITY.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Ident, TableAlias, TableAliasColumnDef, TableFactor};
use headwater_common::{Error, Result};

use super::calls::{arguments_of, unnamed};
use super::{call, cast, normalized, number};

/// Makes one form of every call of `unnest` that stands for a table. The numbers of its rows are another list that is unnested.
pub(super) fn rewrite(table: &mut TableFactor) -> Result<()> {
    if let TableFactor::Function { name, args, alias, with_ordinality, .. } = table
        && let [part] = name.0.as_slice()
        && part.as_ident().is_some_and(|name| normalized(name) == "unnest")
    {
        let array_exprs = unnamed(args).ok_or_else(|| Error::invalid("unnest takes arrays without names"))?;
        let (alias, with_ordinality) = (alias.take(), *with_ordinality);
        *table = TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_offset_alias: None, with_ordinality };
    }
    series(table);
    let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = table else { return Ok(()) };
    if let (Some(alias), [_]) = (alias.as_mut(), array_exprs.as_slice())
        && alias.columns.is_empty()
    {
        alias.columns.push(column(alias.name.clone()));
    }
    if std::mem::take(with_ordinality) {
        let columns = array_exprs.len();
        let lengths = array_exprs.iter().map(|array| whole(call("array_length", vec![array.clone()]))).collect();
        let length = if columns == 1 { lengths } else { vec![call("greatest", lengths)] };
        array_exprs.push(call("generate_series", [vec![number("1")], length].concat()));
        named(alias, columns)?;
    }
    Ok(())
}

/// A series up to a value that is no constant, as the list that is unnested; DataFusion's has constants only.
fn series(table: &mut TableFactor) {
    let (name, args, alias, with_ordinality) = match table {
        TableFactor::Function { name, args, alias, with_ordinality, .. } => (name, args, alias, with_ordinality),
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            (name, &mut args.args, alias, with_ordinality)
        }
        _ => return,
    };
    let [part] = name.0.as_slice() else { return };
    let name = part.as_ident().map(normalized).unwrap_or_default();
    let Some(arguments) = unnamed(args) else { return };
    if (name != "generate_series" && name != "range") || !arguments.iter().any(names_column) {
        return;
    }
    let alias = alias.take().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(&name),
        columns: Vec::new(),
        at: None,
    });
    *table = TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs: vec![call(&name, arguments)],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: *with_ordinality,
    };
}

fn names_column(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } | Expr::Cast { expr: inner, .. } => names_column(inner),
        Expr::BinaryOp { left, right, .. } => names_column(left) || names_column(right),
        Expr::Function(function) => arguments_of(function).is_some_and(|all| all.iter().any(names_column)),
        _ => false,
    }
}

fn column(name: Ident) -> TableAliasColumnDef {
    TableAliasColumnDef { name, data_type: None }
}

fn whole(length: Expr) -> Expr {
    cast(length, DataType::BigInt(None))
}

/// Names the columns: the one of a single array is named like the table, and the last is `ordinality`.
fn named(alias: &mut Option<TableAlias>, arrays: usize) -> Result<()> {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new("unnest"),
        columns: Vec::new(),
        at: None,
    });
    if arrays == 1 && alias.columns.is_empty() {
        alias.columns.push(column(alias.name.clone()));
    }
    if alias.columns.len() == arrays {
        alias.columns.push(column(Ident::new("ordinality")));
    }
    match alias.columns.len() == arrays + 1 {
        true => Ok(()),
        false => Err(Error::invalid("unnest of several arrays WITH ORDINALITY needs a name for each of its columns")),
    }
}

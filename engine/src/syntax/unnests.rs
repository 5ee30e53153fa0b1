//! `unnest` in FROM: as a LATERAL function, and WITH ORDINALITY.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, TableAlias, TableAliasColumnDef, TableFactor,
};
use headwater_common::{Error, Result};

use super::{call, cast, normalized, number};

/// Makes one form of every call of `unnest` that stands for a table. The numbers of its rows are another list that is unnested.
pub(super) fn rewrite(table: &mut TableFactor) -> Result<()> {
    if let TableFactor::Function { name, args, alias, with_ordinality, .. } = table
        && let [part] = name.0.as_slice()
        && part.as_ident().is_some_and(|name| normalized(name) == "unnest")
    {
        let arrays: Option<Vec<Expr>> = std::mem::take(args).into_iter().map(unnamed).collect();
        let array_exprs = arrays.ok_or_else(|| Error::invalid("unnest takes arrays without names"))?;
        let (alias, with_ordinality) = (alias.take(), *with_ordinality);
        *table = TableFactor::UNNEST { alias, array_exprs, with_offset: false, with_offset_alias: None, with_ordinality };
    }
    if let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = table
        && std::mem::take(with_ordinality)
    {
        let columns = array_exprs.len();
        let lengths = array_exprs.iter().map(|array| whole(call("array_length", vec![array.clone()]))).collect();
        let length = if columns == 1 { lengths } else { vec![call("greatest", lengths)] };
        array_exprs.push(call("generate_series", [vec![number("1")], length].concat()));
        named(alias, columns)?;
    }
    Ok(())
}

fn unnamed(argument: FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn whole(length: Expr) -> Expr {
    cast(length, DataType::BigInt(None))
}

/// Names the columns: the one of a single array is named like the table, and the last is `ordinality`.
fn named(alias: &mut Option<TableAlias>, arrays: usize) -> Result<()> {
    let plain = |name: &str| TableAliasColumnDef { name: Ident::new(name), data_type: None };
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::new("unnest"),
        columns: Vec::new(),
        at: None,
    });
    if arrays == 1 && alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
    }
    if alias.columns.len() == arrays {
        alias.columns.push(plain("ordinality"));
    }
    match alias.columns.len() == arrays + 1 {
        true => Ok(()),
        false => Err(Error::invalid("unnest of several arrays WITH ORDINALITY needs a name for each of its columns")),
    }
}

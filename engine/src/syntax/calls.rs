//! Calls of functions in forms that DataFusion has.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, GroupByExpr, Ident, OrderByKind, Query, Select, SelectItem, SetExpr, TimezoneInfo, Value,
};
use headwater_common::{Error, Result};

use super::{call, nested, normalized, placeholder};
/// Name of the function for AT TIME ZONE.
const AT_TIME_ZONE: &str = "at_time_zone";

/// The parameters of `make_interval`, all of which may be left out.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// Names that stand for calls without parentheses.
const BARE: [&str; 2] = ["current_schema", "current_catalog"];

/// Rewrites one expression whose parts are right already.
pub(super) fn rewrite(expr: &mut Expr) -> Result<()> {
    if let Expr::Identifier(name) = expr
        && name.quote_style.is_none()
        && BARE.iter().any(|bare| name.value.eq_ignore_ascii_case(bare))
    {
        *expr = call(&name.value.to_lowercase(), Vec::new());
        return Ok(());
    }
    let Expr::Function(function) = expr else { return Ok(()) };
    let Some(name) = plain_name(function) else { return Ok(()) };
    match name.as_str() {
        "mod" => {
            if let Some([value, by]) = arguments(function) {
                let rest = Expr::BinaryOp {
                    left: Box::new(nested(value)),
                    op: BinaryOperator::Modulo,
                    right: Box::new(nested(by)),
                };
                *expr = nested(rest);
            }
        }
        "array_length" if arguments_of(function).is_some_and(|a| !a.is_empty()) => {
            let length = std::mem::replace(expr, placeholder());
            let own_type = Expr::Value(Value::SingleQuotedString("UInt64".to_owned()).into());
            let zero = call("arrow_cast", vec![Expr::Value(Value::Number("0".to_owned(), false).into()), own_type]);
            *expr = call("nullif", vec![length, zero]);
        }
        "date_trunc" => {
            if let Some([unit, time, zone]) = arguments(function) {
                let instant = Expr::Cast {
                    kind: CastKind::Cast,
                    expr: Box::new(time),
                    data_type: DataType::Timestamp(None, TimezoneInfo::Tz),
                    array: false,
                    format: None,
                };
                let clock = call(AT_TIME_ZONE, vec![instant, zone.clone()]);
                *expr = call(AT_TIME_ZONE, vec![call("date_trunc", vec![unit, clock]), zone]);
            }
        }
        "make_interval" => interval_parts(function)?,
        "array" => {
            if let FunctionArguments::Subquery(query) = &function.args {
                *expr = collected(query.as_ref().clone())?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn plain_name(function: &Function) -> Option<String> {
    let [part] = function.name.0.as_slice() else { return None };
    let name = part.as_ident()?;
    let plain = function.over.is_none() && function.filter.is_none();
    plain.then(|| normalized(name))
}

fn arguments_of(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let each = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    each.collect()
}

fn arguments<const N: usize>(function: &Function) -> Option<[Expr; N]> {
    arguments_of(function)?.try_into().ok()
}

/// All seven arguments of `make_interval` in their order.
fn interval_parts(function: &mut Function) -> Result<()> {
    let FunctionArguments::List(list) = &mut function.args else { return Ok(()) };
    let mut parts: [Option<Expr>; 7] = Default::default();
    for (at, argument) in std::mem::take(&mut list.args).into_iter().enumerate() {
        let (place, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (Some(at), value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                (INTERVAL_PARTS.iter().position(|part| name.value.eq_ignore_ascii_case(part)), value)
            }
            _ => (None, placeholder()),
        };
        let slot = place.and_then(|place| parts.get_mut(place)).filter(|slot| slot.is_none());
        let slot = slot.ok_or_else(|| {
            let parts = INTERVAL_PARTS.join(", ");
            Error::invalid(["make_interval takes each of ", &parts, " once, by place or as name => value"].concat())
        })?;
        *slot = Some(value);
    }
    let zero = || Expr::Value(Value::Number("0".to_owned(), false).into());
    let all = parts.map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part.unwrap_or_else(zero))));
    list.args = all.to_vec();
    Ok(())
}

/// `ARRAY(SELECT x ...)` as `coalesce((SELECT array_agg(x) ...), [])`, with the order of the query.
fn collected(mut query: Query) -> Result<Expr> {
    let unsupported = || {
        Error::unsupported(
            "ARRAY(SELECT ...) takes one column without DISTINCT, GROUP BY, LIMIT or set operations; put such a query into FROM: \
             ARRAY(SELECT x FROM (SELECT ...) AS t(x))",
        )
    };
    let mut order = match query.order_by.take() {
        None => Vec::new(),
        Some(order) => match order.kind {
            OrderByKind::Expressions(keys) if order.interpolate.is_none() => keys,
            _ => return Err(unsupported()),
        },
    };
    let bounded = query.limit_clause.is_some() || query.fetch.is_some() || query.with.is_some();
    let SetExpr::Select(select) = query.body.as_mut() else { return Err(unsupported()) };
    let grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, more) => !keys.is_empty() || !more.is_empty(),
        GroupByExpr::All(_) => true,
    };
    if bounded || grouped || select.distinct.is_some() || select.having.is_some() || select.qualify.is_some() {
        return Err(unsupported());
    }
    let (item, alias) = only_item(select).ok_or_else(unsupported)?;
    for key in &mut order {
        match &key.expr {
            // The position or the name of the one column.
            Expr::Value(_) => key.expr = item.clone(),
            Expr::Identifier(name) if alias.as_ref().is_some_and(|alias| alias.value == name.value) => {
                key.expr = item.clone()
            }
            _ => {}
        }
    }
    let mut aggregate = call("array_agg", vec![item]);
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut aggregate
        && !order.is_empty()
    {
        list.clauses.push(FunctionArgumentClause::OrderBy(order));
    }
    select.projection = vec![SelectItem::ExprWithAlias { expr: aggregate, alias: Ident::new("array") }];
    Ok(call("coalesce", vec![Expr::Subquery(Box::new(query)), call("make_array", Vec::new())]))
}

fn only_item(select: &Select) -> Option<(Expr, Option<Ident>)> {
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr)] => Some((expr.clone(), None)),
        [SelectItem::ExprWithAlias { expr, alias }] => Some((expr.clone(), Some(alias.clone()))),
        _ => None,
    }
}

//! Calls of functions in forms that DataFusion has.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, OrderByKind, Query, Select, SelectItem, SetExpr,
    TimezoneInfo, UnaryOperator, Value,
};
use headwater_common::{Error, Result};

use super::{binary, call, cast, nested, normalized, number, placeholder, text};
use crate::functions::ROUND_BY;

/// Name of the function for AT TIME ZONE.
const AT_TIME_ZONE: &str = "at_time_zone";

/// The parameters of `make_interval`, all of which may be left out.
const INTERVAL_PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// Names that stand for calls without parentheses.
const BARE: [&str; 2] = ["current_schema", "current_catalog"];

/// Functions that DataFusion has under other names.
const RENAMED: [(&str, &str); 7] = [
    ("ceiling", "ceil"),
    ("every", "bool_and"),
    ("variance", "var_samp"),
    // Those of DataFusion with these names stop at the first element.
    ("array_replace", "array_replace_all"),
    ("list_replace", "array_replace_all"),
    ("array_remove", "array_remove_all"),
    ("list_remove", "array_remove_all"),
];

/// Aggregates whose result does not depend on the order of rows but for the last digits of floating point.
const ANY_ORDER: [&str; 21] = [
    "min",
    "max",
    "count",
    "avg",
    "mean",
    "median",
    "sum",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var",
    "var_samp",
    "var_pop",
    "corr",
    "covar_samp",
    "covar_pop",
];

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
    if let [ObjectNamePart::Identifier(name)] = function.name.0.as_mut_slice()
        && let Some((_, known)) = RENAMED.iter().find(|(other, _)| *other == normalized(name))
    {
        *name = Ident::new(*known);
    }
    drop_useless_order(function);
    let Some(name) = plain_name(function) else { return Ok(()) };
    match name.as_str() {
        "mod" => {
            if let Some([value, by]) = arguments(function) {
                *expr = nested(binary(nested(value), BinaryOperator::Modulo, nested(by)));
            }
        }
        "array_length" if arguments_of(function).is_some_and(|a| !a.is_empty()) => {
            let length = std::mem::replace(expr, placeholder());
            let zero = call("arrow_cast", vec![number("0"), text("UInt64")]);
            *expr = call("nullif", vec![length, zero]);
        }
        // As ORDER BY sorts.
        "array_sort" | "list_sort" if arguments::<1>(function).is_some() => add(function, ["ASC", "NULLS LAST"]),
        "encode" => padded(function),
        "lpad" | "rpad" => no_negative_length(function),
        "array_ndims" => {
            if let Some([array]) = arguments(function) {
                let dimensions = std::mem::replace(expr, placeholder());
                *expr = nested(unless(call("empty", vec![array]), placeholder(), dimensions));
            }
        }
        "date_trunc" => {
            if let Some([unit, time, zone]) = arguments(function) {
                let instant = cast(time, DataType::Timestamp(None, TimezoneInfo::Tz));
                let clock = call(AT_TIME_ZONE, vec![instant, zone.clone()]);
                *expr = call(AT_TIME_ZONE, vec![call("date_trunc", vec![unit, clock]), zone]);
            }
        }
        "round" => {
            if let Some([_, places]) = arguments(function)
                && !is_number(&places)
            {
                function.name = ObjectName::from(vec![Ident::new(ROUND_BY)]);
            }
        }
        "make_interval" => interval_parts(function)?,
        "age" => {
            if let Some([time]) = arguments(function) {
                *expr = call("age", vec![call("current_date", Vec::new()), time]);
            }
        }
        "regexp_substr" => {
            let given = arguments_of(function).unwrap_or_default();
            *expr = matched_part(given)?;
        }
        "array" => {
            if let FunctionArguments::Subquery(query) = &function.args {
                *expr = collected(query.as_ref().clone())?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Drops ORDER BY in aggregates whose result is the same in any order; DataFusion would give them its keys as arguments.
fn drop_useless_order(function: &mut Function) {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return };
    if !ANY_ORDER.contains(&normalized(name).as_str()) {
        return;
    }
    if let FunctionArguments::List(list) = &mut function.args {
        list.clauses.retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(_)));
    }
}

fn plain_name(function: &Function) -> Option<String> {
    let [part] = function.name.0.as_slice() else { return None };
    let name = part.as_ident()?;
    let plain = function.over.is_none() && function.filter.is_none();
    plain.then(|| normalized(name))
}

/// The arguments of a call, if all of them have their place and no name.
pub(super) fn arguments_of(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    unnamed(&list.args)
}

/// Arguments that have their place and no name.
pub(super) fn unnamed(arguments: &[FunctionArg]) -> Option<Vec<Expr>> {
    let each = arguments.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    each.collect()
}

fn add<const N: usize>(function: &mut Function, texts: [&str; N]) {
    if let FunctionArguments::List(list) = &mut function.args {
        list.args.extend(texts.map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(text(value)))));
    }
}

/// `encode(x, 'base64')` fills the last four characters up.
fn padded(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) = list.args.get_mut(1)
        && let Value::SingleQuotedString(name) = &mut value.value
        && name.eq_ignore_ascii_case("base64")
    {
        *name = "base64pad".to_owned();
    }
}

/// A text of a negative length is one of none; DataFusion breaks down over it.
fn no_negative_length(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(length))) = list.args.get_mut(1)
        && !matches!(length, Expr::Value(_))
    {
        let value = nested(std::mem::replace(length, placeholder()));
        let negative = binary(value.clone(), BinaryOperator::Lt, number("0"));
        *length = unless(negative, number("0"), value);
    }
}

/// `CASE WHEN condition THEN instead ELSE value END`.
fn unless(condition: Expr, instead: Expr, value: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: instead }],
        else_result: Some(Box::new(value)),
    }
}

fn arguments<const N: usize>(function: &Function) -> Option<[Expr; N]> {
    arguments_of(function)?.try_into().ok()
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_number(expr),
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        _ => false,
    }
}

/// `regexp_substr(text, pattern [, start [, 1 [, flags]]])` as the whole match that `regexp_match` finds.
fn matched_part(mut given: Vec<Expr>) -> Result<Expr> {
    let usage =
        || Error::unsupported("regexp_substr takes (text, pattern [, start [, 1 [, flags]]]) and finds the first match");
    let one = |expr: &Expr| matches!(expr, Expr::Value(v) if matches!(&v.value, Value::Number(digits, _) if digits == "1"));
    let flags = if given.len() == 5 { given.pop() } else { None };
    if given.len() == 4 && !given.pop().as_ref().is_some_and(one) {
        return Err(usage());
    }
    let start = if given.len() == 3 { given.pop() } else { None };
    let Ok([text, pattern]) = <[Expr; 2]>::try_from(given) else { return Err(usage()) };
    let text = match start {
        Some(start) => call("substr", vec![text, start]),
        None => text,
    };
    let quoted = |text: &str| Box::new(Expr::Value(Value::SingleQuotedString(text.to_owned()).into()));
    let joined = |left, right| Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right };
    // A group around the whole pattern is the first one.
    let whole = nested(joined(Box::new(joined(quoted("("), Box::new(nested(pattern)))), quoted(")")));
    let mut arguments = vec![text, whole];
    arguments.extend(flags);
    let first = Expr::Value(Value::Number("1".to_owned(), false).into());
    let mut found = call("regexp_match", arguments);
    super::regexes::rewrite(&mut found)?;
    Ok(call("array_element", vec![found, first]))
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

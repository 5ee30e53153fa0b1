//! `source.schema.view(argument => value, ...)`: a view of a source that has parameters, as a table.
//!
//! DataFusion knows functions by one name and calls them while it plans. So each call is found in the syntax tree, its source is
//! asked for the columns, and the call becomes one of a function that hands out what is known then.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor, UnaryOperator, Value,
    VisitMut, VisitorMut,
};
use headwater_common::{Error, Result};
use headwater_source::{RemoteQueryTable, SourceRegistry};

use crate::known_table::KnownTable;
use crate::syntax::{inner_mut, normalized};

/// A view and the texts of its arguments; an argument may be NULL.
#[derive(Debug)]
struct Call {
    source: String,
    schema: String,
    view: String,
    arguments: Vec<(String, Option<String>)>,
}

/// Asks the sources about every view with arguments in a statement and makes the views known to `state`.
pub(crate) async fn resolve(
    statement: &mut Statement,
    state: &mut Arc<SessionState>,
    sources: &SourceRegistry,
) -> Result<()> {
    let mut finder = Finder { catalog: state.config_options().catalog.default_catalog.clone(), calls: Vec::new() };
    find(statement, &mut finder)?;
    for (number, call) in finder.calls.iter().enumerate() {
        let query = sources.remote(&call.source)?.view(&call.schema, &call.view, &call.arguments).await?;
        let view = KnownTable(Arc::new(RemoteQueryTable::new(query)));
        Arc::make_mut(state).register_udtf(&function(number), Arc::new(view));
    }
    Ok(())
}

/// The name of the function that stands for a call.
fn function(number: usize) -> String {
    ["view_with_arguments", &"_".repeat(number)].concat()
}

fn find(statement: &mut Statement, finder: &mut Finder) -> Result<()> {
    let Some(inner) = inner_mut(statement) else { return Ok(()) };
    VisitMut::visit(inner, finder).break_value().map_or(Ok(()), Err)
}

struct Finder {
    /// Of names that have none.
    catalog: String,
    calls: Vec<Call>,
}

impl VisitorMut for Finder {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, args: Some(args), alias, .. } = factor else { return ControlFlow::Continue(()) };
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(normalized).collect();
        let (source, schema, view) = match parts.as_slice() {
            [schema, view] => (self.catalog.clone(), schema.clone(), view.clone()),
            [source, schema, view] => (source.clone(), schema.clone(), view.clone()),
            _ => return ControlFlow::Continue(()),
        };
        let mut arguments = Vec::with_capacity(args.args.len());
        for argument in &args.args {
            match value(argument) {
                Some(pair) => arguments.push(pair),
                None => return ControlFlow::Break(wrong_arguments(&view)),
            }
        }
        // Columns are known by the view's name, as those of a table are.
        if alias.is_none() {
            *alias =
                Some(TableAlias { explicit: true, name: Ident::with_quote('"', &view), columns: Vec::new(), at: None });
        }
        *name = ObjectName::from(vec![Ident::new(function(self.calls.len()))]);
        args.args.clear();
        self.calls.push(Call { source, schema, view, arguments });
        ControlFlow::Continue(())
    }
}

fn wrong_arguments(view: &str) -> Error {
    let what = "\" are names with numbers, texts, true, false or NULL, such as (day => '2026-01-31')";
    Error::invalid(["the arguments of view \"", view, what].concat())
}

/// Name and text of an argument.
fn value(argument: &FunctionArg) -> Option<(String, Option<String>)> {
    let (name, FunctionArgExpr::Expr(value)) = (match argument {
        FunctionArg::Named { name, arg, .. } => (name.value.clone(), arg),
        FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => (name.value.clone(), arg),
        // `name = value` is a comparison for the parser.
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp { left, op, right })) => {
            let Expr::Identifier(name) = left.as_ref() else { return None };
            return (*op == BinaryOperator::Eq).then(|| text(right).map(|text| (name.value.clone(), text)))?;
        }
        _ => return None,
    }) else {
        return None;
    };
    Some((name, text(value)?))
}

fn text(value: &Expr) -> Option<Option<String>> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(Some(text.clone())),
            Value::DollarQuotedString(text) => Some(Some(text.value.clone())),
            Value::Boolean(value) => Some(Some(if *value { "true" } else { "false" }.to_owned())),
            Value::Null => Some(None),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => Some(Some(["-", digits].concat())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn found(sql: &str) -> Result<Vec<Call>> {
        let mut finder = Finder { catalog: "events".to_owned(), calls: Vec::new() };
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        find(&mut statement, &mut finder)?;
        Ok(finder.calls)
    }

    #[test]
    fn views_with_arguments_are_found_wherever_a_table_may_stand() {
        for sql in [
            "SELECT * FROM Events.web.v(a => 1, \"B\" => 'x''y', c => NULL, d => -1.5, e => true)",
            "EXPLAIN SELECT v.x FROM t JOIN web.v(a = 1, \"B\" = 'x''y', c = NULL, d = -1.5, e = true) ON true",
        ] {
            let calls = found(sql).unwrap();
            let [call] = calls.as_slice() else { panic!("{calls:?}") };
            assert_eq!((&*call.source, &*call.schema, &*call.view), ("events", "web", "v"), "{sql}");
            let arguments: Vec<_> = call.arguments.iter().map(|(name, text)| (&**name, text.as_deref())).collect();
            let wanted = [("a", Some("1")), ("B", Some("x'y")), ("c", None), ("d", Some("-1.5")), ("e", Some("true"))];
            assert_eq!(arguments, wanted, "{sql}");
        }
        assert!(found("SELECT * FROM f(a => 1), events.web.t").unwrap().is_empty());
        for sql in ["SELECT * FROM web.v(1)", "SELECT * FROM web.v(a => x)", "SELECT * FROM web.v(a => 1 + 1)"] {
            assert!(found(sql).unwrap_err().message().contains("arguments of view \"v\""), "{sql}");
        }
    }
}

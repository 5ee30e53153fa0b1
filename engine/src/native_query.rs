//! `query('source', 'text')`: a table whose rows a source computes from a text of its own language.
//!
//! DataFusion calls a table function while it plans and cannot wait. So the calls are found in the syntax tree, their sources are
//! asked for the columns, and the function hands out what is known then.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::execution::SessionState;
use datafusion::prelude::Expr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, ObjectName, TableFactor, Value, Visit, Visitor,
};
use headwater_common::{Error, Result};
use headwater_source::{ErrorExt, RemoteQueryTable, SourceRegistry};

use crate::syntax::inner;

/// Name of the function.
const NAME: &str = "query";

/// Name of a source and a text.
type Call = (String, String);

/// Asks the sources about every native query of a statement and makes the function known to `state`.
pub(crate) async fn resolve(
    statement: &Statement,
    state: &mut Arc<SessionState>,
    sources: &SourceRegistry,
    allowed: bool,
) -> Result<()> {
    let calls = calls(statement)?;
    if calls.is_empty() {
        return Ok(());
    }
    if !allowed {
        let message = "query() is switched off; engine.allow_native_queries = true in the configuration switches it on";
        return Err(Error::denied(message));
    }
    let mut known: HashMap<Call, Arc<dyn TableProvider>> = HashMap::new();
    for call in calls {
        if let Entry::Vacant(place) = known.entry(call) {
            let (source, text) = place.key();
            let described = sources.remote(source)?.describe(text).await?;
            place.insert(Arc::new(RemoteQueryTable::new(described)));
        }
    }
    Arc::make_mut(state).register_udtf(NAME, Arc::new(NativeQuery { known }));
    Ok(())
}

fn calls(statement: &Statement) -> Result<Vec<Call>> {
    let mut finder = Finder { calls: Vec::new() };
    match inner(statement).and_then(|inner| Visit::visit(inner, &mut finder).break_value()) {
        Some(error) => Err(error),
        None => Ok(finder.calls),
    }
}

struct Finder {
    calls: Vec<Call>,
}

impl Visitor for Finder {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        let arguments = match factor {
            TableFactor::Table { name, args: Some(args), .. } if is_query(name) => &args.args,
            TableFactor::Function { name, args, .. } if is_query(name) => args,
            _ => return ControlFlow::Continue(()),
        };
        match arguments.as_slice() {
            [source, text] => match (literal(source), literal(text)) {
                (Some(source), Some(text)) => {
                    self.calls.push((source, text));
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(wrong_arguments()),
            },
            _ => ControlFlow::Break(wrong_arguments()),
        }
    }
}

fn wrong_arguments() -> Error {
    Error::invalid("query() takes the name of a source and a text in single quotes, such as query('shop', 'SELECT 1')")
}

fn is_query(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| ident.value.eq_ignore_ascii_case(NAME)),
        _ => false,
    }
}

fn literal(argument: &FunctionArg) -> Option<String> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Value(value))) = argument else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(text.clone()),
        Value::DollarQuotedString(text) => Some(text.value.clone()),
        _ => None,
    }
}

/// The function, with the tables of one statement.
struct NativeQuery {
    known: HashMap<Call, Arc<dyn TableProvider>>,
}

impl fmt::Debug for NativeQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeQuery").finish_non_exhaustive()
    }
}

impl TableFunctionImpl for NativeQuery {
    fn call_with_args(&self, args: TableFunctionArgs) -> datafusion::error::Result<Arc<dyn TableProvider>> {
        let text = |expr: &Expr| match expr {
            Expr::Literal(value, _) => ScalarValue::try_as_str(value).flatten().map(str::to_owned),
            _ => None,
        };
        let found = match args.exprs() {
            [source, text_of] => text(source).zip(text(text_of)).and_then(|call| self.known.get(&call)),
            _ => None,
        };
        found.map(Arc::clone).ok_or_else(|| wrong_arguments().into_datafusion())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn found(sql: &str) -> Result<Vec<Call>> {
        calls(&DFParser::parse_sql(sql).unwrap().pop_front().unwrap())
    }

    #[test]
    fn calls_are_found_wherever_a_table_may_stand() {
        let one = ("shop".to_owned(), "SELECT 'a'".to_owned());
        let text = "query('shop', 'SELECT ''a''')";
        for sql in [
            format!("SELECT * FROM {text}"),
            format!("SELECT * FROM t JOIN Q{} q ON true", &text[1..]),
            format!("EXPLAIN SELECT * FROM t WHERE x IN (SELECT x FROM {text})"),
            format!("WITH w AS (SELECT * FROM {text}) SELECT * FROM w"),
            format!("INSERT INTO t SELECT * FROM {text}"),
        ] {
            assert_eq!(found(&sql).unwrap(), std::slice::from_ref(&one), "{sql}");
        }
        assert_eq!(found("SELECT query FROM query").unwrap(), []);
        for sql in ["SELECT * FROM query('a')", "SELECT * FROM query('a', b)", "SELECT * FROM query(1, 'b')"] {
            assert!(found(sql).unwrap_err().message().contains("in single quotes"), "{sql}");
        }
    }
}

//! Which models a parsed statement names, loaded before it is planned: planning cannot wait.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::sql::parser::{ExplainStatement, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableFactor, Value, Visit, Visitor,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use headwater_common::{Error, Result};
use headwater_registry::ModelName;

use super::library::{Library, Loaded};
use super::planner::{FUNCTIONS, ModelRelations, TRAIN};
use super::scalar;

/// The models of one statement, each by the text that names it.
pub(crate) type Named = BTreeMap<Reference, Arc<Loaded>>;

/// The text of a model, and a version that is named beside it.
pub(crate) type Reference = (String, Option<u64>);

/// Loads the models that a statement names and makes functions that know them known to its state.
pub(crate) fn resolve<'a>(statement: &'a Statement, state: &'a mut Arc<SessionState>) -> BoxFuture<'a, Result<()>> {
    async move {
        let mut finder = Finder::default();
        if let Some(error) = find(statement, &mut finder) {
            return Err(error);
        }
        if !finder.found {
            return Ok(());
        }
        let Some(library) = state.config().get_extension::<Library>() else { return Ok(()) };
        let mut named = Named::new();
        for (text, version) in finder.named {
            let loaded = load(&library, &text, version).await?;
            named.insert((text, version), loaded);
        }
        let known = named.iter().map(|((text, _), loaded)| (text.clone(), Arc::clone(loaded))).collect();
        let state = Arc::make_mut(state);
        let registered = state.register_udf(scalar::function(known));
        registered.map_err(|e| Error::internal(e.to_string()))?;
        let planned = state.register_relation_planner(Arc::new(ModelRelations::new(library, named)));
        planned.map_err(|e| Error::internal(e.to_string()))
    }
    .boxed()
}

async fn load(library: &Library, text: &str, version: Option<u64>) -> Result<Arc<Loaded>> {
    let (name, inside) = ModelName::parse_version(text)?;
    if inside.is_some() && version.is_some() {
        return Err(Error::invalid("the version of a model is named twice, after @ and by version =>"));
    }
    library.load(&name, inside.or(version)).await
}

fn find(statement: &Statement, finder: &mut Finder) -> Option<Error> {
    match statement {
        Statement::Statement(inner) => match Visit::visit(inner.as_ref(), finder) {
            ControlFlow::Break(error) => Some(error),
            ControlFlow::Continue(()) => None,
        },
        Statement::Explain(ExplainStatement { statement, .. }) => find(statement, finder),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => None,
    }
}

#[derive(Default)]
struct Finder {
    /// Whether a function of a model is called.
    found: bool,
    named: Vec<Reference>,
}

impl Visitor for Finder {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        let (name, arguments) = match factor {
            TableFactor::Table { name, args: Some(args), .. } => (name, &args.args),
            TableFactor::Function { name, args, .. } => (name, args),
            _ => return ControlFlow::Continue(()),
        };
        let Some(function) = called(name) else { return ControlFlow::Continue(()) };
        if function.eq_ignore_ascii_case(TRAIN) {
            self.found = true;
            return ControlFlow::Continue(());
        }
        if FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(function)) {
            self.found = true;
            // What is wrong with the arguments is said when they are read.
            if let Ok(reference) = reference(arguments) {
                self.named.push(reference);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if !called(&function.name).is_some_and(|name| name.eq_ignore_ascii_case(scalar::NAME)) {
            return ControlFlow::Continue(());
        }
        let FunctionArguments::List(list) = &function.args else { return ControlFlow::Continue(()) };
        if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) = list.args.first()
            && let Value::SingleQuotedString(text) = &value.value
        {
            self.found = true;
            self.named.push((text.clone(), None));
        }
        ControlFlow::Continue(())
    }
}

fn called(name: &ObjectName) -> Option<&str> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.as_str()),
        _ => None,
    }
}

/// The model that the arguments of a call name: `MODEL => 'm'` or a text in front, and `version => 3`.
pub(crate) fn reference(arguments: &[FunctionArg]) -> Result<Reference> {
    let (mut model, mut version) = (None, None);
    for argument in arguments {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) if model.is_none() => {
                if let Value::SingleQuotedString(text) = &value.value {
                    model = Some(text.clone());
                }
            }
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. }
            | FunctionArg::ExprNamed { name: Expr::Identifier(name), arg: FunctionArgExpr::Expr(value), .. } => {
                named(name, value, &mut model, &mut version)?;
            }
            _ => {}
        }
    }
    let model = model.ok_or_else(|| Error::invalid("name the model, such as MODEL => 'churn'"))?;
    Ok((model, version))
}

fn named(name: &Ident, value: &Expr, model: &mut Option<String>, version: &mut Option<u64>) -> Result<()> {
    let value = match value {
        Expr::Value(value) => &value.value,
        Expr::Identifier(ident) if name.value.eq_ignore_ascii_case("model") => {
            let folded = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
            *model = Some(folded);
            return Ok(());
        }
        _ => return Ok(()),
    };
    if name.value.eq_ignore_ascii_case("model")
        && let Value::SingleQuotedString(text) = value
    {
        *model = Some(text.clone());
    }
    if name.value.eq_ignore_ascii_case("version") {
        let number = match value {
            Value::Number(number, _) => number.to_string().parse::<u64>().ok().filter(|n| *n > 0),
            _ => None,
        };
        *version = Some(number.ok_or_else(|| Error::invalid("version is the number of a version, such as version => 3"))?);
    }
    Ok(())
}

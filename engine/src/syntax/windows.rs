//! Windows that build on named ones: `OVER (w ORDER BY x)`, `WINDOW v AS (w ROWS 3 PRECEDING)`.
//!
//! DataFusion takes the specification for the whole window and forgets the named one. Here every window becomes one with all its
//! parts.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, OrderByKind, Query, Select, SetExpr, VisitMut,
    VisitorMut, WindowSpec, WindowType,
};
use headwater_common::{Error, Result};

use super::same;

/// Names and whole specifications.
type Known = Vec<(Ident, WindowSpec)>;

/// Makes the windows of a SELECT whole. Its sub-queries have windows of their own and are done before.
pub(super) fn make_whole(select: &mut Select) -> Result<()> {
    let mut known = Known::new();
    for NamedWindowDefinition(name, window) in &mut select.named_window {
        let whole = match window {
            NamedWindowExpr::NamedWindow(base) => spec(&known, base)?,
            NamedWindowExpr::WindowSpec(spec) => whole(&known, spec)?,
        };
        *window = NamedWindowExpr::WindowSpec(whole.clone());
        known.push((name.clone(), whole));
    }
    let mut user = User { known: &known };
    let places = select.projection.iter_mut().map(|item| VisitMut::visit(item, &mut user)).collect::<Vec<_>>();
    let qualify = select.qualify.as_mut().map(|expr| VisitMut::visit(expr, &mut user));
    for outcome in places.into_iter().chain(qualify) {
        if let ControlFlow::Break(error) = outcome {
            return Err(error);
        }
    }
    Ok(())
}

/// Gives windows that ORDER BY names their specifications, which DataFusion looks for in the SELECT list only. The SELECT's windows are
/// whole.
pub(super) fn in_order(query: &mut Query) -> Result<()> {
    let SetExpr::Select(select) = query.body.as_ref() else { return Ok(()) };
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = &mut query.order_by else { return Ok(()) };
    let known = select.named_window.iter().filter_map(|NamedWindowDefinition(name, window)| match window {
        NamedWindowExpr::WindowSpec(spec) => Some((name.clone(), spec.clone())),
        NamedWindowExpr::NamedWindow(_) => None,
    });
    let known: Known = known.collect();
    if known.is_empty() {
        return Ok(());
    }
    let mut user = User { known: &known };
    match keys.iter_mut().map(|key| VisitMut::visit(&mut key.expr, &mut user)).find_map(ControlFlow::break_value) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct User<'a> {
    known: &'a Known,
}

impl VisitorMut for User<'_> {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        if let Some(WindowType::NamedWindow(name)) = &function.over
            && let Ok(known) = spec(self.known, name)
        {
            function.over = Some(WindowType::WindowSpec(known));
        }
        if let Some(WindowType::WindowSpec(spec)) = &mut function.over
            && spec.window_name.is_some()
        {
            match whole(self.known, spec) {
                Ok(whole) => *spec = whole,
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

fn spec(known: &Known, name: &Ident) -> Result<WindowSpec> {
    let found = known.iter().rev().find(|(other, _)| same(other, name));
    found.map(|(_, spec)| spec.clone()).ok_or_else(|| Error::invalid(["there is no window \"", &name.value, "\""].concat()))
}

/// A specification with the parts of the window that it builds on.
fn whole(known: &Known, own: &WindowSpec) -> Result<WindowSpec> {
    let Some(name) = &own.window_name else { return Ok(own.clone()) };
    let base = spec(known, name)?;
    let refuse = |what: &str| Err(Error::invalid(["a window that builds on \"", &name.value, "\" cannot ", what].concat()));
    if !own.partition_by.is_empty() {
        return refuse("have a PARTITION BY of its own");
    }
    if !own.order_by.is_empty() && !base.order_by.is_empty() {
        return refuse("have an ORDER BY of its own, since that one has one");
    }
    if base.window_frame.is_some() {
        return refuse("take its frame; write the whole window or leave out the parentheses");
    }
    let order_by = if own.order_by.is_empty() { base.order_by } else { own.order_by.clone() };
    Ok(WindowSpec { window_name: None, partition_by: base.partition_by, order_by, window_frame: own.window_frame.clone() })
}

//! Whether a source should compute a part that it can compute.
//!
//! The measure is the bytes that leave the sources. A join that multiplies its rows is cheaper here, an aggregate that shrinks
//! them there. Where a source knows no number of rows, what cannot have more rows than its inputs goes to the source.

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;

use super::survey::{Node, ROWS_PARALLEL};

/// What a statement costs beside the bytes of its rows, as bytes: one round trip.
pub(crate) const STATEMENT_BYTES: f64 = 65_536.0;
/// Fewer bytes are no difference.
const DIFFERENCE_BYTES: f64 = 8_192.0;
/// A large table is read over several connections, a statement over one: its bytes count so many times.
const ONE_STREAM: f64 = 2.0;

/// The answer for one node.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// The source should compute it.
    Push,
    /// Reading its inputs is at least as good; the reason, when a user may wonder.
    Keep(Option<String>),
}

/// Bytes that leave the sources when everything that can be computed there is. Only a guess for what is above the cut.
pub(super) fn ideal(node: &Node<'_>) -> Option<f64> {
    if matches!(node.plan, LogicalPlan::TableScan(_)) {
        return node.estimate.bytes().map(|bytes| bytes + STATEMENT_BYTES);
    }
    if node.place.single().is_none() || gate(node) != Gate::Push {
        return node.apart;
    }
    node.estimate.bytes().map(|bytes| bytes + STATEMENT_BYTES)
}

/// Whether the source should compute this node together with all below it.
pub(super) fn gate(node: &Node<'_>) -> Gate {
    if is_plain_scan(node.plan) || !may_be_cut(node) {
        return Gate::Keep(None);
    }
    if drops_columns(node) && node.inputs.iter().all(|input| gate(input) == Gate::Push) {
        return Gate::Push;
    }
    let Some((bytes, apart)) = node.estimate.bytes().zip(node.apart) else { return unknown(node) };
    let streams = if node.largest_scan >= ROWS_PARALLEL { ONE_STREAM } else { 1.0 };
    // The inputs of a projection over one table are read in ranges and cost nothing to compute.
    let (gain, difference) =
        if is_one_table(node.plan) && !shrinks(node.plan) { (2.0, 0.0) } else { (1.0, DIFFERENCE_BYTES) };
    if (bytes * streams).mul_add(gain, STATEMENT_BYTES) <= apart + difference {
        return Gate::Push;
    }
    if let LogicalPlan::Projection(projection) = node.plan {
        let computes = !projection.expr.iter().all(is_column) && gain > 1.0;
        let reason = "sending it saves few bytes, and the table is read over several connections";
        return Gate::Keep(computes.then(|| reason.to_owned()));
    }
    let rows = node.estimate.rows.unwrap_or_default();
    let more = bytes + STATEMENT_BYTES > apart;
    Gate::Keep(explains(node.plan).then(|| {
        let all = format!("the source would send about {} ({})", counted(rows), size(bytes));
        let parts = format!("its inputs are about {}", size(apart - STATEMENT_BYTES * statements(node)));
        if more { format!("{all}, and {parts}") } else { format!("{all} over one connection; {parts}, read over several") }
    }))
}

/// Without a number of rows: what cannot have more rows than its inputs is pushed when it saves rows or statements.
fn unknown(node: &Node<'_>) -> Gate {
    if node.estimate.bounded && saves(node) {
        return Gate::Push;
    }
    let reason = "the source does not know how many rows its tables have, and this may have more rows than its inputs";
    let wonders = matches!(node.plan, LogicalPlan::Join(_));
    Gate::Keep(wonders.then(|| reason.to_owned()))
}

fn saves(node: &Node<'_>) -> bool {
    match node.plan {
        LogicalPlan::Join(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            node.inputs.first().is_some_and(|input| saves(input) && node.estimate.width() <= input.estimate.width())
        }
        plan => shrinks(plan),
    }
}

/// Nodes that return fewer rows than they take.
fn shrinks(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => true,
        LogicalPlan::Sort(sort) => sort.fetch.is_some(),
        LogicalPlan::Limit(limit) => limit.fetch.is_some(),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Window(_) => {
            plan.inputs().into_iter().any(shrinks)
        }
        _ => false,
    }
}

/// A part with a sort below would lose its order, and a sort without a limit moves no fewer rows.
fn may_be_cut(node: &Node<'_>) -> bool {
    match node.plan {
        LogicalPlan::Sort(sort) => sort.fetch.is_some(),
        LogicalPlan::Limit(limit) => limit.fetch.is_some() && !node.ordered,
        LogicalPlan::Subquery(_) | LogicalPlan::RecursiveQuery(_) => false,
        _ => !node.ordered && !node.plan.schema().fields().is_empty(),
    }
}

/// What a scan of one table does by itself, over several connections.
fn is_plain_scan(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_plain_scan(&alias.input),
        LogicalPlan::Projection(projection) => projection.expr.iter().all(is_column) && is_plain_scan(&projection.input),
        // The scan itself has this limit.
        LogicalPlan::Limit(limit) => has_fetch(&limit.input),
        _ => false,
    }
}

fn has_fetch(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_some(),
        LogicalPlan::SubqueryAlias(alias) => has_fetch(&alias.input),
        LogicalPlan::Projection(projection) => has_fetch(&projection.input),
        _ => false,
    }
}

/// A part that returns fewer columns of its input and nothing else: a statement is the shorter for it.
fn drops_columns(node: &Node<'_>) -> bool {
    let LogicalPlan::Projection(projection) = node.plan else { return false };
    let narrower = |input: &Node<'_>| node.estimate.width() <= input.estimate.width();
    projection.expr.iter().all(is_column) && node.inputs.iter().all(narrower)
}

fn is_column(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_column(&alias.expr),
        other => matches!(other, Expr::Column(_)),
    }
}

fn is_one_table(plan: &LogicalPlan) -> bool {
    match plan.inputs().as_slice() {
        [] => matches!(plan, LogicalPlan::TableScan(_)),
        [input] => is_one_table(input),
        _ => false,
    }
}

/// Nodes of which a user may wonder why they stay here.
fn explains(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_))
}

fn statements(node: &Node<'_>) -> f64 {
    node.inputs.len().max(1) as f64
}

fn counted(rows: f64) -> String {
    if rows.round() == 1.0 { "1 row".to_owned() } else { format!("{rows:.0} rows") }
}

/// Bytes as a user reads them.
fn size(bytes: f64) -> String {
    let bytes = bytes.max(0.0);
    match bytes {
        b if b < 1e3 => format!("{b:.0} bytes"),
        b if b < 1e6 => format!("{:.0} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

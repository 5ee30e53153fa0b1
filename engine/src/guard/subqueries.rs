//! Sub-queries that no step of a plan computes are refused when the statement is prepared.
//!
//! DataFusion makes joins of sub-queries, and finds out that it could not only when it chooses operators, in words of its own.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use headwater_common::{Error, Result};
use headwater_optimizer::subquery_of;

use crate::error::classify;

/// Whether a plan has an expression that is computed by another query.
pub(crate) fn has_any(plan: &LogicalPlan) -> Result<bool> {
    let found = first(plan, &|expr| subquery_of(expr).is_some() || matches!(expr, Expr::OuterReferenceColumn(..)))?;
    Ok(found.is_some())
}

/// Refuses an optimized plan in which a sub-query is left that only a rule could have made a join of.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    let left = first(plan, &|expr| match expr {
        Expr::ScalarSubquery(subquery) => !subquery.outer_ref_columns.is_empty(),
        other => subquery_of(other).is_some() || matches!(other, Expr::OuterReferenceColumn(..)),
    })?;
    match left {
        Some((expr, place)) => Err(Error::unsupported(refusal(&expr, place))),
        None => Ok(()),
    }
}

/// Refuses a bound plan with an aggregate in a sub-query whose arguments are columns of the query around only: by the standard it
/// is computed over the rows of that query, of which DataFusion knows nothing.
pub(crate) fn check_aggregates(plan: &LogicalPlan) -> Result<()> {
    let mut found = None;
    let looked = plan.apply_with_subqueries(|node| {
        let LogicalPlan::Aggregate(aggregate) = node else { return Ok(TreeNodeRecursion::Continue) };
        let own = |column: &datafusion::common::Column| aggregate.input.schema().has_column(column);
        for expr in &aggregate.aggr_expr {
            let (mut inner, mut outer) = (false, false);
            expr.apply(|expr| {
                match expr {
                    Expr::Column(_) => inner = true,
                    Expr::OuterReferenceColumn(..) => outer = true,
                    other => {
                        for column in subquery_of(other).into_iter().flat_map(references) {
                            inner |= own(&column);
                            outer |= !own(&column);
                        }
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            if outer && !inner {
                let plain = expr.clone().unalias().transform(|expr| match expr {
                    Expr::OuterReferenceColumn(_, column) => Ok(Transformed::yes(Expr::Column(column))),
                    other => Ok(Transformed::no(other)),
                })?;
                found = Some(plain.data.human_display().to_string());
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.map_err(classify)?;
    match found {
        Some(text) => Err(Error::unsupported(format!(
            "{text} in a sub-query has only columns of the query around it, so that it belongs to that query by the SQL standard; compute \
             it there, or over a column of the sub-query"
        ))),
        None => Ok(()),
    }
}

/// Whether a plan names a column that no input of its node has: DataFusion has made a join of a sub-query in a place where that
/// cannot be, and does not look.
pub(crate) fn names_unknown_columns(plan: &LogicalPlan) -> bool {
    let mut unknown = false;
    let looked = plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        if inputs.is_empty() || matches!(node, LogicalPlan::Dml(_) | LogicalPlan::Subquery(_) | LogicalPlan::Extension(_)) {
            return Ok(TreeNodeRecursion::Continue);
        }
        let known = |column: &datafusion::common::Column| inputs.iter().any(|input| input.schema().has_column(column));
        node.apply_expressions(|expr| {
            unknown |= !expr.column_refs().into_iter().all(known);
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if unknown { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    looked.is_ok() && unknown
}

/// Why a bound plan with sub-queries could not be optimized, if it is for a reference over two levels.
pub(crate) fn two_levels(plan: &LogicalPlan) -> Option<Error> {
    let mut found = None;
    let looked = plan.apply_with_subqueries(|node| {
        for subquery in node.expressions().iter().flat_map(subqueries) {
            let scope = node.inputs();
            let missing = references(&subquery)
                .into_iter()
                .find(|column| !scope.iter().any(|input| input.schema().has_column(column)));
            if let Some(column) = missing {
                found = Some(Error::unsupported(format!(
                    "a sub-query{} refers to {}, which is not a column of the query right around it; select that column in \
                     the query between, or write the sub-query as a join",
                    over(&subquery),
                    column.flat_name()
                )));
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    looked.ok().and(found)
}

fn subqueries(expr: &Expr) -> Vec<Subquery> {
    let mut found = Vec::new();
    // Looking at an expression does not fail.
    let _ = expr.apply(|e| {
        found.extend(subquery_of(e).cloned());
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// The first such expression, and where it stands if not in a SELECT list or a filter.
fn first(plan: &LogicalPlan, wanted: &dyn Fn(&Expr) -> bool) -> Result<Option<(Expr, Option<&'static str>)>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| match wanted(e) {
                true => {
                    found = Some((e.clone(), place(node)));
                    Ok(TreeNodeRecursion::Stop)
                }
                false => Ok(TreeNodeRecursion::Continue),
            })
        })
    })
    .map_err(classify)?;
    Ok(found)
}

fn place(node: &LogicalPlan) -> Option<&'static str> {
    match node {
        LogicalPlan::Aggregate(_) => Some("GROUP BY or an aggregate"),
        LogicalPlan::Sort(_) => Some("ORDER BY"),
        LogicalPlan::Window(_) => Some("a window"),
        LogicalPlan::Join(_) => Some("the condition of a join"),
        LogicalPlan::Limit(_) => Some("LIMIT"),
        _ => None,
    }
}

/// Columns from outside that a sub-query names itself, not in sub-queries of its own.
fn references(subquery: &Subquery) -> BTreeSet<datafusion::common::Column> {
    let mut found = BTreeSet::new();
    let _ = subquery.subquery.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::OuterReferenceColumn(_, column) = e {
                    found.insert(column.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found
}

fn refusal(expr: &Expr, place: Option<&str>) -> String {
    let what = match expr {
        Expr::Exists(_) => "EXISTS with a sub-query",
        Expr::InSubquery(_) => "IN with a sub-query",
        Expr::SetComparison(_) => "ANY or ALL with a sub-query",
        Expr::ScalarSubquery(_) => "a sub-query that stands for a value",
        _ => "a LATERAL query",
    };
    let (over, refers) = match (subquery_of(expr), expr) {
        (Some(subquery), _) => {
            let named: Vec<String> = references(subquery).iter().map(datafusion::common::Column::flat_name).collect();
            (over(subquery), named.join(", "))
        }
        (None, Expr::OuterReferenceColumn(_, column)) => (String::new(), column.flat_name()),
        (None, _) => (String::new(), String::new()),
    };
    match (refers.is_empty(), place) {
        (true, _) => format!("{what}{over} cannot be computed at its place; write it as a join"),
        (false, Some(place)) => format!(
            "{what}{over} that refers to {refers} from outside cannot be computed in {place}; compute it in the SELECT list of a \
             sub-query in FROM, or write it as a join"
        ),
        (false, None) => format!(
            "{what}{over} cannot be computed: it refers to {refers} from outside otherwise than by = in its WHERE; \
             compare by = there, without LIMIT, or write it as a join"
        ),
    }
}

/// The tables of a sub-query, in words.
fn over(subquery: &Subquery) -> String {
    let mut tables = BTreeSet::new();
    let _ = subquery.subquery.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.insert(scan.table_name.to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    match tables.is_empty() {
        true => String::new(),
        false => format!(" over {}", tables.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

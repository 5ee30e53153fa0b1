//! A table's alias that is also the name of a column, as in `FROM days d WHERE EXISTS (SELECT 1 FROM events e WHERE e.d = d.d)`.
//!
//! In SQL `d.d` is a column of the table that is called `d` in the query around. DataFusion looks at the columns of the query itself
//! first, finds `e.d`, and takes a field of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::prelude::Expr as PlanExpr;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, SelectItemQualifiedWildcardKind, TableAlias, TableFactor, VisitMut, VisitorMut,
};

use super::{inner_mut, normalized};

/// The names of columns of which a plan takes a field.
pub(crate) fn of_fields(plan: &LogicalPlan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // Looking at a plan does not fail.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let PlanExpr::ScalarFunction(ScalarFunction { func, args }) = e
                    && func.name() == "get_field"
                    && let Some(PlanExpr::Column(column)) = args.first()
                {
                    found.insert(column.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    found
}

/// Whether planning failed because a field was taken of a value that has none.
pub(crate) fn is_no_record(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::Plan(message) | DataFusionError::Execution(message) if message.contains("Cannot access field"))
}

/// Gives tables whose alias is one of these names (all when there are none) another alias. Whether there are any.
pub(crate) fn rename(statement: &mut Statement, names: Option<&BTreeSet<String>>) -> bool {
    let Some(inner) = inner_mut(statement) else { return false };
    let mut finder = Finder { names, found: BTreeSet::new() };
    let _ = VisitMut::visit(inner, &mut finder);
    if finder.found.is_empty() {
        return false;
    }
    let _ = VisitMut::visit(inner, &mut Renamer(finder.found));
    true
}

fn other(name: &str) -> Ident {
    Ident::with_quote('"', ["table ", name].concat())
}

struct Finder<'a> {
    names: Option<&'a BTreeSet<String>>,
    found: BTreeSet<String>,
}

impl VisitorMut for Finder<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let Some(alias) = alias_of(table) {
            let name = normalized(&alias.name);
            if self.names.is_none_or(|names| names.contains(&name)) {
                self.found.insert(name);
            }
        }
        ControlFlow::Continue(())
    }
}

fn alias_of(table: &mut TableFactor) -> Option<&mut TableAlias> {
    match table {
        TableFactor::Table { alias, .. } | TableFactor::Derived { alias, .. } | TableFactor::UNNEST { alias, .. } => {
            alias.as_mut()
        }
        _ => None,
    }
}

struct Renamer(BTreeSet<String>);

impl Renamer {
    fn rename(&self, name: &mut Ident) {
        let known = normalized(name);
        if self.0.contains(&known) {
            *name = other(&known);
        }
    }
}

impl VisitorMut for Renamer {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let Some(alias) = alias_of(table) {
            self.rename(&mut alias.name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, _, ..] = parts.as_mut_slice()
        {
            self.rename(table);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), _) = item
                && let [part] = table.0.as_mut_slice()
                && let Some(name) = part.as_ident()
                && self.0.contains(&normalized(name))
            {
                *table = vec![other(&normalized(name))].into();
            }
        }
        ControlFlow::Continue(())
    }
}

//! What is known of the relations and the conditions of a tree of joins.

use std::sync::Arc;

use datafusion::common::{Column, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr;
use headwater_source::scan::{ColumnFacts, selectivity};
use headwater_source::{RemoteSource, RemoteTable, TableMeta};

use super::hypergraph::{Operator, Set, members, single, within};
use super::region::{Region, Term, column_of};
use crate::push_down_plan::{Estimate, Node};

/// One relation.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) rows: f64,
    /// Number of its source in [`Model::sources`], when one source computes all of it.
    pub(super) source: Option<usize>,
}

/// A column of a relation.
#[derive(Debug, Clone)]
struct Width {
    relation: usize,
    bytes: f64,
    /// The tree of joins returns it.
    returned: bool,
    /// The operators that look at it.
    operators: Vec<usize>,
}

/// One side of an equality.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) relations: Set,
    /// Distinct values, as far as they are known.
    pub(super) distinct: Option<f64>,
}

/// What is known of an operator.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    /// Share of all pairs of rows that match.
    pub(super) selectivity: f64,
    /// Its equalities.
    pub(super) keys: Vec<(Side, Side)>,
    /// The source of all its relations computes it.
    pub(super) pushed: bool,
}

/// Everything that an order is judged by.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) relations: Vec<Relation>,
    pub(super) operators: Vec<Operator>,
    pub(super) conditions: Vec<Condition>,
    pub(super) sources: Vec<Arc<dyn RemoteSource>>,
    columns: Vec<Width>,
}

impl Model {
    /// What is known of a tree; `None` when the rows of a relation or the matches of a condition are not.
    pub(super) fn of(region: &Region<'_>, operators: Vec<Operator>) -> Result<Option<Self>> {
        let mut sources: Vec<Arc<dyn RemoteSource>> = Vec::new();
        let (mut relations, mut estimates) = (Vec::new(), Vec::new());
        for leaf in &region.leaves {
            let node = Node::survey(leaf)?;
            let Some(rows) = node.estimate.rows else { return Ok(None) };
            let source = node.place.single().map(|source| number_of(&mut sources, source));
            relations.push(Relation { rows: rows.max(1.0), source });
            estimates.push(node.estimate);
        }
        let columns = widths(region, &operators, &estimates);
        let known = Known { region, estimates: &estimates };
        let Some(mut conditions) = operators.iter().map(|o| known.condition(o)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        known.join_keys(&operators, &mut conditions);
        for (operator, condition) in operators.iter().zip(&mut conditions) {
            condition.pushed = known.pushed(operator, &relations, &sources);
        }
        Ok(Some(Self { relations, operators, conditions, sources, columns }))
    }

    /// Bytes of a row of the join of these relations, with the columns that are still needed.
    pub(super) fn width(&self, set: Set) -> f64 {
        let open = |i: &usize| self.operators.get(*i).is_some_and(|o| !within(o.all(), set));
        let needed = |c: &&Width| single(c.relation) & set != 0 && (c.returned || c.operators.iter().any(open));
        1.0 + self.columns.iter().filter(needed).map(|c| c.bytes).sum::<f64>()
    }
}

fn number_of(sources: &mut Vec<Arc<dyn RemoteSource>>, source: &Arc<dyn RemoteSource>) -> usize {
    match sources.iter().position(|known| known.name() == source.name()) {
        Some(number) => number,
        None => {
            sources.push(Arc::clone(source));
            sources.len() - 1
        }
    }
}

fn widths(region: &Region<'_>, operators: &[Operator], estimates: &[Estimate]) -> Vec<Width> {
    let used: Vec<Vec<Column>> = operators.iter().map(|o| o.terms.iter().flat_map(Term::columns).collect()).collect();
    let mut found = Vec::new();
    for (relation, (leaf, estimate)) in region.leaves.iter().zip(estimates).enumerate() {
        for (column, bytes) in leaf.schema().columns().into_iter().zip(estimate.columns.iter().map(|c| c.width)) {
            let operators = used.iter().enumerate().filter(|(_, columns)| columns.contains(&column)).map(|(i, _)| i);
            let operators = operators.collect();
            found.push(Width { relation, bytes, returned: region.output.has_column(&column), operators });
        }
    }
    found
}

/// What the estimates of the relations say of conditions.
struct Known<'a> {
    region: &'a Region<'a>,
    estimates: &'a [Estimate],
}

impl Known<'_> {
    fn facts(&self, column: &Column) -> Option<ColumnFacts> {
        let relation = self.region.relation(column)?;
        let place = self.region.leaves.get(relation)?.schema().maybe_index_of_column(column)?;
        Some(self.estimates.get(relation)?.columns.get(place)?.facts.clone())
    }

    fn condition(&self, operator: &Operator) -> Option<Condition> {
        let mut condition = Condition { selectivity: 1.0, ..Condition::default() };
        for term in &operator.terms {
            match term {
                Term::Other(expr) => condition.selectivity *= selectivity(expr, &|column: &Column| self.facts(column)),
                Term::Equal(left, right) => {
                    let one = self.side(left)?;
                    let other = self.side(right)?;
                    let values = [self.domain(left), self.domain(right)].into_iter().flatten().reduce(f64::max)?;
                    let present = self.present(left) * self.present(right);
                    condition.selectivity *= present / values.max(1.0);
                    condition.keys.push((one, other));
                }
            }
        }
        Some(condition)
    }

    fn side(&self, expr: &Expr) -> Option<Side> {
        let columns: Vec<Column> = expr.column_refs().into_iter().cloned().collect();
        let distinct = column_of(expr).and_then(|c| self.distinct(c));
        Some(Side { relations: self.region.relations(&columns)?, distinct })
    }

    /// Distinct values of a column among the rows of its relation.
    fn distinct(&self, column: &Column) -> Option<f64> {
        let relation = self.region.relation(column)?;
        let facts = self.facts(column)?;
        let rows = self.estimates.get(relation)?.rows?;
        let leaf = self.region.leaves.get(relation)?;
        let unique = base(leaf, column).is_some_and(|(table, name)| is_unique(&table, &[name]));
        facts.distinct.or_else(|| unique.then_some(rows)).or_else(|| spread(&facts)).map(|n| n.min(rows).max(1.0))
    }

    /// Values that a key can have: those of the whole table, because the rows of the other side that a filter of this one leaves
    /// without a match are left out of the join.
    fn domain(&self, expr: &Expr) -> Option<f64> {
        let column = column_of(expr)?;
        let leaf = self.region.leaves.get(self.region.relation(column)?)?;
        let whole = base(leaf, column).and_then(|(table, name)| {
            let facts = ColumnFacts::new(&table.column(&name)?.statistics, table.row_count);
            let rows = table.row_count? as f64;
            match is_unique(&table, &[name]) {
                true => Some(rows),
                false => facts.distinct.or_else(|| spread(&facts)).map(|n| n.min(rows)),
            }
        });
        whole.or_else(|| self.distinct(column))
    }

    /// Share of the rows in which an expression is not null.
    fn present(&self, expr: &Expr) -> f64 {
        let nulls = column_of(expr).and_then(|c| self.facts(c)).and_then(|f| f.null_share);
        (1.0 - nulls.unwrap_or(0.0)).clamp(0.01, 1.0)
    }

    /// Keys of several columns: a row matches at most one of a table in which the columns together are unique.
    fn join_keys(&self, operators: &[Operator], conditions: &mut [Condition]) {
        for (i, leaf) in self.region.leaves.iter().enumerate() {
            for (j, _) in self.region.leaves.iter().enumerate().filter(|(j, _)| *j != i) {
                let pair = single(i) | single(j);
                let between: Vec<usize> = operators
                    .iter()
                    .enumerate()
                    .filter(|(_, o)| o.refs == pair && o.terms.iter().any(|t| matches!(t, Term::Equal(..))))
                    .map(|(at, _)| at)
                    .collect();
                let columns =
                    between.iter().filter_map(|at| operators.get(*at)).flat_map(|o| &o.terms).flat_map(Term::columns);
                let columns: Vec<Column> = columns.filter(|c| self.region.relation(c) == Some(i)).collect();
                let found: Vec<(Arc<TableMeta>, String)> = columns.iter().filter_map(|c| base(leaf, c)).collect();
                let names: Vec<String> = found.iter().map(|(_, name)| name.clone()).collect();
                let Some((table, _)) = found.first().filter(|(table, _)| names.len() > 1 && is_unique(table, &names))
                else {
                    continue;
                };
                let share: f64 = between.iter().filter_map(|at| conditions.get(*at)).map(|c| c.selectivity).product();
                let least = 1.0 / table.row_count.unwrap_or(u64::MAX).max(1) as f64;
                if share < least {
                    let factor = (least / share).powf(1.0 / between.len() as f64);
                    for at in &between {
                        conditions.get_mut(*at).into_iter().for_each(|c| c.selectivity *= factor);
                    }
                }
            }
        }
    }

    /// Whether the source that two relations are in computes their join.
    fn pushed(&self, operator: &Operator, relations: &[Relation], sources: &[Arc<dyn RemoteSource>]) -> bool {
        let both: Vec<usize> = members(operator.refs).collect();
        let [first, second] = both.as_slice() else { return false };
        let relation = |i: &usize| relations.get(*i).and_then(|r| r.source);
        let Some(source) = relation(first).filter(|s| relation(second) == Some(*s)).and_then(|s| sources.get(s)) else {
            return false;
        };
        let (left, right) = if within(single(*first), operator.left) { (first, second) } else { (second, first) };
        let leaf = |i: &usize| self.region.leaves.get(*i).map(|leaf| Arc::new((*leaf).clone()));
        let Some((left_plan, right_plan)) = leaf(left).zip(leaf(right)) else { return false };
        let terms: Vec<&Term> = operator.terms.iter().collect();
        let place = |columns: &[Column]| self.region.relations(columns);
        let join = super::build::join(operator.kind, left_plan, right_plan, &terms, single(*left), &place);
        join.is_ok_and(|join| source.translate(&join, 1).is_ok())
    }
}

/// Most values between the bounds of a column of whole numbers or dates.
fn spread(facts: &ColumnFacts) -> Option<f64> {
    facts.least.zip(facts.greatest).map(|(least, greatest)| (greatest - least + 1.0).max(1.0))
}

/// The column of a table that a column of a relation is.
fn base(plan: &LogicalPlan, column: &Column) -> Option<(Arc<TableMeta>, String)> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let table = provider.downcast_ref::<RemoteTable>()?.meta();
            table.column(&column.name)?;
            Some((Arc::clone(table), column.name.clone()))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let place = alias.schema.maybe_index_of_column(column)?;
            base(&alias.input, &Column::from(alias.input.schema().qualified_field(place)))
        }
        LogicalPlan::Projection(projection) => {
            let place = projection.schema.maybe_index_of_column(column)?;
            base(&projection.input, column_of(projection.expr.get(place)?)?)
        }
        LogicalPlan::Filter(filter) => base(&filter.input, column),
        _ => None,
    }
}

/// Whether no two rows of a table have the same values in these columns.
fn is_unique(table: &TableMeta, names: &[String]) -> bool {
    let places: Vec<usize> = names.iter().filter_map(|n| table.columns.iter().position(|c| c.name() == n)).collect();
    table.is_unique(&places)
}

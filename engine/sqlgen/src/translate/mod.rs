//! From a sub-plan to one query of a database, or to the reasons why parts of it stay here.
//!
//! It is an allow-list: a plan node, expression, function or cast that is not known to mean the same at the source, for the
//! types at hand, is refused. One function both decides and translates, so what is promised and what is sent cannot differ.
//!
//! | module | answers |
//! |---|---|
//! | [`database`] | what does a connector say about its columns and functions? |
//! | [`compare`] | which comparisons are the same everywhere? |
//! | `relation` | what does a plan node become, and when does a block need another around it? |
//! | `plan`, `join`, `aggregate`, `first_rows`, `window` | how is each plan node translated? |
//! | `expr` | how is each expression translated? |

mod aggregate;
pub mod compare;
pub mod database;
mod expr;
mod first_rows;
mod join;
mod plan;
mod relation;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::Expr as PlanExpr;
use headwater_source::{Kept, Notes, Outcome, Refused, RemoteColumn, TableMeta, TableName};

pub use database::{AggregateCall, Class, Collation, ColumnFact, Database, Fact, Part, Value, scale, why_here};

use crate::expr::Expr;
use crate::select::{From, JoinKind, Query};
use expr::Scope;
use relation::{Relation, Stage};

/// A sub-plan as a query.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The query.
    pub query: Query,
    /// Its output.
    pub columns: Vec<RemoteColumn>,
    /// The tables it reads, with the columns it reads of each and the marks of their types.
    pub tables: Vec<(TableName, Vec<(String, String)>)>,
    /// The table of every FROM item that is one; a table that is read twice is there twice.
    pub reads: Vec<TableName>,
    /// FROM items whose rows may be split: each row of the result comes from one row of such a table.
    pub splits: Vec<(TableName, usize)>,
}

impl Translation {
    /// The query over a part of a table that may be split.
    pub fn restricted(&self, filters: Vec<Expr>) -> Query {
        let mut query = self.query.clone();
        if let Query::Block(select) = &mut query {
            select.filters.extend(filters);
        }
        query
    }
}

/// Translates a plan, or returns all the reasons found why it stays here.
pub fn translate(database: &dyn Database, plan: &LogicalPlan) -> Result<Translation, Vec<Kept>> {
    let mut translator = Translator::new(database);
    let Ok(relation) = translator.plan(plan) else { return Err(translator.kept) };
    let columns = translator.columns(plan, &relation);
    if !translator.kept.is_empty() {
        return Err(translator.kept);
    }
    let splits = splits(&relation);
    let tables = translator.tables.into_iter().map(|(name, columns)| (name, columns.into_iter().collect())).collect();
    Ok(Translation { query: Query::Block(relation.finish()), columns, tables, reads: translator.reads, splits })
}

/// Translates a filter on one table, whose columns carry no qualifier; the names in the result carry none either.
pub fn translate_filter(database: &dyn Database, table: &TableMeta, filter: &PlanExpr) -> Result<Expr, Vec<Kept>> {
    let mut translator = Translator::new(database);
    let used = filter.column_refs().into_iter().map(|c| c.name.clone()).collect();
    let columns = translator.table_columns(&table.name, &table.schema, &used, Expr::Column);
    let Ok(schema) = DFSchema::try_from(Arc::clone(&table.schema)) else {
        return Err(vec![Kept::new(filter.to_string(), "the columns of the table are ambiguous")]);
    };
    let translated = translator.predicate(filter, &Scope { schema: &schema, columns: &columns });
    translated.map_err(|Refused| translator.kept)
}

struct Translator<'a> {
    database: &'a dyn Database,
    kept: Vec<Kept>,
    /// Number of FROM items so far.
    items: usize,
    tables: BTreeMap<TableName, BTreeMap<String, String>>,
    reads: Vec<TableName>,
    depth: usize,
}

impl Notes for Translator<'_> {
    fn kept(&mut self) -> &mut Vec<Kept> {
        &mut self.kept
    }
}

impl<'a> Translator<'a> {
    fn new(database: &'a dyn Database) -> Self {
        Self { database, kept: Vec::new(), items: 0, tables: BTreeMap::new(), reads: Vec::new(), depth: 0 }
    }

    fn item(&mut self) -> usize {
        self.items += 1;
        self.items - 1
    }

    /// The output, whose types are those of the plan.
    fn columns(&mut self, plan: &LogicalPlan, relation: &Relation) -> Vec<RemoteColumn> {
        let mut columns = Vec::new();
        for (field, value) in plan.schema().fields().iter().zip(&relation.columns) {
            let fact = &value.fact;
            if let Class::Missing(reason) = &fact.class {
                let _: Outcome<()> = self.refuse(field.name(), reason.clone());
                continue;
            }
            columns.push(RemoteColumn {
                field: Arc::clone(field),
                remote_type: fact.remote_type.clone(),
                attributes: fact.attributes.clone(),
            });
        }
        columns
    }
}

/// The tables of a block that takes its rows one by one.
fn splits(relation: &Relation) -> Vec<(TableName, usize)> {
    let mut found = Vec::new();
    if relation.stage == Stage::Rows {
        preserved(&relation.select.from, &mut found);
    }
    found
}

fn preserved(from: &From, found: &mut Vec<(TableName, usize)>) {
    match from {
        From::Table(table, Some(item)) => found.push((TableName::new(&table.schema, &table.name), *item)),
        From::Table(_, None) | From::Query(..) | From::Native { .. } => {}
        From::Join(join) => match join.kind {
            JoinKind::Inner | JoinKind::Cross => {
                preserved(&join.left, found);
                preserved(&join.right, found);
            }
            JoinKind::Left | JoinKind::LeftSemi | JoinKind::LeftAnti => preserved(&join.left, found),
            JoinKind::Right => preserved(&join.right, found),
            JoinKind::Full => {}
        },
    }
}

//! A block that grows node by node, until a node needs another block around it.

use super::Translator;
use super::database::{Class, Value};
use crate::expr::Expr;
use crate::select::{From, Query, Select};
use datafusion::common::ScalarValue;

/// How far a block has come in the order in which SQL evaluates its clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// FROM and WHERE.
    Rows,
    /// GROUP BY and HAVING.
    Grouped,
    /// Functions over windows.
    Windowed,
    /// DISTINCT.
    Distinct,
    /// ORDER BY, LIMIT.
    Limited,
}

/// What a plan node became: a block without its output, and the output as expressions inside the block.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) select: Select,
    pub(super) columns: Vec<Value>,
    pub(super) stage: Stage,
}

impl Relation {
    pub(super) fn new(from: From, columns: Vec<Value>) -> Self {
        Self { select: Select { from, ..Select::default() }, columns, stage: Stage::Rows }
    }

    /// The block with its output.
    pub(super) fn finish(mut self) -> Select {
        let output = |value: &Value| match value.fact.class {
            // Its place is kept; nobody reads it.
            Class::Missing(_) => Expr::Value(ScalarValue::Null),
            _ => value.output(),
        };
        self.select.columns = self.columns.iter().map(output).collect();
        self.select.named = true;
        self.select
    }
}

impl Translator<'_> {
    /// The relation as a FROM item of a new block.
    pub(super) fn wrap(&mut self, relation: Relation) -> Relation {
        let item = self.item();
        let column = |(i, value): (usize, &Value)| Value {
            expr: Expr::Output(item, i),
            cast: None,
            constant: None,
            ..value.clone()
        };
        let columns = relation.columns.iter().enumerate().map(column).collect();
        Relation::new(From::Query(Box::new(Query::Block(relation.finish())), item), columns)
    }

    /// The relation at a stage no later than `stage`.
    pub(super) fn at_most(&mut self, relation: Relation, stage: Stage) -> Relation {
        if relation.stage <= stage { relation } else { self.wrap(relation) }
    }

    /// The rows of a relation with nothing but columns of FROM items, which a join may make null.
    pub(super) fn columns_only(&mut self, relation: Relation) -> Relation {
        let column = |c: &Value| matches!(c.expr, Expr::Field(..) | Expr::Output(..));
        let plain = relation.stage == Stage::Rows && relation.columns.iter().all(column);
        if plain { relation } else { self.wrap(relation) }
    }
}

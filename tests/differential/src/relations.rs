//! Relations between queries that hold whatever the rows are.

use crate::ast::{AggregateFunction, Body, Expr, Grouping, Query, Select, SetOperator, Truth};
use crate::value::{Type, Value};

/// A relation of two queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The rows that pass a filter are as many as those for which it is true.
    CountOfFilter,
    /// Every row passes exactly one of `p`, `NOT p`, `p IS NULL`.
    Partitions,
}

impl Relation {
    /// Its name in reports.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Relation::CountOfFilter => "count of a filter",
            Relation::Partitions => "three partitions",
        }
    }

    /// The two queries, when the query has a block with a filter and without groups.
    pub(crate) fn queries(self, query: &Query) -> Option<(Query, Query)> {
        let Body::Select(select) = &query.body else { return None };
        let filter = select.filter.clone()?;
        let plain = select.grouping == Grouping::None
            && select.having.is_none()
            && !select.distinct
            && select.first.is_none()
            && !select.items.iter().any(over_rows);
        if !plain {
            return None;
        }
        let with = |select: Select| Query { ctes: query.ctes.clone(), ..Query::select(select) };
        match self {
            Relation::CountOfFilter => {
                let counted = with(Select { items: vec![count_rows()], ..select.as_ref().clone() });
                let one = |n| Expr::Literal(Value::Int(n), Type::Int8);
                let case = Expr::Case { whens: vec![(filter, one(1))], otherwise: Some(Box::new(one(0))), ty: Type::Int8 };
                let sum = aggregate(AggregateFunction::Sum, Some(case));
                let sum =
                    Expr::Call { function: crate::ast::Function::Coalesce, arguments: vec![sum, one(0)], ty: Type::Int8 };
                Some((counted, with(Select { items: vec![sum], filter: None, ..select.as_ref().clone() })))
            }
            Relation::Partitions => {
                let all = with(Select { filter: None, ..select.as_ref().clone() });
                let part = |p: Expr| Body::Select(Box::new(Select { filter: Some(p), ..select.as_ref().clone() }));
                let unknown = Expr::Truth(Truth::Unknown, Box::new(filter.clone()));
                let union =
                    |a: Body, b: Body| Body::Set { operator: SetOperator::Union, all: true, sides: Box::new([a, b]) };
                let body = union(union(part(filter.clone()), part(Expr::Not(Box::new(filter)))), part(unknown));
                Some((all.clone(), Query { body, ..all }))
            }
        }
    }
}

fn aggregate(function: AggregateFunction, argument: Option<Expr>) -> Expr {
    let argument = argument.map(Box::new);
    Expr::Aggregate { function, argument, distinct: false, filter: None, ty: Type::Int8 }
}

fn count_rows() -> Expr {
    aggregate(AggregateFunction::CountRows, None)
}

/// Whether a value depends on other rows than its own.
fn over_rows(expr: &Expr) -> bool {
    matches!(expr, Expr::Aggregate { .. } | Expr::Window { .. } | Expr::Grouping(_))
        || expr.clone().children_mut().into_iter().any(|e| over_rows(e))
}

//! Smaller queries: every way to take one thing away.

use crate::ast::{Body, Expr, Grouping, Join, Query, Relation, Select};
use crate::value::{Type, Value};

/// Queries that are one step smaller. Some are not valid; they do not show the difference and fall away.
pub(crate) fn smaller(query: &Query) -> Vec<Query> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Query)| {
        let mut copy = query.clone();
        change(&mut copy);
        if copy != *query {
            all.push(copy);
        }
    };
    add(&|q| q.ctes.clear());
    add(&|q| q.limit = None);
    add(&|q| q.offset = None);
    if query.limit.is_none() {
        add(&|q| q.order.clear());
    }
    // A column can go only when the order does not name it; the order is then cut to what is left.
    for i in 0..query.types().len() {
        if query.types().len() > 1 {
            add(&|q| {
                without_item(&mut q.body, i);
                q.order.retain(|key| key.0 != i);
                q.order.iter_mut().filter(|key| key.0 > i).for_each(|key| key.0 -= 1);
            });
        }
    }
    for body in bodies(&query.body) {
        all.push(Query { body, ..query.clone() });
    }
    for i in 0..query.ctes.len() {
        for cte in smaller(&query.ctes[i].1) {
            let mut copy = query.clone();
            copy.ctes[i].1 = cte;
            all.push(copy);
        }
    }
    all
}

fn without_item(body: &mut Body, i: usize) {
    match body {
        Body::Select(select) => drop(select.items.remove(i)),
        Body::Set { sides, .. } => sides.iter_mut().for_each(|side| without_item(side, i)),
    }
}

fn bodies(body: &Body) -> Vec<Body> {
    match body {
        Body::Select(select) => blocks(select).into_iter().map(|s| Body::Select(Box::new(s))).collect(),
        Body::Set { operator, all, sides } => {
            let mut found = sides.to_vec();
            for i in 0..2 {
                for side in bodies(&sides[i]) {
                    let mut sides = sides.clone();
                    sides[i] = side;
                    found.push(Body::Set { operator: *operator, all: *all, sides });
                }
            }
            found
        }
    }
}

fn blocks(select: &Select) -> Vec<Select> {
    let mut all = Vec::new();
    let mut add = |change: &dyn Fn(&mut Select)| {
        let mut copy = select.clone();
        change(&mut copy);
        if copy != *select {
            all.push(copy);
        }
    };
    add(&|s| s.filter = None);
    add(&|s| s.having = None);
    add(&|s| s.distinct = false);
    add(&|s| s.first = None);
    add(&|s| s.grouping = Grouping::None);
    if let Grouping::Rollup(keys) | Grouping::Cube(keys) | Grouping::Sets(keys, _) = &select.grouping {
        add(&|s| s.grouping = Grouping::Keys(keys.clone()));
    }
    if let Grouping::Keys(keys) = &select.grouping {
        for i in 0..keys.len() {
            let mut fewer = keys.clone();
            fewer.remove(i);
            add(&|s| s.grouping = if fewer.is_empty() { Grouping::None } else { Grouping::Keys(fewer.clone()) });
        }
    }
    for i in 0..select.from.len() {
        if select.from.len() > 1 {
            add(&|s| {
                s.from.remove(i);
                if let Some(first) = s.from.first_mut() {
                    first.join = Join::First;
                    first.on = None;
                }
            });
        }
        if select.from[i].join != Join::First {
            add(&|s| {
                s.from[i].join = Join::Inner;
                s.from[i].on = s.from[i].on.take().or(Some(Expr::Literal(Value::Bool(true), Type::Bool)));
            });
        }
        let (query, again): (_, fn(Box<Query>) -> Relation) = match &select.from[i].relation {
            Relation::Derived(query) => (query, Relation::Derived),
            Relation::Lateral(query) => (query, Relation::Lateral),
            _ => continue,
        };
        for inner in smaller(query) {
            add(&|s| s.from[i].relation = again(Box::new(inner.clone())));
        }
    }
    let count = select.clone().expressions_mut().len();
    for i in 0..count {
        let expr = select.clone().expressions_mut()[i].clone();
        for smaller in expressions(&expr) {
            add(&|s| *s.expressions_mut()[i] = smaller.clone());
        }
    }
    all
}

/// Expressions that are one step smaller, of the same type.
fn expressions(expr: &Expr) -> Vec<Expr> {
    let mut all = Vec::new();
    let mut own = expr.clone();
    if !matches!(expr, Expr::Literal(..) | Expr::Column { .. }) {
        let children = own.children_mut();
        all.extend(children.into_iter().filter(|c| c.ty() == expr.ty()).map(|c| c.clone()));
        let value = match expr.ty() {
            Type::Bool => Value::Bool(true),
            Type::Int2 | Type::Int4 | Type::Int8 => Value::Int(1),
            Type::Text => Value::Text("a".to_owned()),
            _ => Value::Null,
        };
        all.push(Expr::Literal(value, expr.ty()));
    }
    match expr {
        Expr::All(list) | Expr::Any(list) if list.len() > 2 => {
            for i in 0..list.len() {
                let mut fewer = list.clone();
                fewer.remove(i);
                all.push(if matches!(expr, Expr::All(_)) { Expr::All(fewer) } else { Expr::Any(fewer) });
            }
        }
        Expr::InList { expr, list, negated } if list.len() > 1 => {
            for i in 0..list.len() {
                let mut fewer = list.clone();
                fewer.remove(i);
                all.push(Expr::InList { expr: expr.clone(), list: fewer, negated: *negated });
            }
        }
        Expr::Aggregate { function, argument, ty, distinct, filter } if *distinct || filter.is_some() => {
            all.push(Expr::Aggregate {
                function: *function,
                argument: argument.clone(),
                distinct: false,
                filter: None,
                ty: *ty,
            });
        }
        Expr::Window { function, arguments, partition, order, frame, ty } if !partition.is_empty() || frame.is_some() => {
            all.push(Expr::Window {
                function: *function,
                arguments: arguments.clone(),
                partition: Vec::new(),
                order: order.clone(),
                frame: None,
                ty: *ty,
            });
            let _ = frame;
        }
        _ => {}
    }
    let count = own.children_mut().len();
    for i in 0..count {
        let child = own.children_mut()[i].clone();
        for smaller in expressions(&child) {
            let mut copy = expr.clone();
            *copy.children_mut()[i] = smaller;
            all.push(copy);
        }
    }
    if let Some(query) = own.query_mut() {
        for inner in smaller(query) {
            let mut copy = expr.clone();
            if let Some(query) = copy.query_mut() {
                *query = inner;
            }
            all.push(copy);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;
    use crate::print::{Dialect, print};

    #[test]
    fn every_query_shrinks_to_nothing_more() {
        let size = |q: &Query| print(q, Dialect::Headwater, &|t| t.to_owned()).unwrap().len();
        for index in 0..200 {
            let mut query = generate::query(7, index, index % 2 == 0);
            for _ in 0..2_000 {
                match smaller(&query).into_iter().find(|s| size(s) < size(&query)) {
                    Some(next) => query = next,
                    None => break,
                }
            }
            assert!(size(&query) < 200, "{query:?}");
        }
    }
}

//! What a statement grows to when its parts are put in their places.
//!
//! A WITH query is planned anew wherever it is named, so twenty that each name the one before twice make a million plans; a
//! CUBE over twenty columns makes a million grouping sets. Both are counted on the syntax tree before anything is planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, GroupByWithModifier, ObjectName, Query, Select, Visit, Visitor};
use headwater_common::{Error, Limits, Result};

use crate::syntax::{inner, normalized};

/// Refuses a statement that would grow over one of the limits.
pub(crate) fn check(statement: &Statement, limits: &Limits) -> Result<()> {
    let mut count = Count { limits, frames: vec![Frame::default()] };
    let over = inner(statement).and_then(|inner| Visit::visit(inner, &mut count).break_value());
    over.map_or(Ok(()), Err)
}

/// One query with the WITH queries that it and its parts can name.
#[derive(Default)]
struct Frame {
    relations: u64,
    grouping_sets: u64,
    /// Relations of each WITH query that is counted already.
    known: HashMap<String, u64>,
    /// WITH queries to come, by the address of their query.
    awaited: HashMap<usize, String>,
}

struct Count<'a> {
    limits: &'a Limits,
    frames: Vec<Frame>,
}

impl Count<'_> {
    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn add(&mut self, relations: u64, grouping_sets: u64) -> ControlFlow<Error> {
        let frame = self.frame();
        frame.relations = frame.relations.saturating_add(relations);
        frame.grouping_sets = frame.grouping_sets.saturating_add(grouping_sets);
        let (relations, grouping_sets) = (frame.relations, frame.grouping_sets);
        let checked = Limits::check(
            "tables of the statement with its WITH queries in their places",
            relations,
            self.limits.relations,
            "relations",
        )
        .and_then(|()| Limits::check("grouping sets", grouping_sets, self.limits.grouping_sets, "grouping_sets"));
        match checked {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

fn power_of_two(n: usize) -> u64 {
    u32::try_from(n).ok().and_then(|n| 1u64.checked_shl(n)).unwrap_or(u64::MAX)
}

fn grouping_sets(select: &Select) -> u64 {
    let (exprs, modifiers) = match &select.group_by {
        GroupByExpr::All(modifiers) => (&[][..], modifiers),
        GroupByExpr::Expressions(exprs, modifiers) => (exprs.as_slice(), modifiers),
    };
    let of = |expr: &Expr| match expr {
        Expr::Cube(columns) => power_of_two(columns.len()),
        Expr::Rollup(columns) => columns.len() as u64 + 1,
        Expr::GroupingSets(sets) => sets.len() as u64,
        _ => 1,
    };
    let product = exprs.iter().map(of).fold(1, u64::saturating_mul);
    modifiers.iter().fold(product, |sets, modifier| match modifier {
        GroupByWithModifier::Cube => sets.saturating_mul(power_of_two(exprs.len())),
        GroupByWithModifier::Rollup => sets.saturating_mul(exprs.len() as u64 + 1),
        GroupByWithModifier::Totals => sets.saturating_mul(2),
        GroupByWithModifier::GroupingSets(expr) => sets.saturating_mul(of(expr)),
    })
}

impl Visitor for Count<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let with = query.with.iter().flat_map(|with| &with.cte_tables);
        let awaited = with.map(|cte| (address(&cte.query), normalized(&cte.alias.name)));
        self.frames.push(Frame { awaited: awaited.collect(), ..Frame::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let Some(ended) = self.frames.pop() else { return ControlFlow::Continue(()) };
        let frame = self.frame();
        if let Some(name) = frame.awaited.remove(&address(query)) {
            // One that nobody names is never planned, but it is not worth more than it says.
            frame.known.insert(name, ended.relations);
            return ControlFlow::Continue(());
        }
        self.add(ended.relations, ended.grouping_sets)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Error> {
        let name = match relation.0.as_slice() {
            [one] => one.as_ident().map(normalized),
            _ => None,
        };
        let known = name.and_then(|name| self.frames.iter().rev().find_map(|f| f.known.get(&name).copied()));
        self.add(known.unwrap_or(1).max(1), 0)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        match grouping_sets(select) {
            1 => ControlFlow::Continue(()),
            sets => self.add(0, sets),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::parser::DFParser;

    fn refusal(sql: &str) -> Option<String> {
        let statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        check(&statement, &Limits::default()).err().map(|e| e.to_string())
    }

    fn doubled(times: usize) -> String {
        let more = (1..=times).map(|i| format!(", c{i} AS (SELECT a.x FROM C{p} a, c{p} b)", p = i - 1));
        format!("WITH c0 AS (SELECT 1 AS x){} SELECT count(*) FROM c{times}", more.collect::<String>())
    }

    #[test]
    fn queries_that_double_are_refused_and_named() {
        assert_eq!(refusal(&doubled(8)), None);
        for times in [12, 25, 60] {
            let text = refusal(&doubled(times)).unwrap();
            assert!(text.contains("limits.relations"), "{text}");
            assert!(refusal(&format!("EXPLAIN {}", doubled(times))).is_some());
            assert!(refusal(&format!("SELECT * FROM ({}) t", doubled(times))).is_some());
        }
    }

    #[test]
    fn an_inner_name_hides_an_outer_one() {
        let inner = "WITH a AS (SELECT 1 FROM t, t) SELECT * FROM a WHERE EXISTS (WITH a AS (SELECT 1) SELECT * FROM a, a)";
        assert_eq!(refusal(inner), None);
    }

    #[test]
    fn grouping_sets_are_counted() {
        let columns = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>().join(", ");
        for (clause, refused) in [
            (format!("CUBE ({})", columns(12)), false),
            (format!("CUBE ({})", columns(13)), true),
            (format!("CUBE ({})", columns(70)), true),
            (format!("CUBE ({}), CUBE ({})", columns(7), columns(7)), true),
            (format!("ROLLUP ({})", columns(70)), false),
            (columns(70), false),
        ] {
            let text = refusal(&format!("SELECT 1 FROM t GROUP BY {clause}"));
            assert_eq!(text.as_deref().is_some_and(|t| t.contains("limits.grouping_sets")), refused, "{clause}: {text:?}");
        }
    }
}

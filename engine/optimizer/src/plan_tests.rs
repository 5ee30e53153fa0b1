//! Plans before and after a rule, over tables in memory.
#![allow(clippy::disallowed_methods, reason = "planning over tables in memory never waits")]

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::{Constraint, Constraints};
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{AnalyzerRule, Optimizer, OptimizerContext, OptimizerRule};
use datafusion::prelude::SessionContext;

use crate::{
    CopyTopN, DropReferencedJoins, FirstOfSubquery, JoinCorrelatedAggregates, MergeSelfJoins, NumberLateralRows,
    ReduceGroupKeys,
};

/// A session with `t (id, a, b, f)`, whose key is `id`, and `u (id, a, b, f)` without a key.
fn context(analyzers: Vec<Arc<dyn AnalyzerRule + Send + Sync>>) -> SessionContext {
    let field = |name: &str, data_type| Field::new(name, data_type, name != "id");
    let schema = Schema::new(vec![
        field("id", DataType::Int64),
        field("a", DataType::Int64),
        field("b", DataType::Utf8),
        field("f", DataType::Float64),
    ]);
    let mut state = SessionStateBuilder::new().with_default_features();
    for rule in analyzers {
        state = state.with_analyzer_rule(rule);
    }
    let context = SessionContext::new_with_state(state.build());
    for (name, keys) in [("t", vec![Constraint::PrimaryKey(vec![0])]), ("u", Vec::new())] {
        let table = MemTable::try_new(Arc::new(schema.clone()), vec![Vec::new()]).unwrap();
        let table = table.with_constraints(Constraints::new_unverified(keys));
        context.register_table(name, Arc::new(table)).unwrap();
    }
    context
}

fn optimized(context: &SessionContext, sql: &str) -> LogicalPlan {
    let plan = futures::executor::block_on(context.state().create_logical_plan(sql)).unwrap();
    context.state().optimize(&plan).unwrap()
}

/// The plan of a query after DataFusion's rules and then this one, as lines.
fn after(rule: Arc<dyn OptimizerRule + Send + Sync>, sql: &str) -> Vec<String> {
    let plan = optimized(&context(Vec::new()), sql);
    let plan = Optimizer::with_rules(vec![rule]).optimize(plan, &OptimizerContext::new(), |_, _| {}).unwrap();
    lines(&plan)
}

fn lines(plan: &LogicalPlan) -> Vec<String> {
    plan.display_indent().to_string().lines().map(|l| l.trim().to_owned()).collect()
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|l| l.contains(text)).count()
}

#[test]
fn a_table_joined_with_itself_on_its_key_is_one_scan() {
    let rule = || Arc::new(MergeSelfJoins);
    let plan = after(rule(), "SELECT x.a, y.b FROM t x JOIN t y ON x.id = y.id WHERE x.a > 1 AND y.b = 'q'");
    assert_eq!((count(&plan, "Join"), count(&plan, "TableScan: t")), (0, 1), "{plan:?}");
    assert!(count(&plan, "a > Int64(1)") > 0 && count(&plan, "b = Utf8(\"q\")") > 0, "{plan:?}");
    let semi = after(rule(), "SELECT a FROM t WHERE id IN (SELECT id FROM t y WHERE y.a = 3)");
    assert_eq!((count(&semi, "Join"), count(&semi, "TableScan: t")), (0, 1), "{semi:?}");
    for kept in [
        "SELECT x.a, y.b FROM u x JOIN u y ON x.id = y.id",
        "SELECT x.a, y.b FROM t x JOIN t y ON x.a = y.a",
        "SELECT x.a, y.b FROM t x JOIN t y ON x.id = y.a",
        "SELECT x.a, y.b FROM t x JOIN u y ON x.id = y.id",
        "SELECT x.a, y.b FROM t x LEFT JOIN t y ON x.id = y.id AND y.a = 1",
        "SELECT x.a, y.b FROM t x JOIN (SELECT * FROM t LIMIT 3) y ON x.id = y.id",
        "SELECT x.a, y.b FROM t x JOIN (SELECT * FROM t WHERE random() > 0.5) y ON x.id = y.id",
    ] {
        assert_eq!(count(&after(rule(), kept), "Join"), 1, "{kept}");
    }
}

#[test]
fn values_of_a_column_are_in_the_column() {
    let rule = || Arc::new(DropReferencedJoins);
    let plan = after(rule(), "SELECT id FROM u WHERE a IN (SELECT a FROM u)");
    assert_eq!((count(&plan, "Join"), count(&plan, "IS NOT NULL")), (0, 1), "{plan:?}");
    let grouped = after(rule(), "SELECT a, count(*) FROM u WHERE id > 4 AND a IN (SELECT a FROM u) GROUP BY a");
    assert_eq!(count(&grouped, "Join"), 0, "{grouped:?}");
    for kept in [
        "SELECT id FROM u WHERE a IN (SELECT a FROM u WHERE id < 3)",
        "SELECT id FROM u WHERE a IN (SELECT a FROM u LIMIT 3)",
        "SELECT id FROM u WHERE a IN (SELECT id FROM u)",
        "SELECT id FROM u WHERE f IN (SELECT f FROM u)",
        "SELECT id FROM u WHERE a NOT IN (SELECT a FROM u)",
        "SELECT id FROM u WHERE a IN (SELECT a FROM u WHERE b IS NOT NULL)",
        "SELECT x.id FROM u x WHERE EXISTS (SELECT 1 FROM u y WHERE y.a = x.a AND y.b = x.b AND y.id > x.id)",
        "SELECT x.id FROM u x JOIN u z ON x.id < z.id WHERE EXISTS (SELECT 1 FROM u y WHERE y.a = x.a AND y.b = z.b)",
    ] {
        let plan = after(rule(), kept);
        assert_eq!(count(&plan, "LeftSemi") + count(&plan, "LeftAnti"), 1, "{kept}: {plan:?}");
    }
}

#[test]
fn first_rows_are_taken_of_the_side_that_keeps_its_rows() {
    let rule = || Arc::new(CopyTopN);
    for (sql, sorts) in [
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.a LIMIT 3", 2),
        ("SELECT t.a, u.b FROM t RIGHT JOIN u ON t.id = u.id ORDER BY u.a DESC, u.id LIMIT 3", 2),
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.a LIMIT 3 OFFSET 2", 2),
        ("SELECT a FROM t UNION ALL SELECT a FROM u ORDER BY a LIMIT 3", 3),
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY u.a LIMIT 3", 1),
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.a, u.a LIMIT 3", 1),
        ("SELECT t.a, u.b FROM t FULL JOIN u ON t.id = u.id ORDER BY t.a LIMIT 3", 1),
        ("SELECT t.a, u.b FROM t JOIN u ON t.id = u.id ORDER BY t.a LIMIT 3", 1),
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.a", 1),
        ("SELECT t.a, u.b FROM t LEFT JOIN u ON t.id = u.id ORDER BY t.a + u.a LIMIT 3", 1),
    ] {
        let plan = after(rule(), sql);
        assert_eq!(count(&plan, "Sort:"), sorts, "{sql}: {plan:?}");
    }
}

#[test]
fn a_copied_top_n_is_copied_once() {
    let plan = optimized(&context(Vec::new()), "SELECT t.a FROM t LEFT JOIN u ON t.b = u.b ORDER BY t.a LIMIT 3");
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![Arc::new(CopyTopN), Arc::new(CopyTopN)];
    let plan = Optimizer::with_rules(rules).optimize(plan, &OptimizerContext::new(), |_, _| {}).unwrap();
    assert_eq!(count(&lines(&plan), "Sort:"), 2);
}

#[test]
fn no_column_of_the_query_around_is_left_in_a_sub_query() {
    let rules = || -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
        vec![Arc::new(FirstOfSubquery), Arc::new(JoinCorrelatedAggregates), Arc::new(NumberLateralRows)]
    };
    for sql in [
        "SELECT id, (SELECT b FROM u WHERE u.a = t.a ORDER BY id LIMIT 1) FROM t",
        "SELECT id, (SELECT b FROM u WHERE u.a < t.a ORDER BY id LIMIT 1 OFFSET 2) FROM t",
        "SELECT id, (SELECT count(*) FROM u WHERE u.a < t.a AND u.b = t.b) + 1 FROM t",
        "SELECT id FROM t WHERE (SELECT sum(u.a * t.a) FROM u WHERE u.b = t.b) > 3",
        "SELECT t.id, s.b FROM t, LATERAL (SELECT b FROM u WHERE u.a = t.a ORDER BY u.id LIMIT 2) s",
        "SELECT t.id, s.b FROM t LEFT JOIN LATERAL (SELECT b FROM u WHERE u.a > t.a LIMIT 2) s ON true",
        "SELECT t.id, s.n FROM t, LATERAL (SELECT count(*) AS n FROM u WHERE u.a > t.a) s",
    ] {
        let plan = lines(&optimized(&context(rules()), sql));
        assert!(count(&plan, "outer_ref") == 0 && count(&plan, "Subquery:") == 0, "{sql}: {plan:#?}");
    }
    let plan = lines(&optimized(&context(rules()), "SELECT id, (SELECT max(a) FROM u WHERE u.b = t.b) FROM t"));
    assert_eq!(count(&plan, "row_number"), 0, "DataFusion's own join is kept: {plan:?}");
}

#[test]
fn columns_of_the_row_of_a_key_are_no_keys_of_groups() {
    let rule = || Arc::new(ReduceGroupKeys);
    let grouped = |sql: &str| after(rule(), sql).into_iter().find(|l| l.starts_with("Aggregate")).unwrap();
    let of_join = "SELECT t.id, t.a, t.b, u.a, count(*) FROM t LEFT JOIN u ON t.id = u.id GROUP BY t.b, t.id, t.a, u.a";
    let plan = grouped(of_join);
    assert!(
        plan.starts_with("Aggregate: groupBy=[[t.id, u.a]], aggr=[[first_value(t.b), first_value(t.a), count("),
        "{plan}"
    );
    let outer = grouped("SELECT t.id, t.b, sum(u.a) FROM u LEFT JOIN t ON t.id = u.id GROUP BY t.id, t.b");
    assert!(outer.contains("groupBy=[[t.id]]"), "{outer}");
    for kept in [
        "SELECT id, f, count(*) FROM t GROUP BY id, f",
        "SELECT a, b, count(*) FROM t GROUP BY a, b",
        "SELECT u.id, u.a, count(*) FROM u GROUP BY u.id, u.a",
        "SELECT x.id, y.a, count(*) FROM t x JOIN t y ON x.a = y.a GROUP BY x.id, y.a",
        "SELECT id, a, count(*) FROM t GROUP BY ROLLUP (id, a)",
        "SELECT id, a FROM (SELECT id, a FROM t UNION ALL SELECT id, a FROM t) GROUP BY id, a HAVING count(*) > 1",
    ] {
        assert!(!grouped(kept).contains("first_value"), "{kept}: {}", grouped(kept));
    }
}

//! TABLESAMPLE, and what DataFusion would not look at behind a table in FROM.

use datafusion::common::Result;
use datafusion::functions::math::random;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Filter, LogicalPlan};
use datafusion::prelude::lit;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, TableFactor, TableSample, TableSampleKind, TableSampleMethod, TableSampleModifier, TableSampleUnit,
    Value,
};
use headwater_common::Error;
use headwater_source::ErrorExt;

/// Plans `t TABLESAMPLE BERNOULLI (percent)` as the rows of `t` of which each is taken by itself with this probability (ISO 9075-2,
/// 7.6). Other clauses of a table in FROM, which DataFusion reads and forgets, are refused.
#[derive(Debug)]
pub(crate) struct TableClauses;

impl RelationPlanner for TableClauses {
    fn plan_relation(&self, relation: TableFactor, context: &mut dyn RelationPlannerContext) -> Result<RelationPlanning> {
        let mut relation = relation;
        if let Some((form, remedy)) = unknown(&relation) {
            return Err(refused([form, " is not supported; ", remedy].concat()));
        }
        if let Some(clause) = forgotten(&relation) {
            return Err(refused([clause, " behind a table is not supported"].concat()));
        }
        let sample = match &mut relation {
            TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. } => sample.take(),
            _ => None,
        };
        let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let share = share(&sample)?;
        let all = context.plan(relation)?;
        let sampled = Filter::try_new(random().call(Vec::new()).lt(lit(share)), all.into())?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(LogicalPlan::Filter(sampled), None))))
    }
}

/// A form of a table that nothing plans, and what to write instead.
fn unknown(relation: &TableFactor) -> Option<(&'static str, &'static str)> {
    Some(match relation {
        TableFactor::Pivot { .. } => ("PIVOT", "write an aggregate with FILTER (WHERE ...) for each column"),
        TableFactor::Unpivot { .. } => ("UNPIVOT", "write a UNION ALL with a SELECT for each column"),
        TableFactor::MatchRecognize { .. } => ("MATCH_RECOGNIZE", "use window functions"),
        TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => {
            ("a table of JSON", "use unnest and the functions of JSON")
        }
        TableFactor::XmlTable { .. } => ("XMLTABLE", "there are no functions of XML"),
        TableFactor::TableFunction { .. } => ("TABLE(...)", "call the function itself in FROM"),
        TableFactor::SemanticView { .. } => ("SEMANTIC_VIEW", "name tables in FROM"),
        _ => return None,
    })
}

/// A clause that would change the rows.
fn forgotten(relation: &TableFactor) -> Option<&'static str> {
    let TableFactor::Table { version, with_hints, with_ordinality, partitions, json_path, .. } = relation else {
        return None;
    };
    let clauses = [
        (version.is_some(), "a point in time"),
        (*with_ordinality, "WITH ORDINALITY"),
        (!with_hints.is_empty(), "WITH (...)"),
        (!partitions.is_empty(), "PARTITION"),
        (json_path.is_some(), "a path"),
    ];
    clauses.into_iter().find(|(there, _)| *there).map(|(_, name)| name)
}

/// The share of the rows that are taken, from 0 to 1.
fn share(sample: &TableSample) -> Result<f64> {
    let plain = sample.seed.is_none() && sample.bucket.is_none() && sample.offset.is_none();
    if sample.modifier != TableSampleModifier::TableSample || sample.name != Some(TableSampleMethod::Bernoulli) || !plain {
        return Err(refused("only TABLESAMPLE BERNOULLI (percent), without REPEATABLE, is supported".to_owned()));
    }
    let quantity = sample.quantity.as_ref().filter(|q| q.parenthesized && q.unit != Some(TableSampleUnit::Rows));
    let percent = quantity.and_then(|quantity| match &quantity.value {
        SqlExpr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse::<f64>().ok(),
            _ => None,
        },
        _ => None,
    });
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(refused("TABLESAMPLE BERNOULLI takes a number from 0 to 100 in parentheses".to_owned())),
    }
}

fn refused(message: String) -> datafusion::error::DataFusionError {
    Error::unsupported(message).into_datafusion()
}

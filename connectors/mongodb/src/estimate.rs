//! Whether the server finds the few rows of a scan by an index, as its own planner says.
//!
//! Several cursors over ranges of `_id` would take that index away from the server, or walk it once for each range.

use bson::{Bson, Document, doc};

use crate::connect::Connections;

/// So many rows are worth several cursors.
const ROWS_MANY: i64 = 10_000;
/// Longest time of the count, in milliseconds.
const COUNT_MS: i64 = 200;
/// Plans inside plans that are looked at.
const DEPTH_MAX: usize = 100;

/// Whether a `find` command has a filter that an index answers with fewer than [`ROWS_MANY`] documents. The server's `explain` says
/// which plan it would take; before version 8 it says no numbers without running the plan, so the rows are counted up to the bound.
pub(crate) async fn finds_few(connections: &Connections, database: &str, find: &Document) -> bool {
    let (Ok(collection), Ok(filter)) = (find.get_str("find"), find.get_document("filter")) else { return false };
    if filter.is_empty() {
        return false;
    }
    let explain = doc! { "explain": find.clone(), "verbosity": "queryPlanner" };
    // A server that does not say is read in ranges.
    let Ok(answer) = connections.command(database, explain).await else { return false };
    let plan = answer.get_document("queryPlanner").and_then(|planner| planner.get_document("winningPlan"));
    if !plan.is_ok_and(is_by_index) {
        return false;
    }
    let mut count = doc! { "count": collection, "query": filter.clone(), "limit": ROWS_MANY, "maxTimeMS": COUNT_MS };
    if let Some(collation) = find.get("collation") {
        count.insert("collation", collation.clone());
    }
    let counted = connections.command(database, count).await.ok();
    let rows = counted.and_then(|answer| match answer.get("n") {
        Some(Bson::Int32(n)) => Some(i64::from(*n)),
        Some(Bson::Int64(n)) => Some(*n),
        Some(Bson::Double(n)) => Some(*n as i64),
        _ => None,
    });
    rows.is_some_and(|rows| rows < ROWS_MANY)
}

/// Whether a plan reads by indexes only.
fn is_by_index(plan: &Document) -> bool {
    let mut stages = Vec::new();
    collect(plan, 0, &mut stages);
    let by_index = |stage: &&str| matches!(*stage, "IXSCAN" | "IDHACK" | "EXPRESS_IXSCAN" | "EXPRESS_IDHACK");
    stages.iter().any(by_index) && !stages.contains(&"COLLSCAN")
}

fn collect<'a>(plan: &'a Document, depth: usize, stages: &mut Vec<&'a str>) {
    if depth > DEPTH_MAX {
        return;
    }
    for (name, value) in plan {
        match value {
            Bson::String(stage) if name == "stage" => stages.push(stage),
            Bson::Document(inner) => collect(inner, depth + 1, stages),
            Bson::Array(items) => {
                items.iter().filter_map(Bson::as_document).for_each(|inner| collect(inner, depth + 1, stages));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_every_form_say_whether_an_index_is_read() {
        let index = || doc! { "stage": "IXSCAN", "keyPattern": { "x": 1 } };
        let all = || doc! { "stage": "COLLSCAN" };
        for (plan, expected) in [
            (doc! { "stage": "FETCH", "inputStage": index() }, true),
            (doc! { "stage": "IDHACK" }, true),
            (doc! { "stage": "SUBPLAN", "inputStage": { "stage": "OR", "inputStages": [index(), index()] } }, true),
            (doc! { "isCached": false, "queryPlan": { "stage": "FETCH", "inputStage": index() } }, true),
            (doc! { "stage": "SHARD_MERGE", "shards": [{ "winningPlan": index() }, { "winningPlan": all() }] }, false),
            (doc! { "stage": "OR", "inputStages": [index(), all()] }, false),
            (all(), false),
            (doc! { "stage": "EOF" }, false),
        ] {
            assert_eq!(is_by_index(&plan), expected, "{plan}");
        }
    }
}

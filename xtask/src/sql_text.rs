//! SQL text comes from one place: a parsed statement is never printed again.
//!
//! The parser's own printing leaves a quote alone when a backslash or another quote stands before it, so its text can be injected
//! into. Few files may see the parser at all, fewer its syntax tree, and those may not make text.

use crate::sizes::sources;

/// Files that may name the parser: they read tokens, or its errors.
const TOKENS: [&str; 11] = [
    "engine/src/cursor.rs",
    "engine/src/error.rs",
    "engine/src/explain.rs",
    "engine/src/guard/shape.rs",
    "engine/src/keyword_forms.rs",
    "engine/src/models/statement.rs",
    "engine/src/placeholders.rs",
    "engine/src/plan_guard/shape.rs",
    "engine/src/source_statement.rs",
    "engine/src/table_argument.rs",
    "engine/src/token_edits.rs",
];
/// Files that may name the syntax tree: they look at it or change it in place.
const TREE: [&str; 48] = [
    "engine/src/float_literals.rs",
    "engine/src/guard/balance.rs",
    "engine/src/guard/expansion.rs",
    "engine/src/guard/multisets.rs",
    "engine/src/guard/read_twice.rs",
    "engine/src/guard/whole_rows.rs",
    "engine/src/insert_values.rs",
    "engine/src/json_operators.rs",
    "engine/src/native_query.rs",
    "engine/src/operators.rs",
    "engine/src/settled.rs",
    "engine/src/syntax/aliases.rs",
    "engine/src/syntax/any_all.rs",
    "engine/src/syntax/assignments.rs",
    "engine/src/syntax/between.rs",
    "engine/src/syntax/calls.rs",
    "engine/src/syntax/chain.rs",
    "engine/src/syntax/deletes.rs",
    "engine/src/syntax/distinct_from.rs",
    "engine/src/syntax/fetch.rs",
    "engine/src/syntax/fields.rs",
    "engine/src/syntax/groups.rs",
    "engine/src/syntax/intervals.rs",
    "engine/src/syntax/like_escape.rs",
    "engine/src/syntax/mod.rs",
    "engine/src/syntax/operators.rs",
    "engine/src/syntax/orders.rs",
    "engine/src/syntax/ordinals.rs",
    "engine/src/syntax/outer_fields.rs",
    "engine/src/syntax/own_casts.rs",
    "engine/src/syntax/precedence.rs",
    "engine/src/syntax/procedures.rs",
    "engine/src/syntax/regexes.rs",
    "engine/src/syntax/row_subqueries.rs",
    "engine/src/syntax/rows.rs",
    "engine/src/syntax/substrings.rs",
    "engine/src/syntax/time_zone.rs",
    "engine/src/syntax/timestamps.rs",
    "engine/src/syntax/typed_texts.rs",
    "engine/src/syntax/unnests.rs",
    "engine/src/syntax/using_joins.rs",
    "engine/src/syntax/values.rs",
    "engine/src/syntax/windows.rs",
    "engine/src/syntax/with_names.rs",
    "engine/src/syntax/xor.rs",
    "engine/src/table_clauses.rs",
    "engine/src/unique_names.rs",
    "engine/src/view_arguments.rs",
];
/// What makes text of a syntax tree.
const PRINTING: [&str; 4] = [".to_string()", "format!(", "write!(", "writeln!("];

/// Fails when another file names the parser, or when one that sees its tree prints.
pub(crate) fn check() -> Result<(), String> {
    for file in sources() {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let path = file.to_string_lossy().replace('\\', "/");
        if let Some(fault) = fault(&path, &text) {
            return Err(fault);
        }
    }
    println!("== SQL text: {} files see the parser and none prints what it parsed", TOKENS.len() + TREE.len());
    Ok(())
}

/// What is wrong with a file, if anything.
fn fault(path: &str, text: &str) -> Option<String> {
    let parser = concat!("sql", "parser::");
    let tree = concat!("sql", "parser::ast");
    let known = TOKENS.contains(&path) || TREE.contains(&path);
    // Function packs see no source, so they can send it nothing.
    if path.starts_with("xtask/") || path.starts_with("udfs/") || !text.contains(parser) {
        return None;
    }
    if !known {
        return Some(format!(
            "{path} names {parser}; list it in xtask/src/sql_text.rs with a reason, or use headwater-sqlgen"
        ));
    }
    if !text.contains(tree) {
        return None;
    }
    if !TREE.contains(&path) {
        return Some(format!("{path} may read tokens but not the syntax tree ({tree})"));
    }
    // Tests may print to compare.
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let printing = PRINTING.iter().find(|p| shipped.contains(*p));
    printing.map(|p| format!("{path} sees the syntax tree and uses {p}; its text can be injected into"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_prints_a_parsed_statement_is_found() {
        let tree = format!("use datafusion::sql::{}::{{Expr}};", concat!("sql", "parser::ast"));
        assert!(fault("engine/src/engine.rs", "fn a() {}").is_none());
        assert!(fault("engine/src/guard/balance.rs", &tree).is_none());
        assert!(fault("connectors/postgres/src/scan.rs", &tree).unwrap().contains("scan.rs"));
        assert!(fault("engine/src/placeholders.rs", &tree).unwrap().contains("tokens"));
        let printing = format!("{tree} fn f(e: &Expr) -> String {{ e.to_string() }}");
        assert!(fault("engine/src/guard/balance.rs", &printing).unwrap().contains("to_string"));
    }
}

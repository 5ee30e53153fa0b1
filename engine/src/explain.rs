//! `EXPLAIN (PUSHDOWN) query`: what each source will receive, and why the rest is computed here.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use headwater_common::{Error, Result, nearest};
use headwater_optimizer::KeptPart;
use headwater_source::scan::{column_width, width};
use headwater_source::{KeyFilter, RemoteQueryExec, RemoteScanExec, SharedReadExec, SourceRegistry};

use crate::error::classify;

const PUSHDOWN: &str = "pushdown";
const REWRITES: &str = "rewrites";
/// Begin of the reason in the line of a text that run-time keys will restrict.
const KEYS_FROM: &str = "keys from";

/// Every option that may stand in the parentheses after EXPLAIN.
const OPTIONS: &[&str] =
    &[PUSHDOWN, REWRITES, "analyze", "verbose", "format", "metrics", "level", "timing", "summary", "costs"];

/// Words that begin a query in parentheses instead of options.
const QUERIES: &[&str] = &["select", "with", "values", "table", "insert", "update", "delete", "merge"];

/// What is explained of a query without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explained {
    /// What each source receives.
    PushDown,
    /// Which rules changed the plan.
    Rewrites,
}

/// The statement after `EXPLAIN (PUSHDOWN)` or `EXPLAIN (REWRITES)`; `None` for any other statement.
pub(crate) fn explained(sql: &str, state: &SessionState) -> Result<Option<(Explained, Statement)>> {
    if !sql.as_bytes().windows(7).any(|word| word.eq_ignore_ascii_case(b"explain")) {
        return Ok(None);
    }
    let depth = state.config_options().sql_parser.recursion_limit.get();
    let builder = DFParserBuilder::new(sql).with_dialect(&GenericDialect {}).with_recursion_limit(depth);
    // What cannot be read here is reported where the whole statement is parsed.
    let Ok(mut parser) = builder.build() else { return Ok(None) };
    if !parser.parser.parse_keyword(Keyword::EXPLAIN) || parser.parser.peek_token().token != Token::LParen {
        return Ok(None);
    }
    let Ok(options) = parser.parser.parse_utility_options() else { return Ok(None) };
    let options = options.iter().map(|o| (o.name.value.to_ascii_lowercase(), o.arg.is_some())).collect::<Vec<_>>();
    let Some(asked) = asked(&options)? else { return Ok(None) };
    let statement = parser.parse_statement().map_err(classify)?;
    while parser.parser.consume_token(&Token::SemiColon) {}
    match parser.parser.peek_token().token {
        Token::EOF => Ok(Some((asked, statement))),
        other => Err(Error::invalid(format!("expected the end of the statement, found: {other}"))),
    }
}

/// What the options, each with whether it has a value, ask for beside what DataFusion explains.
fn asked(options: &[(String, bool)]) -> Result<Option<Explained>> {
    let names: Vec<&String> = options.iter().map(|(name, _)| name).collect();
    if names.first().is_none_or(|first| QUERIES.contains(&first.as_str())) {
        return Ok(None);
    }
    let upper = |name: &str| name.to_ascii_uppercase();
    if let Some(unknown) = names.iter().find(|n| !OPTIONS.contains(&n.as_str())) {
        let hint = nearest::nearest(unknown, OPTIONS.iter().copied());
        let hint = hint.map(|n| format!("; did you mean {}?", upper(n))).unwrap_or_else(|| {
            format!("; the options are {}", OPTIONS.iter().map(|n| upper(n)).collect::<Vec<_>>().join(", "))
        });
        return Err(Error::invalid(format!("there is no EXPLAIN option {}{hint}", upper(unknown))));
    }
    for (own, explained) in [(PUSHDOWN, Explained::PushDown), (REWRITES, Explained::Rewrites)] {
        match options {
            [(name, false)] if name == own => return Ok(Some(explained)),
            [(name, true)] if name == own => {
                let message = format!("{} takes no value; use EXPLAIN without options for the plan", upper(own));
                return Err(Error::invalid(message));
            }
            _ if names.iter().any(|name| *name == own) => {
                return Err(Error::invalid(format!("EXPLAIN ({}) takes no other options", upper(own))));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Refuses what has nothing to explain.
pub(crate) fn check(plan: &LogicalPlan, asked: Explained) -> Result<()> {
    let explained = match plan {
        LogicalPlan::Dml(change) => matches!(change.op, WriteOp::Insert(_)),
        LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => false,
        _ => true,
    };
    let name = if asked == Explained::PushDown { "PUSHDOWN" } else { "REWRITES" };
    if explained { Ok(()) } else { Err(Error::unsupported(format!("EXPLAIN ({name}) explains queries and INSERT only"))) }
}

/// Schema of the explanation.
pub(crate) fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("source", DataType::Utf8),
        field("text", DataType::Utf8),
        field("estimated_rows", DataType::UInt64),
        field("estimated_bytes", DataType::UInt64),
        field("part", DataType::Utf8),
        field("reason", DataType::Utf8),
    ]))
}

/// One row of the explanation.
#[derive(Debug, Default)]
struct Line {
    source: Option<String>,
    text: Option<String>,
    rows: Option<u64>,
    bytes: Option<u64>,
    part: Option<String>,
    reason: Option<String>,
}

/// One row for each text that a source receives, then one for each part that stays here.
pub(crate) fn report(plan: &Arc<dyn ExecutionPlan>, kept: Vec<KeptPart>, sources: &SourceRegistry) -> Result<RecordBatch> {
    let mut lines = Vec::new();
    statements(plan, sources, &mut lines)?;
    lines.extend(kept.into_iter().map(|part| Line {
        source: part.source,
        part: Some(part.kept.part),
        reason: Some(part.kept.reason),
        ..Line::default()
    }));
    let texts = |of: fn(&Line) -> &Option<String>| -> ArrayRef {
        Arc::new(lines.iter().map(|line| of(line).as_deref()).collect::<StringArray>())
    };
    let numbers = |of: fn(&Line) -> Option<u64>| -> ArrayRef { Arc::new(lines.iter().map(of).collect::<UInt64Array>()) };
    let columns = vec![
        texts(|l| &l.source),
        texts(|l| &l.text),
        numbers(|l| l.rows),
        numbers(|l| l.bytes),
        texts(|l| &l.part),
        texts(|l| &l.reason),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| Error::internal(e.to_string()))
}

fn statements(plan: &Arc<dyn ExecutionPlan>, sources: &SourceRegistry, lines: &mut Vec<Line>) -> Result<()> {
    if let Some(scan) = plan.downcast_ref::<RemoteScanExec>() {
        let command = scan.command();
        let source = sources.remote(&command.source)?;
        let texts = scan.bounds().iter().map(|bounds| source.render(command, bounds).map(|text| text.text));
        let texts: Vec<String> = texts.collect::<Result<_>>()?;
        let rows = number(&scan.estimated().num_rows);
        let row_bytes: f64 = match command.count {
            true => scan.schema().fields().iter().map(|f| width(f.data_type())).sum(),
            false => command.columns.iter().map(|name| column_width(scan.table(), name)).sum(),
        };
        add(
            lines,
            &command.source,
            texts,
            rows,
            rows.map(|rows| rows as f64 * row_bytes),
            keys(scan.keys(), &scan.schema()),
        );
    }
    if let Some(shared) = plan.downcast_ref::<SharedReadExec>().filter(|shared| shared.is_first()) {
        statements(shared.read(), sources, lines)?;
    }
    if let Some(query) = plan.downcast_ref::<RemoteQueryExec>() {
        let command = query.command();
        let texts = command.texts.iter().map(|text| text.text.clone()).collect();
        let bytes = number(&query.estimated().total_byte_size).map(|bytes| bytes as f64);
        add(lines, &command.source, texts, number(&query.estimated().num_rows), bytes, keys(query.keys(), &query.schema()));
    }
    plan.children().into_iter().try_for_each(|child| statements(child, sources, lines))
}

/// The columns that keys will restrict, and where the keys come from.
fn keys(keys: &[KeyFilter], schema: &SchemaRef) -> (Option<String>, Option<String>) {
    if keys.is_empty() {
        return (None, None);
    }
    let columns: Vec<&str> = keys.iter().map(|k| schema.field(k.column).name().as_str()).collect();
    let from: Vec<&str> = keys.iter().map(|k| k.from.as_str()).collect();
    let reason = format!("{KEYS_FROM} {}: sent when the query runs, if they save rows", from.join(", "));
    (Some(columns.join(", ")), Some(reason))
}

/// The texts of one scan share its rows evenly.
fn add(
    lines: &mut Vec<Line>,
    source: &str,
    texts: Vec<String>,
    rows: Option<u64>,
    bytes: Option<f64>,
    (part, reason): (Option<String>, Option<String>),
) {
    let parts = texts.len().max(1) as u64;
    let rows = rows.map(|rows| rows.div_ceil(parts));
    let bytes = bytes.map(|bytes| (bytes / parts as f64).round() as u64);
    lines.extend(texts.into_iter().map(|text| Line {
        source: Some(source.to_owned()),
        text: Some(text),
        rows,
        bytes,
        part: part.clone(),
        reason: reason.clone(),
    }));
}

fn number(value: &Precision<usize>) -> Option<u64> {
    value.get_value().and_then(|n| u64::try_from(*n).ok())
}

//! `system.plan_history`: the plans of the last statements, and how long they took.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;

use crate::engine::Sources;
use crate::plan_guard::{Line, State};

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("fingerprint", DataType::Utf8),
    ("statement", DataType::Utf8),
    ("plan", DataType::Utf8),
    ("state", DataType::Utf8),
    ("kept", DataType::Boolean),
    ("runs", DataType::Int64),
    ("median_ms", DataType::Float64),
    ("least_ms", DataType::Float64),
    ("greatest_ms", DataType::Float64),
    ("choices", DataType::Utf8),
    ("age_ms", DataType::Int64),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let found = sources.plans.plans();
    let text = |of: fn(&Line) -> String| -> ArrayRef {
        Arc::new(found.iter().map(|(_, _, line, _)| Some(of(line))).collect::<StringArray>())
    };
    let whole = |of: fn(&Line) -> u64| -> ArrayRef {
        Arc::new(found.iter().map(|(_, _, line, _)| i64::try_from(of(line)).ok()).collect::<Int64Array>())
    };
    let real = |of: fn(&Line) -> Option<f64>| -> ArrayRef {
        Arc::new(found.iter().map(|(_, _, line, _)| of(line).map(|us| us / 1e3)).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(found.iter().map(|(number, ..)| Some(format!("{number:016x}"))).collect::<StringArray>()),
        Arc::new(found.iter().map(|(_, statement, ..)| Some(statement.to_string())).collect::<StringArray>()),
        text(|line| format!("{:016x}", line.choices.number)),
        text(|line| state(line.state).to_owned()),
        Arc::new(found.iter().map(|(.., kept)| Some(*kept)).collect::<BooleanArray>()),
        whole(|line| line.runs),
        real(Line::median_us),
        real(|line| line.times.iter().copied().reduce(f64::min)),
        real(|line| line.times.iter().copied().reduce(f64::max)),
        text(|line| line.choices.text.clone()),
        whole(|line| line.last.elapsed_ms()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn state(state: State) -> &'static str {
    match state {
        State::Good => "good",
        State::Trial => "trial",
        State::Rejected => "rejected",
    }
}

//! `system.plan_events`: plans that were reverted, accepted or kept.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::catalog::Session;
use datafusion::error::Result;

use crate::engine::Sources;
use crate::plan_guard::PlanEvent;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("event", DataType::Utf8),
    ("fingerprint", DataType::Utf8),
    ("statement", DataType::Utf8),
    ("plan", DataType::Utf8),
    ("plan_before", DataType::Utf8),
    ("median_ms", DataType::Float64),
    ("median_before_ms", DataType::Float64),
];

pub(super) fn rows(_session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let found = sources.plans.events();
    let text = |of: fn(&PlanEvent) -> String| -> ArrayRef {
        Arc::new(found.iter().map(|event| Some(of(event))).collect::<StringArray>())
    };
    let real = |of: fn(&PlanEvent) -> f64| -> ArrayRef {
        Arc::new(found.iter().map(|event| Some(of(event) / 1e3)).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(found.iter().map(|event| event.at_us))),
        text(|e| e.change.happened.as_str().to_owned()),
        text(|e| format!("{:016x}", e.fingerprint)),
        text(|e| e.statement.to_string()),
        text(|e| format!("{:016x}", e.change.plan)),
        text(|e| format!("{:016x}", e.change.before)),
        real(|e| e.change.plan_us),
        real(|e| e.change.before_us),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

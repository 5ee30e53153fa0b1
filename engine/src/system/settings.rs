//! `system.settings`: every setting with its value in this session.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::Result;
use headwater_common::Limits;
use headwater_common::config::SETTINGS;

use crate::engine::Sources;
use crate::session::SessionLimits;

pub(super) const COLUMNS: &[(&str, DataType)] = &[
    ("name", DataType::Utf8),
    ("value", DataType::Utf8),
    ("default_value", DataType::Utf8),
    ("session_settable", DataType::Boolean),
    ("description", DataType::Utf8),
];

/// Name, value, default, whether a session may set it, description.
type Row = (String, Option<String>, Option<String>, bool, String);

pub(super) fn rows(session: &dyn Session, sources: &Sources, schema: SchemaRef) -> Result<RecordBatch> {
    let limits = session.config().get_extension::<SessionLimits>();
    let limits = limits.map_or_else(|| Arc::clone(&sources.context.limits), |l| Arc::clone(&l.0));
    let mut rows: Vec<Row> = Vec::new();
    for limit in Limits::SETTINGS {
        let value = limits.get(limit.name).map(|v| v.to_string());
        let default = Some(limit.default.to_string());
        rows.push((format!("limits.{}", limit.name), value, default, limit.session, limit.description.to_owned()));
    }
    for entry in session.config_options().entries() {
        if crate::settings::open_settings().contains(&entry.key.as_str()) {
            rows.push((entry.key, entry.value, None, true, entry.description.to_owned()));
        }
    }
    for spec in SETTINGS.iter().filter(|s| crate::settings::SWITCHES.contains(&s.key)) {
        let value = Some(crate::settings::switched_on(session.config(), spec.key).to_string());
        rows.push((spec.key.to_owned(), value, Some(spec.default.to_owned()), true, spec.description.to_owned()));
    }
    let texts = |f: fn(&Row) -> Option<String>| Arc::new(rows.iter().map(f).collect::<StringArray>());
    let settable: BooleanArray = rows.iter().map(|r| Some(r.3)).collect();
    let columns = vec![
        texts(|r| Some(r.0.clone())) as _,
        texts(|r| r.1.clone()) as _,
        texts(|r| r.2.clone()) as _,
        Arc::new(settable) as _,
        texts(|r| Some(r.4.clone())) as _,
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

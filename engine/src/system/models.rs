//! `system.models` and `system.model_versions`: stored models and what is known of their versions.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::error::Result;
use headwater_registry::{Manifest, ModelName, Registry, Version};
use headwater_source::ErrorExt;

use super::Columns;

pub(super) const MODELS: Columns = &[
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("default_version", DataType::Int64),
    ("versions", DataType::Int64),
    ("target", DataType::Utf8),
    ("algorithm", DataType::Utf8),
    ("score", DataType::Float64),
    ("created", DataType::Timestamp(TimeUnit::Microsecond, None)),
];

pub(super) const VERSIONS: Columns = &[
    ("schema", DataType::Utf8),
    ("name", DataType::Utf8),
    ("version", DataType::Int64),
    ("is_default", DataType::Boolean),
    ("kind", DataType::Utf8),
    ("target", DataType::Utf8),
    ("algorithm", DataType::Utf8),
    ("parameters", DataType::Utf8),
    ("score", DataType::Float64),
    ("metrics", DataType::Utf8),
    ("rows", DataType::Int64),
    ("seed", DataType::Int64),
    ("fingerprint", DataType::Utf8),
    ("query", DataType::Utf8),
    ("options", DataType::Utf8),
    ("bytes", DataType::Int64),
    ("digest", DataType::Utf8),
    ("created", DataType::Timestamp(TimeUnit::Microsecond, None)),
];

/// One row a model.
pub(super) async fn models(registry: &Registry, schema: SchemaRef) -> Result<RecordBatch> {
    let all = all(registry).await?;
    // A model always has a default, so each is there once.
    let rows: Vec<(&ModelName, &Manifest, &Version)> =
        all.iter().filter_map(|(name, manifest)| Some((name, manifest, manifest.version(None).ok()?))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0.schema()))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0.name()))),
        wholes(rows.iter().map(|r| r.2.number)),
        wholes(rows.iter().map(|r| r.1.versions().len() as u64)),
        Arc::new(rows.iter().map(|r| option(r.2, "target")).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| option(r.2, "algorithm")).collect::<StringArray>()),
        Arc::new(rows.iter().map(|r| r.2.about.score).collect::<Float64Array>()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.2.about.created_us))),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// One row a version.
pub(super) async fn versions(registry: &Registry, schema: SchemaRef) -> Result<RecordBatch> {
    let all = all(registry).await?;
    let of = |(name, manifest): &'_ (ModelName, Manifest)| -> Vec<(ModelName, bool, Version)> {
        let default = manifest.default_version();
        manifest.versions().iter().map(|v| (name.clone(), default == Some(v.number), v.clone())).collect()
    };
    let rows: Vec<(ModelName, bool, Version)> = all.iter().flat_map(of).collect();
    let text = |f: &dyn Fn(&Version) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| f(&r.2))))
    };
    let given = |name: &str| -> ArrayRef { Arc::new(rows.iter().map(|r| option(&r.2, name)).collect::<StringArray>()) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0.schema()))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0.name()))),
        wholes(rows.iter().map(|r| r.2.number)),
        Arc::new(rows.iter().map(|r| Some(r.1)).collect::<BooleanArray>()),
        text(&|v| v.kind.clone()),
        given("target"),
        given("algorithm"),
        given("parameters"),
        Arc::new(rows.iter().map(|r| r.2.about.score).collect::<Float64Array>()),
        text(&metrics),
        wholes(rows.iter().map(|r| r.2.about.rows)),
        wholes(rows.iter().map(|r| r.2.about.seed)),
        text(&|v| v.about.fingerprint.clone()),
        text(&|v| v.about.query.clone()),
        text(&options),
        wholes(rows.iter().map(|r| r.2.bytes)),
        text(&|v| v.digest.clone()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|r| r.2.about.created_us))),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Every model with its versions; one that is dropped meanwhile is left out.
async fn all(registry: &Registry) -> Result<Vec<(ModelName, Manifest)>> {
    let mut all = Vec::new();
    for name in registry.list().await.map_err(ErrorExt::into_datafusion)? {
        match registry.describe(&name).await {
            Ok(manifest) => all.push((name, manifest)),
            Err(e) if e.kind() == headwater_common::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into_datafusion()),
        }
    }
    Ok(all)
}

fn option<'a>(version: &'a Version, name: &str) -> Option<&'a str> {
    version.about.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn options(version: &Version) -> String {
    crate::models::given(version).map(|(name, value)| format!("{name} => {value}")).collect::<Vec<_>>().join(", ")
}

fn metrics(version: &Version) -> String {
    version.about.metrics.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

fn wholes(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|v| i64::try_from(v).unwrap_or(i64::MAX))))
}

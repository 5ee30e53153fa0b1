//! Files as tables.

mod changes;
mod csv;
mod formats;
mod pushdown;
mod security;
mod stores;
mod tables;

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use headwater_common::config::{Config, Options, SourceConfig};
use headwater_common::{Error, Limits};
use headwater_engine::{Engine, Session};
use headwater_files::FilesConnector;

/// A session in which a configured source of this name has these options.
async fn configured(options: Options, limits: Limits) -> Session {
    let mut config = Config { limits, ..Config::default() };
    config.engine.target_partitions = 4;
    config.sources.push(SourceConfig { name: "f".into(), kind: "files".into(), options });
    let engine = Engine::builder().config(config).connector(Arc::new(FilesConnector)).build().await.expect("an engine");
    engine.session("test").expect("a session")
}

/// A session over a folder.
async fn over(root: &Path) -> Session {
    over_with(root, Options::new()).await
}

async fn over_with(root: &Path, options: Options) -> Session {
    configured(options.with("root", root.display().to_string()), Limits::default()).await
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(dir.path(), path, text.as_bytes());
    }
    dir
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The rows in their order.
async fn ordered(session: &Session, sql: &str) -> Vec<String> {
    let batches = headwater_tests::rows(session, sql).await;
    let mut out = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            out.extend(headwater_tests::lines(&[batch.slice(row, 1)]));
        }
    }
    out
}

/// The error of a query, whether it comes when it is planned or when it runs.
async fn error(session: &Session, sql: &str) -> Error {
    match session.query(sql).await {
        Ok(result) => result.collect().await.map(|rows| headwater_tests::lines(&rows)).expect_err(sql),
        Err(e) => e,
    }
}

/// The columns of a table and their types.
async fn columns(session: &Session, table: &str) -> String {
    let result = session.query(&format!("SELECT * FROM {table} LIMIT 0")).await.unwrap_or_else(|e| panic!("{table}: {e}"));
    let schema = result.schema();
    let fields = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    fields.collect::<Vec<_>>().join(", ")
}

/// A Parquet file of one row group for every `group` rows.
pub(crate) fn parquet(batch: &RecordBatch, group: usize) -> Vec<u8> {
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// Numbers from `from` to `to` with a text.
pub(crate) fn numbers(from: i64, to: i64) -> RecordBatch {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((from..to).map(|i| format!("text {i}"))));
    RecordBatch::try_from_iter([("id", ids), ("note", texts)]).unwrap()
}

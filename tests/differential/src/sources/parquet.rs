//! Tables in Parquet files.

use std::fs::File;
use std::path::Path;

use datafusion::parquet::arrow::ArrowWriter;
use headwater_common::config::Options;
use headwater_engine::Engine;

use crate::schema::Table;
use crate::sources::{create, memory};

/// The table's name in a session.
pub(crate) fn name(table: &str) -> String {
    format!("files.public.{table}")
}

/// Writes the tables as `NAME.parquet`.
pub(crate) fn load(folder: &Path, tables: &[Table]) {
    for table in tables {
        let file = File::create(folder.join(format!("{}.parquet", table.name))).expect("a new file");
        let mut writer = ArrowWriter::try_new(file, memory::schema(), None).expect("a Parquet file");
        writer.write(&memory::batch(table)).expect("a batch is written");
        writer.close().expect("the file is complete");
    }
}

/// Adds the folder as the source `files`.
pub(crate) async fn add(engine: &Engine, folder: &Path) {
    let options = Options::new().with("root", folder.display().to_string());
    create(engine, "files", "files", &options).await;
}

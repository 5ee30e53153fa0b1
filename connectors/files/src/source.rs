//! The connector and its sources.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::file_format::arrow::ArrowFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::context::SessionContext;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Result};
use headwater_source::{ColumnMeta, ConnectContext, Connector, Discovery, Source, TableKind, TableMeta, TableName};
use parking_lot::RwLock;

use crate::discover::{FileFormat, TableFile, tables};

/// The one schema of a folder.
const SCHEMA: &str = "public";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec { name: "root", default: None, description: "Folder whose files are the tables.", secret: false },
    OptionSpec {
        name: "csv_header",
        default: Some("true"),
        description: "Whether the first line of a CSV file holds the names of its columns.",
        secret: false,
    },
    OptionSpec {
        name: "csv_delimiter",
        default: Some(","),
        description: "The one-byte character between the values of a CSV file.",
        secret: false,
    },
];

/// Makes sources from folders.
#[derive(Debug, Default, Clone, Copy)]
pub struct FilesConnector;

#[async_trait]
impl Connector for FilesConnector {
    fn kind(&self) -> &'static str {
        "files"
    }

    fn options(&self) -> &'static [OptionSpec] {
        OPTIONS
    }

    async fn connect(&self, name: &str, options: &Options, context: &ConnectContext) -> Result<Arc<dyn Source>> {
        let root = options.get("root").ok_or_else(|| Error::configuration("option \"root\" is missing: the folder"))?;
        let root = PathBuf::from(root);
        if let Some(allowed) = &context.runtime_roots {
            let real = root.canonicalize().unwrap_or_else(|_| root.clone());
            let inside = allowed.iter().filter_map(|a| a.canonicalize().ok()).any(|a| real.starts_with(a));
            if !inside {
                return Err(Error::denied(format!(
                    "the folder {} is not below one of engine.file_roots; a source in the configuration file may name any folder",
                    root.display()
                )));
            }
        }
        let delimiter = match options.text("csv_delimiter", OPTIONS).unwrap_or(",").as_bytes() {
            [one] => *one,
            _ => return Err(Error::configuration("option \"csv_delimiter\" must be one byte")),
        };
        let header = options.flag("csv_header", OPTIONS)?;
        Ok(Arc::new(FilesSource { name: name.to_owned(), root, header, delimiter, files: RwLock::default() }))
    }
}

#[derive(Debug)]
struct FilesSource {
    name: String,
    root: PathBuf,
    header: bool,
    delimiter: u8,
    files: RwLock<BTreeMap<String, (TableFile, SchemaRef)>>,
}

impl FilesSource {
    async fn tables(&self) -> Result<BTreeMap<String, TableFile>> {
        let (name, root) = (self.name.clone(), self.root.clone());
        let read = tokio::task::spawn_blocking(move || tables(&name, &root)).await;
        read.map_err(|e| Error::internal(format!("listing: {e}")))?
    }

    fn options(&self, format: FileFormat) -> ListingOptions {
        match format {
            FileFormat::Parquet => ListingOptions::new(Arc::new(ParquetFormat::default())),
            FileFormat::Csv => {
                let csv = CsvFormat::default().with_has_header(self.header).with_delimiter(self.delimiter);
                ListingOptions::new(Arc::new(csv))
            }
            FileFormat::Json => ListingOptions::new(Arc::new(JsonFormat::default())),
            FileFormat::Arrow => ListingOptions::new(Arc::new(ArrowFormat)),
        }
        // The file is named whole, so its ending needs no check.
        .with_file_extension("")
    }

    fn failed(&self, file: &TableFile, e: &dyn std::fmt::Display) -> Error {
        Error::source_failed(&self.name, format!("cannot read {}: {e}", file.path.display()))
    }

    fn url(&self, file: &TableFile) -> Result<ListingTableUrl> {
        let url = url::Url::from_file_path(&file.path)
            .map_err(|()| Error::internal(format!("{} is not an absolute path", file.path.display())))?;
        ListingTableUrl::parse(url).map_err(|e| self.failed(file, &e))
    }

    async fn schema(&self, file: &TableFile) -> Result<SchemaRef> {
        let state = SessionContext::new().state();
        let schema = self.options(file.format).infer_schema(&state, &self.url(file)?).await;
        schema.map_err(|e| self.failed(file, &e.strip_backtrace()))
    }
}

#[async_trait]
impl Source for FilesSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "files"
    }

    fn location(&self) -> String {
        self.root.display().to_string()
    }

    async fn check(&self) -> Result<String> {
        let count = self.tables().await?.len();
        Ok(format!("{count} files"))
    }

    async fn discover(&self) -> Result<Discovery> {
        let files = self.tables().await?;
        let mut found = Discovery { fingerprint: Some(fingerprint(&files)), ..Discovery::default() };
        let schema = found.schemas.entry(SCHEMA.to_owned()).or_default();
        let mut known = BTreeMap::new();
        for (name, file) in files {
            let inferred = self.schema(&file).await?;
            let columns = inferred.fields().iter().map(|f| ColumnMeta::new(Arc::clone(f), f.data_type().to_string()));
            let mut table = TableMeta::new(TableName::new(SCHEMA, &name), TableKind::File, columns.collect());
            table.bytes = Some(file.stamp.0);
            schema.tables.insert(name.clone(), Arc::new(table));
            known.insert(name, (file, inferred));
        }
        *self.files.write() = known;
        Ok(found)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        Ok(Some(fingerprint(&self.tables().await?)))
    }

    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>> {
        let known = self.files.read().get(&table.name.table).cloned();
        let (file, schema) = known.ok_or_else(|| Error::not_found(format!("there is no file for table {}", table.name)))?;
        let config =
            ListingTableConfig::new(self.url(&file)?).with_listing_options(self.options(file.format)).with_schema(schema);
        let provider = ListingTable::try_new(config).map_err(|e| self.failed(&file, &e.strip_backtrace()))?;
        Ok(Arc::new(provider))
    }
}

fn fingerprint(files: &BTreeMap<String, TableFile>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, file) in files {
        (name, file.stamp).hash(&mut hasher);
    }
    hasher.finish()
}

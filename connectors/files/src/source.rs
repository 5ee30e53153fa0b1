//! The connector and its sources.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use futures::StreamExt;
use headwater_common::config::{OptionSpec, Options};
use headwater_common::{Error, Limits, Result};
use headwater_source::{ColumnMeta, ConnectContext, Connector, Discovery, Source, TableKind, TableMeta, TableName};
use object_store::ObjectStore;
use parking_lot::{Mutex, RwLock};

use crate::infer::{Inference, Known, ReadyTable};
use crate::options::{OPTIONS, TableOptions};
use crate::provider::FilesTable;
use crate::store::local::Entries;
use crate::store::location::Location;
use crate::store::pinned::same;
use crate::tables::{Candidate, SCHEMA, group};

/// Tables that are looked into at the same time.
const PARALLEL: usize = 4;

/// Makes sources from folders and object stores.
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
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(FilesSource {
            name: name.to_owned(),
            location: Location::new(options, context)?,
            options: TableOptions::parse(options)?,
            limits: Arc::clone(&context.limits),
            store_url: format!("headwater-files://{name}.{number}"),
            tables: RwLock::default(),
            known: Mutex::default(),
            stale: Arc::new(AtomicBool::new(false)),
        }))
    }
}

/// One source of files.
#[derive(Debug)]
pub(crate) struct FilesSource {
    name: String,
    location: Location,
    options: TableOptions,
    limits: Arc<Limits>,
    /// The name of its store in the runtime, which no other source ever has.
    store_url: String,
    tables: RwLock<BTreeMap<TableName, Arc<ReadyTable>>>,
    known: Known,
    stale: Arc<AtomicBool>,
}

impl FilesSource {
    pub(crate) fn source_name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) fn store_url(&self) -> &str {
        &self.store_url
    }

    pub(crate) fn stale(&self) -> &Arc<AtomicBool> {
        &self.stale
    }

    async fn list(&self) -> Result<(Arc<dyn ObjectStore>, Entries)> {
        self.location.list(&self.name, None).await
    }

    fn group(&self, entries: &Entries) -> BTreeMap<TableName, Candidate> {
        group(entries, &self.location.name, &self.options)
    }

    async fn infer(&self, store: &Arc<dyn ObjectStore>, name: &TableName, candidate: &Candidate) -> Result<ReadyTable> {
        let inference = Inference {
            source: &self.name,
            store,
            options: &self.options,
            limits: &self.limits,
            known: &self.known,
            stale: &self.stale,
        };
        inference.table(name, candidate).await
    }

    /// The table with the files that are there now. Other columns than `planned` has are an error that a retry helps.
    pub(crate) async fn current(&self, planned: &Arc<ReadyTable>) -> Result<(Arc<ReadyTable>, Arc<dyn ObjectStore>)> {
        let name = &planned.name;
        let changed = || {
            self.stale.store(true, Ordering::Relaxed);
            let message = format!("the files of table {name} changed; run the query again");
            Error::source_failed(&self.name, message).retryable(true)
        };
        let under = (!planned.under.is_empty()).then_some(planned.under.as_str());
        let (store, entries) = match self.location.list(&self.name, under).await {
            Err(e) if e.kind() == headwater_common::ErrorKind::NotFound => return Err(changed()),
            listed => listed?,
        };
        let candidate = self.group(&entries).remove(name).ok_or_else(changed)?;
        let unchanged = candidate.problem.is_none()
            && candidate.files.len() == planned.files.len()
            && candidate
                .files
                .iter()
                .zip(&planned.files)
                .all(|(a, b)| a.meta.location == b.meta.location && same(&a.meta, &b.meta));
        if unchanged {
            return Ok((Arc::clone(planned), store));
        }
        let now = self.infer(&store, name, &candidate).await?;
        if now.schema.table_schema() != planned.schema.table_schema() || now.format != planned.format {
            return Err(changed());
        }
        Ok((Arc::new(now), store))
    }

    fn forget_unlisted(&self, entries: &Entries) {
        let listed: HashMap<_, ()> = entries.files.iter().map(|m| (&m.location, ())).collect();
        self.known.lock().retain(|path, _| listed.contains_key(path));
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
        self.location.shown.clone()
    }

    async fn check(&self) -> Result<String> {
        let count = self.list().await?.1.files.len();
        Ok(format!("{count} files"))
    }

    async fn discover(&self) -> Result<Discovery> {
        self.stale.store(false, Ordering::Relaxed);
        let (store, entries) = self.list().await?;
        self.forget_unlisted(&entries);
        let candidates = self.group(&entries);
        let mut found = Discovery { fingerprint: Some(fingerprint(&entries)), ..Discovery::default() };
        found.schemas.entry(SCHEMA.to_owned()).or_default();
        let mut tables = BTreeMap::new();
        let looks = candidates.iter().map(|(name, candidate)| {
            let store = Arc::clone(&store);
            async move { (name, self.infer(&store, name, candidate).await) }
        });
        let looks: Vec<_> = futures::stream::iter(looks.collect::<Vec<_>>()).buffer_unordered(PARALLEL).collect().await;
        for (name, look) in looks {
            let schema = found.schemas.entry(name.schema.clone()).or_default();
            match look {
                Ok(table) => {
                    schema.tables.insert(name.table.clone(), Arc::new(describe(&table)));
                    tables.insert(name.clone(), Arc::new(table));
                }
                Err(e) => {
                    if e.is_retryable() {
                        found.fingerprint = None;
                        self.stale.store(true, Ordering::Relaxed);
                    }
                    schema.unavailable.insert(name.table.clone(), e.message().to_owned());
                }
            }
        }
        *self.tables.write() = tables;
        Ok(found)
    }

    async fn fingerprint(&self) -> Result<Option<u64>> {
        if self.is_stale() {
            return Ok(None);
        }
        Ok(Some(fingerprint(&self.list().await?.1)))
    }

    fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    async fn provider(self: Arc<Self>, table: Arc<TableMeta>) -> Result<Arc<dyn TableProvider>> {
        let known = self.tables.read().get(&table.name).map(Arc::clone);
        let known = known.ok_or_else(|| Error::not_found(format!("there is no file for table {}", table.name)))?;
        Ok(Arc::new(FilesTable::new(self, known)))
    }
}

fn describe(table: &ReadyTable) -> TableMeta {
    let fields = table.schema.table_schema().fields().iter();
    let columns = fields.map(|f| ColumnMeta::new(Arc::clone(f), f.data_type().to_string()));
    let mut meta = TableMeta::new(table.name.clone(), TableKind::File, columns.collect());
    meta.bytes = Some(table.files.iter().map(|f| f.meta.size).sum());
    let rows = table.files.iter().map(|f| match f.statistics.as_ref()?.num_rows {
        Precision::Exact(rows) => u64::try_from(rows).ok(),
        _ => None,
    });
    meta.row_count = rows.sum();
    meta
}

fn fingerprint(entries: &Entries) -> u64 {
    let mut hasher = DefaultHasher::new();
    for meta in &entries.files {
        (meta.location.as_ref(), meta.size, &meta.e_tag, meta.last_modified.timestamp_micros()).hash(&mut hasher);
    }
    entries.refused.hash(&mut hasher);
    hasher.finish()
}

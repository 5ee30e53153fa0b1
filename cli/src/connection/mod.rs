//! Where statements run: an engine in this process, or a server.

mod local;
mod password;
mod remote;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use futures::stream::BoxStream;
use headwater_common::{Error, Result};
use headwater_engine::Session;

use crate::args::SqlArgs;

/// A place where statements run. Clones share it.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "a process has one connection")]
pub(crate) enum Connection {
    /// The engine of this process.
    Local(Session),
    /// A Flight SQL server.
    Remote(remote::Remote),
}

/// The result of a statement. Dropping the stream stops the statement.
pub(crate) struct Answer {
    /// Schema of the batches.
    pub(crate) schema: SchemaRef,
    /// Number of changed rows, for statements without a result.
    pub(crate) changed: Option<u64>,
    /// The batches.
    pub(crate) stream: BoxStream<'static, Result<RecordBatch>>,
}

/// A table, for `\d` and for completion.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Source.
    pub(crate) catalog: String,
    /// Schema.
    pub(crate) schema: String,
    /// Table.
    pub(crate) name: String,
    /// Kind of relation.
    pub(crate) kind: String,
    /// Estimated rows, when known.
    pub(crate) rows: Option<u64>,
    /// Columns.
    pub(crate) columns: Vec<Column>,
    /// Primary key, unique keys and foreign keys, one line each.
    pub(crate) keys: Vec<String>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Name.
    pub(crate) name: String,
    /// Arrow type.
    pub(crate) data_type: DataType,
    /// The source's own name of the type, when known.
    pub(crate) remote_type: String,
    /// Whether it may hold NULL.
    pub(crate) nullable: bool,
}

impl Table {
    /// `catalog.schema.table`.
    pub(crate) fn full_name(&self) -> String {
        [&self.catalog, &self.schema, &self.name].map(|part| quoted(part)).join(".")
    }
}

impl Connection {
    /// Opens what the options ask for.
    pub(crate) async fn open(args: &SqlArgs) -> Result<Self> {
        match &args.connect {
            Some(url) => remote::Remote::open(url, &args.login).await.map(Self::Remote),
            None => local::open(args.config.as_deref()).await.map(Self::Local),
        }
    }

    /// Runs one statement.
    pub(crate) async fn query(&self, sql: &str) -> Result<Answer> {
        match self {
            Self::Local(session) => local::query(session, sql).await,
            Self::Remote(remote) => remote.query(sql).await,
        }
    }

    /// Every table of every source.
    pub(crate) async fn tables(&self) -> Result<Vec<Table>> {
        match self {
            Self::Local(session) => Ok(local::tables(session)),
            Self::Remote(remote) => remote.tables().await,
        }
    }

    /// Adds to a table what only a question of its own brings.
    pub(crate) async fn complete(&self, table: &mut Table) -> Result<()> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Remote(remote) => remote.keys(table).await,
        }
    }

    /// The default of names, for the prompt.
    pub(crate) fn default_name(&self) -> String {
        match self {
            Self::Local(session) => session.defaults().0,
            Self::Remote(_) => "headwater".to_owned(),
        }
    }

    /// Makes a source, or `source.schema`, the default of names.
    pub(crate) fn set_default(&self, name: &str) -> Result<()> {
        match self {
            Self::Local(session) => local::set_default(session, name),
            Self::Remote(_) => Err(Error::unsupported(
                "\\c works with the engine of this process; write SOURCE.SCHEMA.TABLE in statements for a server",
            )),
        }
    }

    /// Ends connections.
    pub(crate) async fn close(&self) {
        if let Self::Local(session) = self {
            session.engine().shutdown().await;
        }
    }
}

/// A name as SQL needs it: quoted when it is not a plain lower-case identifier.
pub(crate) fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

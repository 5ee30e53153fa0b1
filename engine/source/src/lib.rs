//! What a source is: traits, what discovery finds, what a scan carries, and the catalog that a session sees.
//!
//! | module | answers |
//! |---|---|
//! | [`connector`] | how does a kind of source come into being from options? |
//! | [`source`] | what must every source, and every remote database, be able to do? |
//! | [`metadata`] | what did discovery find: tables, columns, keys, statistics? |
//! | [`declare`] | how does a user declare columns in an option? |
//! | [`diagnosis`] | what is wrong with a source, and what helps? |
//! | [`drift`] | how do tables change from one discovery to the next? |
//! | [`pushdown`] | may the source compute this, and if not, why? |
//! | [`scan`] | what does a remote scan carry and how does it run? |
//! | [`write`] | how do INSERT, UPDATE and DELETE reach a source? |
//! | [`catalog`] | how does a session see a source as a catalog, and notice changes? |
//! | [`remote_query_table`] | how is a sub-plan that a source computes a table? |
//! | [`registry`] | which sources are there? |
//! | [`arithmetic`] | how are whole numbers computed without wrapping around? |
//! | [`redact`] | what may an error show of a failed computation? |
//! | [`tls`] | how are certificates and keys read? |
//! | [`query`] | what do all scans of one query share? |
//! | [`exact_cast`] | which casts change a value? |

pub mod arithmetic;
pub mod arrow_types;
pub mod catalog;
pub mod connector;
pub mod costs;
pub mod declare;
pub mod diagnosis;
pub mod drift;
pub mod error;
pub mod exact_cast;
pub mod feedback;
pub mod metadata;
pub mod provider;
pub mod pushdown;
pub mod query;
pub mod redact;
pub mod registry;
pub mod remote_query_table;
pub mod scan;
pub mod source;
pub mod tls;
pub mod transparent;
pub mod write;

pub use catalog::SourceCatalog;
pub use connector::{ConnectContext, Connector};
pub use costs::{SourceCost, SourceCosts};
pub use diagnosis::{Finding, Level};
pub use error::ErrorExt;
pub use feedback::{Correction, Feedback, Learning};
pub use metadata::{ColumnMeta, Discovery, ForeignKey, SchemaMeta, TableKind, TableMeta, TableName};
pub use provider::{CountTable, RemoteTable};
pub use pushdown::Support;
pub use query::QueryContext;
pub use registry::SourceRegistry;
pub use remote_query_table::RemoteQueryTable;
pub use scan::{
    BatchReader, CollectKeysExec, CollectedKey, Kept, KeyFilter, KeySlot, Notes, OpenQuery, OpenScan, Outcome,
    PartitionBounds, Refused, RemoteColumn, RemoteQuery, RemoteQueryExec, RemoteScanExec, RemoteText, ScanCommand,
    SharedReadExec, SortKey, TupleKey, key_share_max, read_batches, reads_the_same,
};
pub use source::{RemoteSource, Source};

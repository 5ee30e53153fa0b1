//! Remote scans: what one carries and how it runs.

mod command;
mod estimate;
mod exec;
mod guarded;
mod query_exec;
mod remote_query;
mod selectivity;
mod width;

pub use command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey};
pub use estimate::estimate;
pub use exec::RemoteScanExec;
pub use query_exec::RemoteQueryExec;
pub use remote_query::{Kept, OpenQuery, RemoteColumn, RemoteQuery};
pub use selectivity::{ColumnFacts, selectivity};
pub use width::width;

//! Remote scans: what one carries and how it runs.

mod command;
mod estimate;
mod exec;
mod guarded;
mod remote_query;

pub use command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey};
pub use estimate::estimate;
pub use exec::RemoteScanExec;
pub use remote_query::{Kept, OpenQuery, RemoteColumn, RemoteQuery};

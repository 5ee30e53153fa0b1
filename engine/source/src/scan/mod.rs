//! Remote scans: what one carries and how it runs.

mod command;
mod estimate;
mod exec;
mod guarded;

pub use command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey};
pub use estimate::estimate;
pub use exec::RemoteScanExec;

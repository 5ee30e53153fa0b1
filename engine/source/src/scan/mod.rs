//! Remote scans: what one carries and how it runs.

mod command;
mod estimate;
mod exec;
mod guarded;
mod keys;
mod query_exec;
mod read;
mod remote_query;
mod selectivity;
mod shared;
mod width;

pub use command::{OpenScan, PartitionBounds, RemoteText, ScanCommand, SortKey, limited_rows};
pub use estimate::estimate;
pub use exec::RemoteScanExec;
pub(crate) use keys::sample_filters;
pub use keys::{CollectKeysExec, CollectedKey, KeyFilter, KeySlot, TupleKey, key_share_max};
pub use query_exec::RemoteQueryExec;
pub use read::{BatchReader, read_batches};
pub use remote_query::{Kept, Notes, OpenQuery, Outcome, Refused, RemoteColumn, RemoteQuery};
pub use selectivity::{ColumnFacts, selectivity};
pub use shared::{SharedReadExec, reads_the_same};
pub use width::{column_width, width};

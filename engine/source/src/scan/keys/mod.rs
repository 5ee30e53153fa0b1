//! Keys of the build side of a join that restrict the scan of its probe side, known only while the query runs.
//!
//! | file | answers |
//! |---|---|
//! | `slot` | which keys does the build side have? |
//! | `collect` | how are they gathered on their way into the join? |
//! | `restrict` | is it worth sending them, and as which filters? |
//! | `keyed` | how does a scan wait for them and run its statements? |

mod collect;
mod keyed;
mod restrict;
mod slot;

pub use collect::{CollectKeysExec, CollectedKey};
pub use slot::KeySlot;
use slot::Keys;

pub(super) use keyed::{KeyedLeaf, Reading, keyed_stream};
pub use restrict::key_share_max;
pub(crate) use restrict::sample_filters;
pub(super) use restrict::{Facts, Restriction, restriction};

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};

/// Restricts a column of a scan to keys of a join.
///
/// Correctness never depends on it: the join above the scan compares again, so a scan may as well return every row.
#[derive(Debug, Clone)]
pub struct KeyFilter {
    /// Position of the column in the output of the scan.
    pub column: usize,
    /// What the keys are values of, as a user reads it.
    pub from: String,
    /// Where they will be.
    pub keys: Arc<KeySlot>,
    /// The same keys together with those of other columns of the same join.
    pub tuple: Option<TupleKey>,
}

/// One of several keys of a join, whose values are also gathered together.
#[derive(Debug, Clone)]
pub struct TupleKey {
    /// Where the tuples will be.
    pub tuples: Arc<KeySlot>,
    /// Its place in them.
    pub place: usize,
}

/// The type of the values that an array of this type holds: a dictionary's are those of its value type.
pub(super) fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value_type(value),
        other => other,
    }
}

/// Adds key filters to what EXPLAIN shows of a leaf, each with the name of its column.
pub(super) fn show(f: &mut fmt::Formatter<'_>, keys: &[KeyFilter], schema: &Schema) -> fmt::Result {
    for (i, filter) in keys.iter().enumerate() {
        let before = if i == 0 { ", keys=[" } else { ", " };
        write!(f, "{before}{} from {}", schema.field(filter.column).name(), filter.from)?;
    }
    if keys.is_empty() { Ok(()) } else { write!(f, "]") }
}

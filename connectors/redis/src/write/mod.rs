//! INSERT, UPDATE and DELETE.
//!
//! | file | what it does |
//! |---|---|
//! | `row` | a row as a key and the command that writes it |
//! | `transaction` | commands that run together, and only while the keys are what they were |
//! | `change` | DELETE and UPDATE of the keys that pass all filters |

mod change;
mod row;
mod transaction;

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_source::TableMeta;
use headwater_source::error::rows_failed;

use crate::source::RedisSource;
use crate::table::Kind;

pub(crate) use change::{delete, update};
use row::{Row, rows_of};
use transaction::{Check, Step, transact};

/// Writes all rows in one transaction.
pub(crate) async fn insert(source: &RedisSource, table: &TableMeta, mut rows: SendableRecordBatchStream) -> Result<u64> {
    let table = source.table(&table.name)?;
    if matches!(table.kind, Kind::TimeSeries | Kind::Bitmap | Kind::HyperLogLog) {
        let message = format!("INSERT into {} is not supported: it is a {}", table.name, table.kind.word());
        return Err(Error::unsupported(message));
    }
    let mut written: Vec<Row> = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch: RecordBatch = batch.map_err(|e| rows_failed(&e))?;
        written.extend(rows_of(&table, &batch)?);
    }
    if written.is_empty() {
        return Ok(0);
    }
    let exists = || Error::already_exists(format!("INSERT into {}: a row with this key is there already", table.name));
    let (replaces, mut seen) = (source.config.reading.replaces, HashSet::new());
    let mut steps = Vec::with_capacity(written.len());
    for row in written {
        let is_new = row.identity.as_ref().is_none_or(|identity| seen.insert((row.key.clone(), identity.clone())));
        if !is_new {
            return Err(exists());
        }
        let check = match (table.kind.is_scalar(), replaces) {
            (true, false) => Check::Missing,
            (true, true) => Check::Anything,
            (false, _) => Check::TypeOrMissing(table.kind.server_type()),
        };
        let absent = if replaces { None } else { row.absent };
        let mut commands = row.commands;
        if table.kind.is_scalar() && replaces {
            commands.insert(0, crate::commands::Command::words(["UNLINK"]).with(row.key.as_slice()));
        }
        steps.push(Step { key: row.key, check, absent, commands });
    }
    let count = steps.len() as u64;
    transact(source, steps).await?.map(|_| count).ok_or_else(exists)
}

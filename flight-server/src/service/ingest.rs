//! Bulk ingestion: rows from a client into a table that exists.

use arrow_flight::sql::{CommandStatementIngest, TableExistsOption, TableNotExistOption};
use headwater_common::Error;
use headwater_engine::TableAddress;
use tonic::Status;

use super::command::no_transaction;
use super::upload::Upload;
use crate::session::WireSession;
use crate::status::{invalid, status, unsupported};

/// Appends the rows, all or none; their number.
pub(super) async fn append(wire: &WireSession, ingest: CommandStatementIngest, data: Upload) -> Result<i64, Status> {
    no_transaction(&ingest.transaction_id)?;
    if ingest.temporary {
        return Err(unsupported("temporary tables are not supported; append to a table that exists at a source"));
    }
    let (catalog, schema) = wire.session.defaults();
    let named = |name: Option<String>, default: String| name.filter(|n| !n.is_empty()).unwrap_or(default);
    let address =
        TableAddress { catalog: named(ingest.catalog, catalog), schema: named(ingest.schema, schema), table: ingest.table };
    let options = ingest.table_definition_options.ok_or_else(unspecified)?;
    let exists = wire.session.has_table(&address).await.map_err(|e| status(&e))?;
    let if_exists = TableExistsOption::try_from(options.if_exists).unwrap_or(TableExistsOption::Unspecified);
    let if_missing = TableNotExistOption::try_from(options.if_not_exist).unwrap_or(TableNotExistOption::Unspecified);
    match (exists, if_exists, if_missing) {
        (true, TableExistsOption::Append, _) => {}
        (true, TableExistsOption::Fail, _) => {
            return Err(status(&Error::already_exists(format!("table {address} exists already; use the append mode"))));
        }
        (true, TableExistsOption::Replace, _) => {
            return Err(unsupported(format!(
                "table {address} is not replaced: tables are made and dropped at their source"
            )));
        }
        (false, _, TableNotExistOption::Create) => {
            return Err(unsupported(format!("table {address} does not exist, and tables are made at their source only")));
        }
        (false, _, TableNotExistOption::Fail) => {
            return Err(status(&Error::not_found(format!("there is no table {address}"))));
        }
        _ => return Err(unspecified()),
    }
    let rows = data.into_stream().await.map_err(|e| status(&e))?;
    let appended = wire.session.append(&address, rows).await.map_err(|e| status(&e))?;
    Ok(i64::try_from(appended).unwrap_or(i64::MAX))
}

fn unspecified() -> Status {
    invalid("the command must say what to do when the table exists and when it does not")
}

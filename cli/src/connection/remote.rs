//! A Flight SQL server.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use arrow::array::{Array, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetPrimaryKeys, CommandGetTables};
use arrow_flight::{FlightInfo, IpcMessage};
use futures::{StreamExt, TryStreamExt};
use headwater_common::{Error, ErrorKind, Origin, Result, Secret};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{Answer, Column, Table};
use crate::args::LoginArgs;
use crate::repl::statement::first_word;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest message accepted, in bytes: servers other than Headwater send more than gRPC's default of 4 MiB.
const MESSAGE_BYTES: usize = 256 << 20;
/// The rows of every table as its source estimates them; a server other than Headwater does not have this table.
const ROW_COUNTS: &str = "SELECT source, \"schema\", name, max(\"rows\") AS \"rows\" \
    FROM headwater.system.source_statistics GROUP BY source, \"schema\", name";
/// Statements that are sent as updates.
const UPDATES: [&str; 11] =
    ["INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "REFRESH", "SET", "RESET", "ALTER", "TRUNCATE"];

/// A connection to a Flight SQL server.
#[derive(Clone)]
pub(crate) struct Remote {
    client: FlightSqlServiceClient<Channel>,
    url: String,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.url)
    }
}

impl Remote {
    /// Connects and signs in.
    pub(super) async fn open(url: &str, login: &LoginArgs) -> Result<Self> {
        let (address, tls) = address(url)?;
        let bad = |e: tonic::transport::Error| Error::invalid(format!("--connect {url}: {e}"));
        let mut endpoint = Endpoint::from_shared(address).map_err(bad)?.connect_timeout(CONNECT_TIMEOUT);
        if tls {
            let mut config = ClientTlsConfig::new();
            config = match &login.ca {
                Some(file) => config.ca_certificate(Certificate::from_pem(read(file)?)),
                None => config.trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            };
            endpoint = endpoint.tls_config(config).map_err(bad)?;
        }
        let channel = endpoint.connect().await.map_err(|e| unreachable(url, &e))?;
        let inner =
            arrow_flight::flight_service_client::FlightServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
        let mut client = FlightSqlServiceClient::new_from_inner(inner);
        if let Some(file) = &login.token_file {
            client.set_token(read(file)?.trim().to_owned());
        }
        if let Some(user) = &login.user {
            let password = match &login.password_file {
                Some(file) => Secret::new(read(file)?.trim_end_matches(['\r', '\n'])),
                None => super::password::ask(user).await?,
            };
            client.handshake(user, password.expose()).await.map_err(|e| server_error(&e))?;
        }
        Ok(Self { client, url: url.to_owned() })
    }

    /// Runs one statement.
    pub(super) async fn query(&self, sql: &str) -> Result<Answer> {
        let mut client = self.client.clone();
        if UPDATES.contains(&first_word(sql).as_str()) {
            let changed = client.execute_update(sql.to_owned(), None).await.map_err(|e| server_error(&e))?;
            let stream = futures::stream::empty().boxed();
            let changed = u64::try_from(changed).unwrap_or(0);
            return Ok(Answer { schema: SchemaRef::new(Schema::empty()), changed: Some(changed), stream });
        }
        let info = client.execute(sql.to_owned(), None).await.map_err(|e| server_error(&e))?;
        let schema = SchemaRef::new(info.clone().try_decode_schema().map_err(|e| server_error(&e))?);
        Ok(Answer { schema, changed: None, stream: self.read(info) })
    }

    /// The batches of all endpoints, in order.
    fn read(&self, info: FlightInfo) -> futures::stream::BoxStream<'static, Result<RecordBatch>> {
        let client = self.client.clone();
        let tickets = info.endpoint.into_iter().map(move |endpoint| (client.clone(), endpoint.ticket));
        let opened = futures::stream::iter(tickets).then(|(mut client, ticket)| async move {
            let ticket = ticket.ok_or_else(|| Error::invalid("the server sent an endpoint without a ticket"))?;
            let batches = client.do_get(ticket).await.map_err(|e| server_error(&e))?;
            Ok::<_, Error>(batches.map_err(|e| server_error(&e)))
        });
        opened.try_flatten().boxed()
    }

    /// Every table, with its columns.
    pub(super) async fn tables(&self) -> Result<Vec<Table>> {
        let mut client = self.client.clone();
        let request = CommandGetTables { include_schema: true, ..CommandGetTables::default() };
        let info = client.get_tables(request).await.map_err(|e| server_error(&e))?;
        let batches: Vec<RecordBatch> = self.read(info).try_collect().await?;
        let rows = self.row_counts().await;
        let mut found = Vec::new();
        for batch in &batches {
            let text = |name: &str, row: usize| text(batch, name, row);
            let schemas = batch.column_by_name("table_schema").and_then(|c| c.as_any().downcast_ref::<BinaryArray>());
            for row in 0..batch.num_rows() {
                let bytes = schemas.map(|s| s.value(row).to_vec()).unwrap_or_default();
                let name = [text("catalog_name", row), text("db_schema_name", row), text("table_name", row)];
                let known = rows.get(&name).copied();
                let [catalog, schema, name] = name;
                found.push(Table {
                    catalog,
                    schema,
                    name,
                    kind: text("table_type", row).to_ascii_lowercase(),
                    rows: known,
                    columns: columns(bytes),
                    keys: Vec::new(),
                });
            }
        }
        Ok(found)
    }

    /// Estimated rows of each table, by its whole name; none where the server does not say.
    async fn row_counts(&self) -> HashMap<[String; 3], u64> {
        let Ok(answer) = self.query(ROW_COUNTS).await else { return HashMap::new() };
        let batches: Vec<RecordBatch> = answer.stream.try_collect().await.unwrap_or_default();
        let mut counts = HashMap::new();
        for batch in &batches {
            let rows = batch.column_by_name("rows").and_then(|c| c.as_any().downcast_ref::<Int64Array>());
            let Some(rows) = rows else { continue };
            for row in (0..batch.num_rows()).filter(|row| rows.is_valid(*row)) {
                let name = ["source", "schema", "name"].map(|column| text(batch, column, row));
                counts.extend(u64::try_from(rows.value(row)).ok().map(|count| (name, count)));
            }
        }
        counts
    }

    /// Asks for a table's primary key.
    pub(super) async fn keys(&self, table: &mut Table) -> Result<()> {
        let mut client = self.client.clone();
        let request = CommandGetPrimaryKeys {
            catalog: Some(table.catalog.clone()),
            db_schema: Some(table.schema.clone()),
            table: table.name.clone(),
        };
        let info = client.get_primary_keys(request).await.map_err(|e| server_error(&e))?;
        let batches: Vec<RecordBatch> = self.read(info).try_collect().await?;
        let names: Vec<String> =
            batches.iter().flat_map(|b| (0..b.num_rows()).map(|row| text(b, "column_name", row))).collect();
        if !names.is_empty() {
            table.keys.push(format!("primary key ({})", names.join(", ")));
        }
        Ok(())
    }
}

fn columns(bytes: Vec<u8>) -> Vec<Column> {
    let Ok(schema) = Schema::try_from(IpcMessage(bytes.into())) else { return Vec::new() };
    let column = |field: &arrow::datatypes::FieldRef| Column {
        name: field.name().clone(),
        data_type: field.data_type().clone(),
        remote_type: field.metadata().get("ARROW:FLIGHT:SQL:TYPE_NAME").cloned().unwrap_or_default(),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(column).collect()
}

fn text(batch: &RecordBatch, column: &str, row: usize) -> String {
    let array = batch.column_by_name(column).and_then(|c| c.as_any().downcast_ref::<StringArray>());
    array.filter(|a| a.is_valid(row)).map(|a| a.value(row).to_owned()).unwrap_or_default()
}

/// The address for the transport, and whether it is TLS.
fn address(url: &str) -> Result<(String, bool)> {
    for (prefix, tls) in [("grpc://", false), ("grpc+tcp://", false), ("grpc+tls://", true)] {
        if let Some(rest) = url.strip_prefix(prefix) {
            return Ok((format!("{}://{rest}", if tls { "https" } else { "http" }), tls));
        }
    }
    Err(Error::invalid(format!("--connect {url}: use grpc://host:port or grpc+tls://host:port")))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| Error::configuration(format!("cannot read {}: {e}", path.display())))
}

fn unreachable(url: &str, error: &tonic::transport::Error) -> Error {
    let mut reason = error.to_string();
    let mut current = std::error::Error::source(error);
    while let Some(e) = current {
        reason = e.to_string();
        current = e.source();
    }
    let message = format!("cannot reach {url}: {reason}; is the server running?");
    Error::new(ErrorKind::Unavailable, Origin::Client, message)
}

/// The server's own words, without the client library's around them.
fn server_error(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut current = Some(error);
    while let Some(e) = current {
        let status = e.downcast_ref::<tonic::Status>().or(match e.downcast_ref::<FlightError>() {
            Some(FlightError::Tonic(status)) => Some(status),
            _ => None,
        });
        if let Some(status) = status {
            return Error::invalid(status.message().to_owned());
        }
        current = e.source();
    }
    Error::invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whether_it_is_tls() {
        assert_eq!(address("grpc://a:1").unwrap(), ("http://a:1".into(), false));
        assert_eq!(address("grpc+tls://a:1").unwrap(), ("https://a:1".into(), true));
        assert!(address("a:1").unwrap_err().to_string().contains("grpc+tls://host:port"));
    }
}

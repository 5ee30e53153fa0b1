//! The Flight service: which call does what. Each command does its work in a file of its own.
//!
//! arrow-flight's `FlightSqlService` leaves out `GetSchema`, `PollFlightInfo`, session options and `is_update`, announces
//! actions that nobody serves, and answers unknown commands with internal errors; so the calls are told apart here.

mod actions;
mod command;
mod describe;
mod ingest;
mod keys;
mod listing;
mod pattern;
mod present;
mod sql_info;
mod statements;
mod upload;
mod xdbc_types;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{Command, DoPutUpdateResult, TicketStatementQuery};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, IpcMessage, PollInfo, PutResult, SchemaAsIpc, SchemaResult, Ticket,
};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::{Either, select};
use futures::{Stream, StreamExt, stream};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::auth;
use crate::encode::types::{Profile, output_schema};
use crate::encode::{Sending, messages};
use crate::session::{Sessions, WireSession};
use crate::status::{defect, invalid, late, status, unsupported};
use command::{of_descriptor, of_ticket, refused};
use listing::Discovering;
use sql_info::Information;

type Answer<T> = Result<Response<T>, Status>;
type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    sessions: Arc<Sessions>,
    information: Arc<Information>,
    discovering: Arc<Discovering>,
}

/// What a call knows about itself.
struct Call {
    wire: Arc<WireSession>,
    profile: Profile,
    deadline: Option<Duration>,
}

impl Service {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        let information = Arc::new(Information::new(sessions.engine()));
        Self { sessions, information, discovering: Arc::default() }
    }

    fn call<T>(&self, request: &Request<T>) -> Result<Call, Status> {
        let wire = self.sessions.of(request).map_err(|e| status(&e))?;
        let agent = request.metadata().get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let chosen = wire.options.lock().profile;
        let profile = chosen.unwrap_or_else(|| Profile::of_client(agent));
        Ok(Call { wire, profile, deadline: deadline(request.metadata()) })
    }

    /// Schema, as the client sees it, and ticket of a command's result.
    async fn result_of(&self, call: &Call, command: Command) -> Result<(SchemaRef, Vec<u8>), Status> {
        use arrow_flight::sql::ProstMessageExt as _;
        match &command {
            Command::CommandStatementQuery(query) => {
                command::no_transaction(&query.transaction_id)?;
                let prepared = call.wire.session.prepare(&query.query).await.map_err(|e| status(&e))?;
                let schema = output_schema(&prepared.schema(), call.profile);
                let handle = call.wire.keep(prepared).map_err(|e| status(&e))?;
                let ticket = TicketStatementQuery { statement_handle: handle.into_bytes().into() };
                Ok((schema, ticket.as_any().encode_to_vec()))
            }
            _ => Ok((self.schema_of(call, &command).await?, command.into_any().encode_to_vec())),
        }
    }

    /// Schema of a command's result as the client sees it, without anything kept for it. Listings have the types that the
    /// specification gives them.
    async fn schema_of(&self, call: &Call, command: &Command) -> Result<SchemaRef, Status> {
        let schema = match command {
            Command::CommandStatementQuery(query) => {
                command::no_transaction(&query.transaction_id)?;
                let prepared = call.wire.session.prepare(&query.query).await.map_err(|e| status(&e))?;
                prepared.schema()
            }
            Command::CommandPreparedStatementQuery(query) => {
                call.wire.handle(&query.prepared_statement_handle).map_err(|e| status(&e))?.schema
            }
            other => return listing::schema(other).ok_or_else(|| refused(other, "GetFlightInfo")),
        };
        Ok(output_schema(&schema, call.profile))
    }

    async fn info(&self, request: Request<FlightDescriptor>) -> Result<FlightInfo, Status> {
        let call = self.call(&request)?;
        let descriptor = request.into_inner();
        let (schema, ticket) = within(call.deadline, self.result_of(&call, of_descriptor(&descriptor)?)).await?;
        let info = FlightInfo::new().try_with_schema(&schema);
        let info = info.map_err(|e| defect("the schema of the result", e))?;
        Ok(info.with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket))).with_descriptor(descriptor))
    }

    fn send(
        &self,
        call: &Call,
        results: impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static,
        schema: SchemaRef,
    ) -> Boxed<FlightData> {
        let sending = Sending {
            schema,
            message_bytes: self.sessions.engine().limits().message_bytes,
            compression: call.wire.options.lock().compression,
            deadline: call.deadline,
        };
        Box::pin(messages(results, sending))
    }

    /// One batch as a result.
    fn send_batch(&self, call: &Call, batch: RecordBatch) -> Boxed<FlightData> {
        let schema = batch.schema();
        let one = stream::once(futures::future::ready(Ok(batch)));
        let result: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), one));
        self.send(call, stream::once(futures::future::ready(Ok(result))), schema)
    }

    async fn put(&self, call: &Call, command: Command, data: upload::Upload) -> Result<Vec<u8>, Status> {
        let wire = &call.wire;
        let updated = |record_count| DoPutUpdateResult { record_count }.encode_to_vec();
        match command {
            Command::CommandStatementUpdate(update) => {
                command::no_transaction(&update.transaction_id)?;
                statements::update_text(wire, &update.query).await.map(updated)
            }
            Command::CommandPreparedStatementUpdate(update) => {
                statements::update_prepared(wire, &update.prepared_statement_handle, data).await.map(updated)
            }
            Command::CommandPreparedStatementQuery(query) => {
                statements::bind(wire, query.prepared_statement_handle, data).await.map(|result| result.encode_to_vec())
            }
            Command::CommandStatementIngest(ingest) => ingest::append(wire, ingest, data).await.map(updated),
            other => Err(refused(&other, "DoPut")),
        }
    }
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = Boxed<HandshakeResponse>;
    type ListFlightsStream = Boxed<FlightInfo>;
    type DoGetStream = Boxed<FlightData>;
    type DoPutStream = Boxed<PutResult>;
    type DoActionStream = Boxed<arrow_flight::Result>;
    type ListActionsStream = Boxed<ActionType>;
    type DoExchangeStream = Boxed<FlightData>;

    async fn handshake(&self, request: Request<Streaming<HandshakeRequest>>) -> Answer<Self::HandshakeStream> {
        let credentials = auth::credentials(request.metadata()).map_err(|e| status(&e))?;
        let token = self.sessions.log_in(credentials).map_err(|e| status(&e))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: token.clone().into_bytes().into() };
        let mut response = Response::new(once(answer));
        let header = format!("Bearer {token}").parse().map_err(|e| defect("a token", e))?;
        response.metadata_mut().insert("authorization", header);
        Ok(response)
    }

    async fn list_flights(&self, _request: Request<Criteria>) -> Answer<Self::ListFlightsStream> {
        Err(unsupported("flights are not listed; ask for catalogs, schemas and tables"))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<FlightInfo> {
        self.info(request).await.map(Response::new)
    }

    /// Answers at once: the result is streamed while the query runs.
    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Answer<PollInfo> {
        let info = self.info(request).await?;
        let done = PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: None };
        Ok(Response::new(done))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Answer<SchemaResult> {
        let call = self.call(&request)?;
        let command = of_descriptor(request.get_ref())?;
        let schema = within(call.deadline, self.schema_of(&call, &command)).await?;
        let schema = ipc(&schema)?;
        Ok(Response::new(SchemaResult { schema }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Answer<Self::DoGetStream> {
        let call = self.call(&request)?;
        let handle = match of_ticket(request.get_ref())? {
            Command::TicketStatementQuery(ticket) => call.wire.take(&ticket.statement_handle),
            Command::CommandPreparedStatementQuery(query) => call.wire.handle(&query.prepared_statement_handle),
            other => {
                let listed = within(call.deadline, listing::batch(self, &call, other)).await?;
                return Ok(Response::new(self.send_batch(&call, listed)));
            }
        };
        let handle = handle.map_err(|e| status(&e))?;
        let schema = output_schema(&handle.schema, call.profile);
        let results = statements::results(Arc::clone(&call.wire), handle);
        Ok(Response::new(self.send(&call, results, schema)))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Answer<Self::DoPutStream> {
        let call = self.call(&request)?;
        let mut data = request.into_inner();
        let put = async {
            // A client that writes no rows at all may send nothing.
            let Some(first) = data.next().await else {
                return Ok(DoPutUpdateResult { record_count: 0 }.encode_to_vec());
            };
            let first = first?;
            let descriptor = first.flight_descriptor.clone();
            let descriptor = descriptor.ok_or_else(|| invalid("the first message holds no descriptor"))?;
            let command = of_descriptor(&descriptor)?;
            let receive = self.sessions.engine().limits().message_receive_bytes;
            let (rest, confirm) = present::confirmed(data);
            let work = self.put(&call, command, upload::Upload::new(first, rest, receive));
            match select(pin!(work), pin!(confirm)).await {
                Either::Left((done, _)) => done,
                Either::Right((never, _)) => match never {},
            }
        };
        let app_metadata = within(call.deadline, put).await?.into();
        Ok(Response::new(once(PutResult { app_metadata })))
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<Self::DoActionStream> {
        let limit = deadline(request.metadata());
        let body = within(limit, actions::run(self, request)).await?;
        let results = body.map(|body| Ok(arrow_flight::Result { body }));
        Ok(Response::new(Box::pin(stream::iter(results))))
    }

    async fn list_actions(&self, request: Request<Empty>) -> Answer<Self::ListActionsStream> {
        self.sessions.find(&request).map_err(|e| status(&e))?;
        Ok(Response::new(Box::pin(stream::iter(actions::list().map(Ok)))))
    }

    async fn do_exchange(&self, _request: Request<Streaming<FlightData>>) -> Answer<Self::DoExchangeStream> {
        Err(unsupported("DoExchange is not a part of Flight SQL and not served"))
    }
}

fn once<T: Send + 'static>(item: T) -> Boxed<T> {
    Box::pin(stream::once(futures::future::ready(Ok(item))))
}

/// A schema as a message.
fn ipc(schema: &Schema) -> Result<bytes::Bytes, Status> {
    let message: Result<IpcMessage, _> = SchemaAsIpc::new(schema, &Default::default()).try_into();
    message.map(|m| m.0).map_err(|e| defect("a schema", e))
}

/// The client's own time limit, a little shorter, so that the answer says so before the transport cuts the call off.
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let unit = match unit {
        "H" => Duration::from_secs(3_600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    let whole = unit.checked_mul(u32::try_from(amount).ok()?)?;
    Some(whole.saturating_sub((whole / 20).min(Duration::from_millis(20))))
}

/// Ends a step at the client's own time limit.
async fn within<T>(limit: Option<Duration>, step: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, step).await.map_err(|_| late())?,
        None => step.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_of_clients_are_read() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            deadline(&metadata)
        };
        assert_eq!(read("10S"), Some(Duration::from_millis(9_980)));
        assert_eq!(read("100m"), Some(Duration::from_millis(95)));
        assert_eq!(read("1000000u"), Some(Duration::from_millis(980)));
        assert!(read("99999999H").is_some());
        for wrong in ["", "S", "-1S", "1X", "123456789S", "1é"] {
            if let Ok(value) = wrong.parse() {
                let mut metadata = MetadataMap::new();
                metadata.insert("grpc-timeout", value);
                assert_eq!(deadline(&metadata), None, "{wrong}");
            }
        }
    }
}

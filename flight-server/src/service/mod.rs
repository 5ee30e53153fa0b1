//! The commands of Flight SQL. Each one is a few lines here and does its work in a file of its own.

mod keys;
mod listing;
mod sql_info;
mod statements;

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::metadata::XdbcTypeInfoDataBuilder;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementQuery, CommandStatementUpdate,
    DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage, SchemaAsIpc, Ticket,
};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::auth;
use crate::encode::{messages, output_schema};
use crate::session::{Sessions, WireSession};
use crate::status::{invalid, status};

type Answer<T> = Result<Response<T>, Status>;
type DataStream = <Service as FlightService>::DoGetStream;

/// The service; clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    sessions: Arc<Sessions>,
}

impl Service {
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions }
    }

    fn wire<T>(&self, request: &Request<T>) -> Result<Arc<WireSession>, Status> {
        self.sessions.of(request).map_err(|e| status(&e))
    }

    fn handles_max(&self) -> u64 {
        self.sessions.engine().limits().prepared_statements
    }

    fn stream(
        &self,
        results: impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static,
        schema: arrow::datatypes::SchemaRef,
    ) -> DataStream {
        Box::pin(messages(results, schema, self.sessions.engine().limits().message_bytes))
    }

    /// One batch as a result.
    fn batch(&self, batch: RecordBatch) -> Answer<DataStream> {
        let schema = batch.schema();
        let one = stream::once(futures::future::ready(Ok(batch)));
        let result: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), one));
        Ok(Response::new(self.stream(stream::once(futures::future::ready(Ok(result))), schema)))
    }

    /// The description of a listing: its ticket is the command itself.
    fn listing(
        &self,
        command: Any,
        batch: Result<RecordBatch, Status>,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let info = statements::info(&batch?.schema(), command.encode_to_vec(), request.into_inner())?;
        Ok(Response::new(info))
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Both calls of a listing: its description, whose ticket is the command itself, and its rows. The signatures are what
/// `async_trait` makes of asynchronous functions; it does not look into macros.
macro_rules! listings {
    ($($info:ident $get:ident $command:ty => $make:expr;)*) => {
        $(
            fn $info<'life0, 'async_trait>(
                &'life0 self,
                query: $command,
                request: Request<FlightDescriptor>,
            ) -> Boxed<'async_trait, Answer<FlightInfo>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let wire = self.wire(&request)?;
                    let batch = $make(self, &wire, query.clone()).await;
                    self.listing(query.as_any(), batch, request)
                })
            }

            fn $get<'life0, 'async_trait>(
                &'life0 self,
                query: $command,
                request: Request<Ticket>,
            ) -> Boxed<'async_trait, Answer<DataStream>>
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(async move {
                    let wire = self.wire(&request)?;
                    let batch = $make(self, &wire, query).await?;
                    self.batch(batch)
                })
            }
        )*
    };
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Service;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Answer<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>> {
        let credentials = auth::credentials(request.metadata()).map_err(|e| status(&e))?;
        let token = self.sessions.log_in(credentials).map_err(|e| status(&e))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: token.clone().into_bytes().into() };
        let stream: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(stream::once(futures::future::ready(Ok(answer))));
        let mut response = Response::new(stream);
        let header = format!("Bearer {token}").parse().map_err(|_| Status::internal("the token is not a header"))?;
        response.metadata_mut().insert("authorization", header);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let wire = self.wire(&request)?;
        let info = statements::statement_info(&wire, &query.query, request.into_inner(), self.handles_max()).await?;
        Ok(Response::new(info))
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, request: Request<Ticket>) -> Answer<DataStream> {
        let wire = self.wire(&request)?;
        let handle = wire.take(&ticket.statement_handle).map_err(|e| status(&e))?;
        let schema = handle.prepared.schema();
        Ok(Response::new(self.stream(statements::results(wire.session.clone(), handle), schema)))
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let wire = self.wire(&request)?;
        let handle = wire.handle(&query.prepared_statement_handle).map_err(|e| status(&e))?;
        let ticket = query.as_any().encode_to_vec();
        Ok(Response::new(statements::info(&handle.prepared.schema(), ticket, request.into_inner())?))
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Answer<DataStream> {
        let wire = self.wire(&request)?;
        let handle = wire.handle(&query.prepared_statement_handle).map_err(|e| status(&e))?;
        let schema = handle.prepared.schema();
        Ok(Response::new(self.stream(statements::results(wire.session.clone(), handle), schema)))
    }

    async fn do_put_statement_update(
        &self,
        command: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let wire = self.wire(&request)?;
        let prepared = wire.session.prepare(&command.query).await.map_err(|e| status(&e))?;
        statements::update(&wire.session, &prepared, Vec::new()).await
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let wire = self.wire(&request)?;
        let handle = wire.handle(&query.prepared_statement_handle).map_err(|e| status(&e))?;
        let sets = statements::parameters(&handle.prepared, request.into_inner()).await?;
        wire.bind(&query.prepared_statement_handle, sets).map_err(|e| status(&e))?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(query.prepared_statement_handle) })
    }

    async fn do_put_prepared_statement_update(
        &self,
        query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        let wire = self.wire(&request)?;
        let handle = wire.handle(&query.prepared_statement_handle).map_err(|e| status(&e))?;
        let sets = match handle.prepared.parameter_schema().fields().is_empty() {
            true => Vec::new(),
            false => statements::parameters(&handle.prepared, request.into_inner()).await?,
        };
        let sets = if sets.is_empty() { handle.bound } else { sets };
        statements::update(&wire.session, &handle.prepared, sets).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let wire = self.wire(&request)?;
        if query.transaction_id.is_some() {
            return Err(Status::unimplemented("transactions over several statements are not supported"));
        }
        let prepared = wire.session.prepare(&query.query).await.map_err(|e| status(&e))?;
        let message = |schema: &arrow::datatypes::Schema| {
            let ipc: IpcMessage = SchemaAsIpc::new(schema, &Default::default())
                .try_into()
                .map_err(|e| Status::internal(format!("schema: {e}")))?;
            Ok::<_, Status>(ipc.0)
        };
        // Clients take an empty schema of the result for an update.
        let dataset_schema = match prepared.is_update() {
            true => bytes::Bytes::new(),
            false => message(&output_schema(&prepared.schema()))?,
        };
        let parameter_schema = message(&prepared.parameter_schema())?;
        let handle = wire.keep(prepared, self.handles_max()).map_err(|e| status(&e))?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.into_bytes().into(),
            dataset_schema,
            parameter_schema,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        self.wire(&request)?.close(&query.prepared_statement_handle);
        Ok(())
    }

    listings! {
        get_flight_info_catalogs do_get_catalogs CommandGetCatalogs => listing::catalogs;
        get_flight_info_schemas do_get_schemas CommandGetDbSchemas => listing::schemas;
        get_flight_info_tables do_get_tables CommandGetTables => listing::tables;
        get_flight_info_table_types do_get_table_types CommandGetTableTypes => listing::table_types;
        get_flight_info_sql_info do_get_sql_info CommandGetSqlInfo => sql_info::batch;
        get_flight_info_primary_keys do_get_primary_keys CommandGetPrimaryKeys => keys::primary;
        get_flight_info_exported_keys do_get_exported_keys CommandGetExportedKeys => keys::exported;
        get_flight_info_imported_keys do_get_imported_keys CommandGetImportedKeys => keys::imported;
        get_flight_info_cross_reference do_get_cross_reference CommandGetCrossReference => keys::cross;
        get_flight_info_xdbc_type_info do_get_xdbc_type_info CommandGetXdbcTypeInfo => types;
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

async fn types(_service: &Service, _wire: &WireSession, query: CommandGetXdbcTypeInfo) -> Result<RecordBatch, Status> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for info in listing::xdbc_types() {
        builder.append(info);
    }
    let data = builder.build().map_err(|e| Status::internal(format!("types: {e}")))?;
    data.record_batch(query.data_type).map_err(|e| invalid(format!("types: {e}")))
}

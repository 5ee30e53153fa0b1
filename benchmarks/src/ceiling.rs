//! The reference of the Flight benchmark: arrow-flight alone over batches that are in memory, with the server's settings.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
    CommandGetSqlInfo, CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::{Failure, Measured};

type Answer<T> = Result<Response<T>, Status>;
type DataStream = <Ceiling as FlightService>::DoGetStream;

#[derive(Clone)]
struct Ceiling {
    one: Arc<Vec<RecordBatch>>,
    table: Arc<Vec<RecordBatch>>,
    info: Arc<SqlInfoData>,
}

/// Serves until the process is ended.
pub(crate) async fn serve(listen: SocketAddr, parquet: &Path, rows: usize) -> Result<Measured, Failure> {
    let path = parquet.to_str().ok_or("the path is not Unicode")?;
    let frame = SessionContext::new().read_parquet(path, ParquetReadOptions::default()).await?;
    let mut table = Vec::new();
    for batch in frame.collect().await? {
        table.push(batch);
    }
    let whole = concat_batches(table.first().ok_or("the file has no rows")?.schema_ref(), &table)?;
    let starts = (0..whole.num_rows()).step_by(rows.max(1));
    // Of one slice concat makes no copy, and the encoder sizes its messages by whole buffers: two halves are copied.
    let cut = |start: usize| {
        let count = rows.min(whole.num_rows() - start);
        let halves = [whole.slice(start, count / 2), whole.slice(start + count / 2, count - count / 2)];
        concat_batches(&whole.schema(), &halves)
    };
    let table: Vec<RecordBatch> = starts.map(cut).collect::<Result<_, _>>()?;
    drop(whole);
    let one = RecordBatch::try_from_iter([("one", Arc::new(Int64Array::from(vec![1])) as _)])?;
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerTransaction, 0i32);
    let ceiling = Ceiling { one: Arc::new(vec![one]), table: Arc::new(table), info: Arc::new(info.build()?) };
    let service = FlightServiceServer::new(ceiling).max_encoding_message_size(usize::MAX);
    let server = Server::builder()
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20)
        .max_frame_size(1 << 20)
        .tcp_nodelay(true)
        .add_service(service);
    server.serve(listen).await?;
    Ok(Measured { seconds: 0.0, rows: 0, bytes: 0, before_kib: 0 })
}

impl Ceiling {
    fn batches(&self, sql: &[u8]) -> &Arc<Vec<RecordBatch>> {
        if sql == b"SELECT 1" { &self.one } else { &self.table }
    }

    fn stream(&self, sql: &[u8]) -> Answer<DataStream> {
        let batches = Arc::clone(self.batches(sql));
        let schema = batches.first().map(RecordBatch::schema).ok_or_else(|| Status::internal("no batches"))?;
        let ready = (0..batches.len()).map(move |i| Ok(batches[i].clone()));
        let encoded = FlightDataEncoderBuilder::new().with_schema(schema).build(stream::iter(ready));
        Ok(Response::new(Box::pin(encoded.map_err(Status::from)) as Pin<Box<_>>))
    }

    fn describe(&self, sql: &[u8], ticket: Vec<u8>, descriptor: FlightDescriptor) -> Answer<FlightInfo> {
        let schema = self.batches(sql)[0].schema();
        let info = FlightInfo::new().try_with_schema(&schema).map_err(|e| Status::internal(e.to_string()))?;
        let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket));
        Ok(Response::new(info.with_endpoint(endpoint).with_descriptor(descriptor)))
    }
}

#[tonic::async_trait]
impl FlightSqlService for Ceiling {
    type FlightService = Ceiling;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let sql = query.query.into_bytes();
        let ticket = TicketStatementQuery { statement_handle: sql.clone().into() };
        self.describe(&sql, ticket.as_any().encode_to_vec(), request.into_inner())
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, _request: Request<Ticket>) -> Answer<DataStream> {
        self.stream(&ticket.statement_handle)
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let ticket = query.as_any().encode_to_vec();
        self.describe(&query.prepared_statement_handle, ticket, request.into_inner())
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        _request: Request<Ticket>,
    ) -> Answer<DataStream> {
        self.stream(&query.prepared_statement_handle)
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let sql = query.query.into_bytes();
        let schema = self.batches(&sql)[0].schema();
        let message: IpcMessage = SchemaAsIpc::new(&schema, &Default::default())
            .try_into()
            .map_err(|e| Status::internal(format!("schema: {e}")))?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: sql.into(),
            dataset_schema: message.0,
            ..Default::default()
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        _query: ActionClosePreparedStatementRequest,
        _request: Request<Action>,
    ) -> Result<(), Status> {
        Ok(())
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Answer<FlightInfo> {
        let ticket = Ticket::new(query.as_any().encode_to_vec());
        let endpoint = FlightEndpoint::new().with_ticket(ticket);
        Ok(Response::new(FlightInfo::new().with_endpoint(endpoint).with_descriptor(request.into_inner())))
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, _request: Request<Ticket>) -> Answer<DataStream> {
        let batch = query.into_builder(&self.info).build().map_err(|e| Status::internal(e.to_string()))?;
        let encoded = FlightDataEncoderBuilder::new().with_schema(batch.schema()).build(stream::iter([Ok(batch)]));
        Ok(Response::new(Box::pin(encoded.map_err(Status::from)) as Pin<Box<_>>))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

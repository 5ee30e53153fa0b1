//! Statements, prepared ones included.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use headwater_common::{Error, Result};
use headwater_engine::{Prepared, Session};
use prost::Message;
use tonic::Status;

use crate::encode::output_schema;
use crate::session::{Handle, WireSession};
use crate::status::{invalid, status};

/// A description of a result that one ticket fetches.
pub(super) fn info(
    schema: &SchemaRef,
    ticket: impl Into<bytes::Bytes>,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let info =
        FlightInfo::new().try_with_schema(&output_schema(schema)).map_err(|e| Status::internal(format!("schema: {e}")))?;
    Ok(info.with_endpoint(FlightEndpoint::new().with_ticket(Ticket::new(ticket))).with_descriptor(descriptor))
}

/// Plans a statement and keeps it until its ticket is used.
pub(super) async fn statement_info(
    wire: &WireSession,
    sql: &str,
    descriptor: FlightDescriptor,
    most: u64,
) -> Result<FlightInfo, Status> {
    let prepared = wire.session.prepare(sql).await.map_err(|e| status(&e))?;
    let schema = prepared.schema();
    let handle = wire.keep(prepared, most).map_err(|e| status(&e))?;
    let ticket = TicketStatementQuery { statement_handle: handle.into_bytes().into() };
    info(&schema, ticket.as_any().encode_to_vec(), descriptor)
}

/// The results of a statement, one for each set of parameters.
pub(super) fn results(
    session: Session,
    handle: Handle,
) -> impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static {
    let Handle { prepared, bound } = handle;
    let sets = if bound.is_empty() { vec![Vec::new()] } else { bound };
    futures::stream::iter(sets).then(move |values| {
        let (session, prepared) = (session.clone(), prepared.clone());
        async move {
            let result = session.execute(&prepared, values).await.map_err(|e| status(&e))?;
            Ok(result.into_stream())
        }
    })
}

/// Runs a change once for each set of parameters; the number of rows of all.
pub(super) async fn update(session: &Session, prepared: &Prepared, sets: Vec<Vec<ScalarValue>>) -> Result<i64, Status> {
    let mut total = 0u64;
    let sets = if sets.is_empty() { vec![Vec::new()] } else { sets };
    for values in sets {
        let result = session.execute(prepared, values).await.map_err(|e| status(&e))?;
        let rows = match result.is_update() {
            true => result.affected_rows().await.map_err(|e| status(&e))?,
            // A query run as an update is run to its end, and changes nothing.
            false => {
                result.collect().await.map_err(|e| status(&e))?;
                0
            }
        };
        total = total.saturating_add(rows);
    }
    i64::try_from(total).map_err(|_| Status::internal("the number of rows does not fit"))
}

/// Reads bound parameters: one set for each row, each value cast to the type the statement wants.
pub(super) async fn parameters(
    prepared: &Prepared,
    stream: PeekableFlightDataStream,
) -> Result<Vec<Vec<ScalarValue>>, Status> {
    let data = stream.map(|item| item.map_err(|s| arrow_flight::error::FlightError::Tonic(Box::new(s))));
    let mut batches = FlightRecordBatchStream::new_from_flight_data(data);
    let schema = prepared.parameter_schema();
    let mut sets = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|e| invalid(format!("cannot read the parameters: {e}")))?;
        sets.extend(rows(&schema, &batch).map_err(|e| status(&e))?);
    }
    Ok(sets)
}

fn rows(schema: &SchemaRef, batch: &RecordBatch) -> Result<Vec<Vec<ScalarValue>>> {
    let (expected, given) = (schema.fields().len(), batch.num_columns());
    if expected != given {
        return Err(Error::invalid(format!("the statement has {expected} parameters but {given} were given")));
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        let safe = arrow::compute::CastOptions { safe: false, ..Default::default() };
        let converted = match column.null_count() == column.len() {
            true => cast(column, field.data_type()),
            false => arrow::compute::cast_with_options(column, field.data_type(), &safe),
        };
        converted.map_err(|_| {
            let (name, wanted) = (field.name(), field.data_type());
            Error::invalid(format!("parameter {name} of type {} cannot become {wanted}", column.data_type()))
        })
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    (0..batch.num_rows())
        .map(|row| {
            let value =
                |c: &arrow::array::ArrayRef| ScalarValue::try_from_array(c, row).map_err(headwater_engine::error::classify);
            columns.iter().map(value).collect()
        })
        .collect()
}

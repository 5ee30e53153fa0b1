//! Statements, prepared ones included.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use arrow_flight::sql::DoPutPreparedStatementResult;
use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use futures::Stream;
use futures::StreamExt;
use headwater_common::{Error, Result};
use headwater_engine::{Prepared, Session};
use headwater_source::exact_cast::{Inexact, exact_cast};
use tonic::Status;

use super::upload::Upload;
use crate::encode::types::{Profile, output_type};
use crate::session::{Handle, WireSession};
use crate::status::{invalid, status};

/// Most values that one call may bind.
const VALUES_MAX: usize = 10_000_000;

/// One set of values for each row.
type Sets = Vec<Vec<ScalarValue>>;

/// The results of a statement, one for each set of parameters. The session counts as used until they are read.
pub(super) fn results(
    wire: Arc<WireSession>,
    handle: Handle,
) -> impl Stream<Item = Result<SendableRecordBatchStream, Status>> + Send + 'static {
    let Handle { prepared, bound, .. } = handle;
    let sets = bound.unwrap_or_else(|| vec![Vec::new()]);
    futures::stream::iter(sets).then(move |values| {
        let (wire, prepared) = (Arc::clone(&wire), prepared.clone());
        async move {
            let result = wire.session.execute(&prepared, values).await.map_err(|e| status(&e))?;
            Ok(result.into_stream())
        }
    })
}

/// Binds parameters to a prepared statement.
pub(super) async fn bind(wire: &WireSession, name: Bytes, data: Upload) -> Result<DoPutPreparedStatementResult, Status> {
    let handle = wire.handle(&name).map_err(|e| status(&e))?;
    let sets = parameters(&handle.prepared, data).await?;
    let schema = match sets.first() {
        Some(first) => handle.prepared.schema_with(first).map_err(|e| status(&e))?,
        None => handle.prepared.schema(),
    };
    wire.bind(&name, schema, sets).map_err(|e| status(&e))?;
    Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(name) })
}

/// Prepares and runs a change.
pub(super) async fn update_text(wire: &WireSession, sql: &str) -> Result<i64, Status> {
    let prepared = wire.session.prepare(sql).await.map_err(|e| status(&e))?;
    update(&wire.session, &prepared, vec![Vec::new()]).await
}

/// Runs a prepared change with the parameters that come with the call, or else with those that were bound before.
pub(super) async fn update_prepared(wire: &WireSession, name: &Bytes, data: Upload) -> Result<i64, Status> {
    let handle = wire.handle(name).map_err(|e| status(&e))?;
    if handle.prepared.parameter_schema().fields().is_empty() {
        return update(&wire.session, &handle.prepared, vec![Vec::new()]).await;
    }
    let mut data = data;
    let sets = match data.next().await.map_err(|e| status(&e))? {
        Some(first) => collect(&handle.prepared, first, data).await?,
        None => handle.bound.ok_or_else(|| invalid("the statement has parameters but no values were given"))?,
    };
    update(&wire.session, &handle.prepared, sets).await
}

/// Runs a change once for each set of parameters; the number of rows of all.
async fn update(session: &Session, prepared: &Prepared, sets: Sets) -> Result<i64, Status> {
    let mut total = 0u64;
    for values in sets {
        let result = session.execute(prepared, values).await.map_err(|e| status(&e))?;
        let rows = match result.is_update() {
            true => result.affected_rows().await.map_err(|e| status(&e))?,
            // A query run as an update is run to its end, and changes nothing.
            false => {
                let mut rows = result.into_stream();
                while let Some(batch) = rows.next().await {
                    batch.map_err(crate::status::stream_status)?;
                }
                0
            }
        };
        total = total.saturating_add(rows);
    }
    Ok(i64::try_from(total).unwrap_or(i64::MAX))
}

/// Reads bound parameters: one set for each row, each value cast to the type the statement wants.
async fn parameters(prepared: &Prepared, mut data: Upload) -> Result<Sets, Status> {
    match data.next().await.map_err(|e| status(&e))? {
        Some(first) => collect(prepared, first, data).await,
        None => Ok(Vec::new()),
    }
}

async fn collect(prepared: &Prepared, first: RecordBatch, mut data: Upload) -> Result<Sets, Status> {
    let mut sets = rows(prepared, &first).map_err(|e| status(&e))?;
    while let Some(batch) = data.next().await.map_err(|e| status(&e))? {
        let most = VALUES_MAX / batch.num_columns().max(1);
        if sets.len() + batch.num_rows() > most {
            return Err(status(&Error::limit(format!("more than {most} rows of parameters"), "the server; send fewer")));
        }
        sets.extend(rows(prepared, &batch).map_err(|e| status(&e))?);
    }
    Ok(sets)
}

fn rows(prepared: &Prepared, batch: &RecordBatch) -> Result<Sets> {
    let schema: SchemaRef = prepared.parameter_schema();
    let (expected, given) = (schema.fields().len(), batch.num_columns());
    if expected != given {
        return Err(Error::invalid(format!("the statement has {expected} parameters but {given} were given")));
    }
    let columns = batch.columns().iter().zip(schema.fields()).enumerate();
    let columns = columns.map(|(i, (column, field))| match fit(column, field, prepared.takes_any_type(i)) {
        // What does not fit may still be compared.
        Err(_) if prepared.compares_as(i, column.data_type())? => fit(column, field, true),
        fitted => fitted,
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    (0..batch.num_rows())
        .map(|row| {
            let value = |c: &ArrayRef| ScalarValue::try_from_array(c, row).map_err(headwater_engine::error::classify);
            columns.iter().map(value).collect()
        })
        .collect()
}

/// Values with the type of the parameter. Text may stand for any type; a value that does not fit is an error.
fn fit(column: &ArrayRef, field: &FieldRef, any_type: bool) -> Result<ArrayRef> {
    let given = column.data_type();
    let wanted = match any_type && *given != DataType::Null {
        true => output_type(given, Profile::Full),
        false => field.data_type().clone(),
    };
    if *given == wanted {
        return Ok(Arc::clone(column));
    }
    let mismatch = || Error::invalid(format!("parameter {} of type {given} cannot become {wanted}", field.name()));
    if column.null_count() == column.len() || *given == DataType::Null {
        return Ok(cast(column, &wanted).unwrap_or_else(|_| arrow::array::new_null_array(&wanted, column.len())));
    }
    // Arrow would take a number for the ticks of a time.
    if (given.is_numeric() && wanted.is_temporal()) || (given.is_temporal() && wanted.is_numeric()) {
        return Err(mismatch());
    }
    exact_cast(column, &wanted).map_err(|inexact| match inexact {
        Inexact::Refused(_) => mismatch(),
        Inexact::Changed => {
            let what = format!("parameter {} of type {given} has a value that {wanted} cannot hold exactly", field.name());
            Error::invalid(format!("{what}; give one that fits, or cast the other side in the statement"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Float64Array, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, TimeUnit};

    #[test]
    fn parameters_take_the_type_that_the_statement_wants() {
        let field = |t: DataType| Arc::new(Field::new("$1", t, true));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["2024-01-02T03:04:05"]));
        let time = fit(&text, &field(DataType::Timestamp(TimeUnit::Microsecond, None)), false).unwrap();
        assert!(!time.is_null(0));
        let small: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
        let wide = fit(&small, &field(DataType::Int64), false).unwrap();
        assert_eq!(wide.as_primitive::<arrow::datatypes::Int64Type>().value(0), 7);
        let amount = fit(&text.slice(0, 0), &field(DataType::Decimal128(10, 2)), false).unwrap();
        assert_eq!(amount.data_type(), &DataType::Decimal128(10, 2));
        let nulls: ArrayRef = Arc::new(arrow::array::NullArray::new(2));
        assert_eq!(fit(&nulls, &field(DataType::Date32), false).unwrap().null_count(), 2);
        assert_eq!(fit(&nulls, &field(DataType::Utf8), true).unwrap().data_type(), &DataType::Utf8);
        assert_eq!(fit(&small, &field(DataType::Utf8), true).unwrap().data_type(), &DataType::Int32);
        let large: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
        let error = fit(&large, &field(DataType::Int32), false).unwrap_err().to_string();
        assert_eq!(error, "parameter $1 of type Int64 cannot become Int32");
        let halves: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
        assert!(fit(&halves, &field(DataType::Int64), false).is_err());
        let cents: ArrayRef =
            Arc::new(arrow::array::Decimal128Array::from(vec![312]).with_precision_and_scale(6, 3).unwrap());
        assert!(fit(&cents, &field(DataType::Decimal128(10, 2)), false).is_err());
        assert!(fit(&cents, &field(DataType::Int64), false).is_err());
        assert!(fit(&cents, &field(DataType::Decimal128(10, 4)), false).is_ok());
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["0.311"]));
        assert!(fit(&texts, &field(DataType::Decimal128(10, 2)), false).is_err());
        let noon: ArrayRef = Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![43_200_000_000]));
        assert!(fit(&noon, &field(DataType::Date32), false).is_err());
        assert!(fit(&noon, &field(DataType::Timestamp(TimeUnit::Second, None)), false).is_ok());
        let tenth: ArrayRef = Arc::new(Float64Array::from(vec![0.1]));
        assert!(fit(&tenth, &field(DataType::Decimal128(10, 2)), false).is_ok());
        assert!(fit(&small, &field(DataType::Date32), false).is_err());
        let whole: ArrayRef = Arc::new(Float64Array::from(vec![2.0]));
        assert_eq!(fit(&whole, &field(DataType::Int64), false).unwrap().len(), 1);
    }
}

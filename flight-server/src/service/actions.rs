//! Actions: prepared statements and session options.

use arrow_flight::sql::{ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any, ProstMessageExt};
use arrow_flight::{Action, ActionType};
use bytes::Bytes;
use prost::Message;
use tonic::{Request, Status};

use super::command::no_transaction;
use super::{Service, ipc};
use crate::encode::types::output_schema;
use crate::options;
use crate::proto::{
    CloseSessionResult, CloseStatus, CreatedPreparedStatement, GetSessionOptionsResult, SetSessionOptionsRequest,
    SetSessionOptionsResult,
};
use crate::status::{invalid, status, unsupported};

const CREATE: &str = "CreatePreparedStatement";
const CLOSE: &str = "ClosePreparedStatement";
const SET_OPTIONS: &str = "SetSessionOptions";
const GET_OPTIONS: &str = "GetSessionOptions";
const CLOSE_SESSION: &str = "CloseSession";

/// Every action that is served.
const SERVED: [(&str, &str); 5] = [
    (
        CREATE,
        "Prepares a statement. Request: ActionCreatePreparedStatementRequest; result: ActionCreatePreparedStatementResult",
    ),
    (CLOSE, "Closes a prepared statement. Request: ActionClosePreparedStatementRequest; no result"),
    (SET_OPTIONS, "Sets session options. Request: SetSessionOptionsRequest; result: SetSessionOptionsResult"),
    (GET_OPTIONS, "Returns the session options. Request: GetSessionOptionsRequest; result: GetSessionOptionsResult"),
    (CLOSE_SESSION, "Ends the session. Request: CloseSessionRequest; result: CloseSessionResult"),
];

pub(super) fn list() -> impl Iterator<Item = ActionType> + Send {
    let action = |(name, description): (&str, &str)| ActionType { r#type: name.into(), description: description.into() };
    SERVED.into_iter().map(action)
}

/// Runs an action; the bytes of its result, if it has one.
pub(super) async fn run(service: &Service, request: Request<Action>) -> Result<Option<Bytes>, Status> {
    let body = match request.get_ref().r#type.as_str() {
        CREATE => Some(create(service, &request).await?),
        CLOSE => {
            let close: ActionClosePreparedStatementRequest = unpack(&request.get_ref().body, CLOSE)?;
            if let Some(wire) = service.sessions.find(&request).map_err(|e| status(&e))? {
                wire.close(&close.prepared_statement_handle);
            }
            None
        }
        SET_OPTIONS => {
            let wanted = SetSessionOptionsRequest::decode(request.get_ref().body.as_ref());
            let wanted = wanted.map_err(|_| unreadable(SET_OPTIONS))?;
            let wire = service.sessions.of(&request).map_err(|e| status(&e))?;
            Some(SetSessionOptionsResult { errors: options::set(&wire, wanted.session_options) }.encode_to_vec())
        }
        GET_OPTIONS => {
            let wire = service.sessions.find(&request).map_err(|e| status(&e))?;
            let all = options::all(service.sessions.engine(), wire.as_deref()).map_err(|e| status(&e))?;
            Some(GetSessionOptionsResult { session_options: all }.encode_to_vec())
        }
        CLOSE_SESSION => {
            service.sessions.end(&request).map_err(|e| status(&e))?;
            Some(CloseSessionResult { status: CloseStatus::Closed as i32 }.encode_to_vec())
        }
        other => return Err(refused(other)),
    };
    Ok(body.map(Bytes::from))
}

async fn create(service: &Service, request: &Request<Action>) -> Result<Vec<u8>, Status> {
    let query: ActionCreatePreparedStatementRequest = unpack(&request.get_ref().body, CREATE)?;
    let call = service.call(request)?;
    no_transaction(&query.transaction_id)?;
    let prepared = call.wire.session.prepare(&query.query).await.map_err(|e| status(&e))?;
    let is_update = prepared.is_update();
    // Clients that do not read is_update take an empty schema of the result for an update.
    let dataset_schema = match is_update {
        true => Bytes::new(),
        false => ipc(&output_schema(&prepared.schema(), call.profile))?,
    };
    let parameter_schema = ipc(&output_schema(&prepared.parameter_schema(), call.profile))?;
    let handle = call.wire.keep(prepared).map_err(|e| status(&e))?;
    let created = CreatedPreparedStatement {
        prepared_statement_handle: handle.into_bytes().into(),
        dataset_schema,
        parameter_schema,
        is_update: Some(is_update),
    };
    let type_url = arrow_flight::sql::ActionCreatePreparedStatementResult::type_url().to_owned();
    Ok(Any { type_url, value: created.encode_to_vec().into() }.encode_to_vec())
}

/// The message that an action of Flight SQL carries in an `Any`.
fn unpack<M: ProstMessageExt>(body: &[u8], action: &str) -> Result<M, Status> {
    let message = Any::decode(body).ok().and_then(|any| any.unpack::<M>().ok().flatten());
    message.ok_or_else(|| unreadable(action))
}

fn unreadable(action: &str) -> Status {
    invalid(format!("the body of the action {action} cannot be read"))
}

fn refused(name: &str) -> Status {
    match name {
        "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
            unsupported("transactions over several statements are not supported; each statement is atomic at its source")
        }
        "CreatePreparedSubstraitPlan" => unsupported("Substrait plans are not supported; send SQL"),
        "CancelQuery" | "CancelFlightInfo" => unsupported("a query ends when the call that reads it is cancelled"),
        _ => {
            let known = SERVED.map(|(name, _)| name).join(", ");
            unsupported(format!("there is no such action; served are {known}"))
        }
    }
}

//! What a descriptor or a ticket says.

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{Any, Command, CommandStatementQuery};
use arrow_flight::{FlightDescriptor, Ticket};
use prost::Message;
use tonic::Status;

use crate::status::{invalid, unsupported};

/// Prefix of the name of every message.
const PREFIX: &str = "type.googleapis.com/";

/// The command of a descriptor. One that is no Flight SQL message but text is taken as a query, which some clients send.
pub(super) fn of_descriptor(descriptor: &FlightDescriptor) -> Result<Command, Status> {
    if descriptor.r#type == DescriptorType::Path as i32 {
        return Err(invalid("a descriptor must hold a command; paths are not served"));
    }
    if descriptor.cmd.is_empty() {
        return Err(invalid("the descriptor holds no command"));
    }
    if let Some(command) = packed(&descriptor.cmd)? {
        return Ok(command);
    }
    match std::str::from_utf8(&descriptor.cmd) {
        Ok(sql) => {
            Ok(Command::CommandStatementQuery(CommandStatementQuery { query: sql.to_owned(), transaction_id: None }))
        }
        Err(_) => Err(invalid("the command is neither a Flight SQL message nor a SQL text")),
    }
}

/// The command of a ticket.
pub(super) fn of_ticket(ticket: &Ticket) -> Result<Command, Status> {
    packed(&ticket.ticket)?.ok_or_else(|| invalid("the ticket is not one of this server"))
}

/// The message in an `Any`; `None` when the bytes are none.
fn packed(bytes: &[u8]) -> Result<Option<Command>, Status> {
    let Ok(any) = Any::decode(bytes) else { return Ok(None) };
    let Some(name) = any.type_url.strip_prefix(PREFIX).map(short) else { return Ok(None) };
    Command::try_from(any).map(Some).map_err(|_| invalid(format!("the message {name} cannot be read")))
}

/// The end of a message's name, as far as it may be repeated to a client.
fn short(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.chars().filter(char::is_ascii_alphanumeric).take(80).collect()
}

/// A command that this call does not take.
pub(super) fn refused(command: &Command, call: &str) -> Status {
    let name = short(command.type_url());
    if name.contains("Substrait") {
        return unsupported("Substrait plans are not supported; send SQL");
    }
    unsupported(format!("{name} is not a command of {call}"))
}

/// Refuses a statement that wants to be part of a transaction.
pub(super) fn no_transaction(id: &Option<bytes::Bytes>) -> Result<(), Status> {
    match id {
        Some(id) if !id.is_empty() => Err(unsupported(
            "transactions over several statements are not supported; each statement is atomic at its source",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn descriptor(bytes: impl Into<bytes::Bytes>) -> FlightDescriptor {
        FlightDescriptor::new_cmd(bytes)
    }

    #[test]
    fn text_is_a_query_and_a_message_is_not() {
        for sql in ["SELECT 1", "\n SELECT a/b FROM type.googleapis.com", "-- ä\nSELECT 'ü'"] {
            let Command::CommandStatementQuery(query) = of_descriptor(&descriptor(sql)).unwrap() else { panic!("{sql}") };
            assert_eq!(query.query, sql);
        }
        let unknown = Any { type_url: format!("{PREFIX}some.Thing"), value: Default::default() };
        let command = of_descriptor(&descriptor(unknown.encode_to_vec())).unwrap();
        assert_eq!(refused(&command, "GetFlightInfo").message(), "Thing is not a command of GetFlightInfo");
        let broken =
            Any { type_url: format!("{PREFIX}arrow.flight.protocol.sql.CommandGetTables"), value: vec![255].into() };
        let error = of_descriptor(&descriptor(broken.encode_to_vec())).unwrap_err();
        assert_eq!(error.message(), "the message CommandGetTables cannot be read");
        assert!(of_descriptor(&descriptor(vec![0xff, 0xfe])).is_err());
        assert!(of_ticket(&Ticket::new("SELECT 1")).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_command_or_a_clear_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let errors = [of_descriptor(&descriptor(bytes.clone())).err(), of_ticket(&Ticket::new(bytes)).err()];
            for error in errors.into_iter().flatten() {
                prop_assert_eq!(error.code(), tonic::Code::InvalidArgument);
            }
        }
    }
}

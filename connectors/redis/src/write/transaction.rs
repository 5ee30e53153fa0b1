//! Commands that run together, and only while the keys are what they were when they were checked.

use std::collections::HashSet;

use headwater_common::{Error, Result};
use redis::Value;

use crate::commands::Command;
use crate::error::{refused, unexpected};
use crate::source::RedisSource;
use crate::value::{list, text};

/// How often a transaction is tried while others change its keys.
const TRIES: usize = 10;

/// What a key must be before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Anything,
    Missing,
    Type(&'static str),
    TypeOrMissing(&'static str),
}

/// The commands for one key.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) key: Vec<u8>,
    pub(super) check: Check,
    /// Must be answered with nothing or 0 before.
    pub(super) absent: Option<Command>,
    pub(super) commands: Vec<Command>,
}

/// Runs all steps, or none and returns `None` when a key that must be missing is there. A step whose key no longer has the
/// type it must have is left out. Returns the answers of each step that ran.
///
/// WATCH makes the server refuse the commands when a key was changed after it was checked. The checks leave no reason for which
/// a command could fail after others were done.
pub(super) async fn transact(source: &RedisSource, steps: Vec<Step>) -> Result<Option<Vec<Vec<Value>>>> {
    let Some(first) = steps.first() else { return Ok(Some(Vec::new())) };
    let topology = source.connections.topology().await?;
    let owner = topology.owner(&first.key);
    if topology.is_cluster() && steps.iter().any(|step| topology.slot(&step.key) != topology.slot(&first.key)) {
        let message = "a cluster changes keys of several slots one by one and could stop half-way; change keys with one hash \
                       tag, such as {a}:1 and {a}:2";
        return Err(Error::unsupported(message).from_source(&source.name));
    }
    let node = topology.nodes.get(owner).ok_or_else(|| Error::internal("a key without a node"))?;
    let mut connection = source.connections.own(&node.address).await?;
    for _ in 0..TRIES {
        let Some(kept) = checked(source, &mut connection, &steps).await? else { return Ok(None) };
        let mut commands = vec![Command::words(["MULTI"])];
        commands.extend(kept.iter().flat_map(|step| step.commands.iter().cloned()));
        commands.push(Command::words(["EXEC"]));
        let answers = connection.ask(&commands).await.map_err(|e| {
            // Nobody knows whether the server had the commands already.
            let message = format!("{}; the rows may have been written or not", e.message());
            Error::new(e.kind(), e.origin().clone(), message)
        })?;
        match executed(source, answers)? {
            Some(answers) => {
                let mut answers = answers.into_iter();
                return Ok(Some(kept.iter().map(|step| answers.by_ref().take(step.commands.len()).collect()).collect()));
            }
            None => tracing::debug!(source = source.name, "keys changed while they were checked; trying again"),
        }
    }
    Err(Error::unavailable(&source.name, "the keys are changed by others all the time; try again"))
}

/// The steps whose keys are what they must be; `None` when a key is there that must be missing.
async fn checked<'s>(
    source: &RedisSource,
    connection: &mut crate::connect::Own,
    steps: &'s [Step],
) -> Result<Option<Vec<&'s Step>>> {
    let keys: HashSet<&[u8]> = steps.iter().map(|step| step.key.as_slice()).collect();
    let watch = keys.iter().fold(Command::words(["WATCH"]), |command, key| command.with(*key));
    let mut commands = vec![watch];
    for step in steps {
        commands.push(Command::words(["TYPE"]).with(step.key.as_slice()));
        commands.extend(step.absent.clone());
    }
    let mut answers = connection.ask(&commands).await?.into_iter();
    if let Some(Value::ServerError(e)) = answers.next() {
        return Err(refused(&source.name, &e));
    }
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let found = match answers.next() {
            Some(Value::ServerError(e)) => return Err(refused(&source.name, &e)),
            answer => answer.and_then(text).ok_or_else(|| unexpected(&source.name, "TYPE"))?,
        };
        let is_there =
            step.absent.is_some() && !matches!(answers.next(), Some(Value::Nil | Value::Int(0) | Value::ServerError(_)));
        match step.check {
            Check::Missing if found != "none" => return Ok(None),
            Check::Type(name) if found != name => continue,
            Check::TypeOrMissing(name) if found != name && found != "none" => {
                let message = format!("a key to write holds a value of another type than {name}");
                return Err(Error::source_failed(&source.name, message));
            }
            _ if is_there => return Ok(None),
            _ => kept.push(step),
        }
    }
    Ok(Some(kept))
}

/// The answers of the commands; `None` when the keys were changed before.
fn executed(source: &RedisSource, answers: Vec<Value>) -> Result<Option<Vec<Value>>> {
    let (mut first_error, mut answers) = (None, answers);
    let last = answers.pop();
    for answer in &answers {
        if let Value::ServerError(e) = answer {
            first_error.get_or_insert_with(|| refused(&source.name, e));
        }
    }
    match (first_error, last) {
        (Some(error), _) => Err(error),
        (None, Some(Value::Nil)) => Ok(None),
        (None, Some(Value::ServerError(e))) => Err(refused(&source.name, &e)),
        (None, Some(answer)) => {
            let answers = list(answer).ok_or_else(|| unexpected(&source.name, "EXEC"))?;
            match answers.iter().find_map(|a| if let Value::ServerError(e) = a { Some(e) } else { None }) {
                Some(e) => {
                    let error = refused(&source.name, e);
                    let message = format!("{}; other rows of the statement were written", error.message());
                    Err(Error::new(error.kind(), error.origin().clone(), message))
                }
                None => Ok(Some(answers)),
            }
        }
        (None, None) => Err(unexpected(&source.name, "EXEC")),
    }
}

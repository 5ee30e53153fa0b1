//! Keys from an index of RediSearch, instead of from SCAN.
//!
//! | file | answers |
//! |---|---|
//! | `index` | which index covers a table, and can it be trusted now? |
//! | `condition` | what may an index be asked for a filter? |
//!
//! An index names at least the keys whose values pass: tags are compared without their case, numbers as floating point. Every
//! value is read and every filter is checked here. An index that may miss a key is not used: one that is not complete, one
//! that could not take a value, one that has changed, and an answer that is cut.
//!
//! RediSearch 2.10 takes what happens to a key of any database for what happens to the key of this name in database 0, so that a
//! hash of another database hides one of this. So indexes are used only when an option says so, and not while another
//! database has keys.

pub(crate) mod condition;
pub(crate) mod index;

use headwater_common::Result;
use redis::Value;

use crate::commands::Command;
use crate::config::Address;
use crate::source::RedisSource;
use crate::value::{bytes, list, pairs, text, whole};
use condition::Condition;
use index::Index;

/// Most keys that an index is asked for; more are found by SCAN.
const KEYS_MAX: usize = 100_000;

/// What an index is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub(crate) index: Index,
    /// All of them hold.
    pub(crate) conditions: Vec<Condition>,
}

impl Search {
    /// The command. Texts are parameters; numbers and names of attributes are all that its query is made of.
    pub(crate) fn command(&self) -> Command {
        let mut parameters = Vec::new();
        let conditions: Vec<String> = self.conditions.iter().map(|c| c.text(&mut parameters)).collect();
        let query = conditions.join(" ");
        let command = Command::words(["FT.SEARCH"]).with(self.index.name.as_str()).with(query);
        let limits = ["NOCONTENT", "LIMIT", "0", &KEYS_MAX.to_string(), "TIMEOUT", "0"].map(str::to_owned);
        let command = limits.into_iter().fold(command, Command::with);
        let command = match parameters.len() {
            0 => command,
            count => command.with("PARAMS").with((2 * count).to_string()),
        };
        let named = parameters.into_iter().enumerate().flat_map(|(i, value)| [format!("p{i}"), value]);
        named.fold(command, Command::with).with("DIALECT").with("2")
    }
}

/// The keys that can pass; `None` when the index cannot say.
pub(crate) async fn keys(
    source: &RedisSource,
    node: &Address,
    place: usize,
    search: &Search,
) -> Result<Option<Vec<Vec<u8>>>> {
    let info = || Command::words(["FT.INFO"]).with(search.index.name.as_str());
    // The index is looked at before and after, so that it is the same all the time.
    let commands = [Command::words(["INFO", "keyspace"]), info(), search.command(), info()];
    let answers = source.connections.ask(node, place, &commands, true).await?;
    let [databases, before, found, after]: [Value; 4] = answers.try_into().unwrap_or_default();
    let is_trusted = |answer: Value| index::complete(answer).is_some_and(|index| index == search.index);
    let keys = found_keys(found).filter(|_| is_alone(databases) && is_trusted(before) && is_trusted(after));
    if keys.is_none() {
        tracing::info!(source = source.name, index = search.index.name, "the index cannot say; the keys are scanned");
    }
    Ok(keys)
}

/// Whether no database but the first has keys.
fn is_alone(keyspace: Value) -> bool {
    let others = |text: String| text.lines().any(|line| line.starts_with("db") && !line.starts_with("db0:"));
    text(keyspace).is_some_and(|text| text.starts_with("# Keyspace") && !others(text))
}

/// The keys in an answer to FT.SEARCH; `None` when it is an error, cut, or has a warning.
fn found_keys(answer: Value) -> Option<Vec<Vec<u8>>> {
    let (total, keys) = match answer {
        Value::Map(members) => {
            let (mut total, mut keys) = (None, Vec::new());
            for (name, value) in members {
                match text(name)?.as_str() {
                    "total_results" => total = whole(&value),
                    "warning" if !list(value.clone())?.is_empty() => return None,
                    "results" => {
                        for result in list(value)? {
                            let id = pairs(result)?.into_iter().find(|(n, _)| text(n.clone()).as_deref() == Some("id"))?;
                            keys.push(bytes(id.1)?);
                        }
                    }
                    _ => {}
                }
            }
            (total?, keys)
        }
        answer => {
            let mut answer = list(answer)?.into_iter();
            let total = whole(&answer.next()?)?;
            (total, answer.map(bytes).collect::<Option<Vec<_>>>()?)
        }
    };
    (usize::try_from(total) == Ok(keys.len())).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn answers_of_both_protocols_name_keys_and_cut_ones_say_nothing() {
        let old = |total: i64| Value::Array(vec![Value::Int(total), bulk("h:1"), bulk("h:2")]);
        let wanted = Some(vec![b"h:1".to_vec(), b"h:2".to_vec()]);
        assert_eq!(found_keys(old(2)), wanted);
        assert_eq!(found_keys(old(3)), None);
        let result = |id: &str| Value::Map(vec![(bulk("id"), bulk(id)), (bulk("values"), Value::Array(Vec::new()))]);
        let new = |warnings: Vec<Value>| {
            Value::Map(vec![
                (bulk("total_results"), Value::Int(2)),
                (bulk("results"), Value::Array(vec![result("h:1"), result("h:2")])),
                (bulk("warning"), Value::Array(warnings)),
            ])
        };
        assert_eq!(found_keys(new(Vec::new())), wanted);
        assert_eq!(found_keys(new(vec![bulk("Timeout limit was reached")])), None);
        assert_eq!(found_keys(Value::Nil), None);
    }

    #[test]
    fn another_database_with_keys_is_noticed() {
        let told = |text: &str| is_alone(bulk(text));
        assert!(told("# Keyspace\r\ndb0:keys=1,expires=0\r\n") && told("# Keyspace\r\n"));
        assert!(!told("# Keyspace\r\ndb0:keys=1,expires=0\r\ndb12:keys=1,expires=0\r\n"));
        assert!(!told("") && !is_alone(Value::Nil));
    }
}

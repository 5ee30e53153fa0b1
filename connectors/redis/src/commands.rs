//! Commands as lists of arguments, and their text: JSON that is read back to the same commands.

use headwater_common::{Error, Result};
use serde_json::{Value, json};

/// One command with its arguments. Nothing is ever spliced into an argument: each is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(Vec<Vec<u8>>);

impl Command {
    /// A command from its arguments.
    pub(crate) fn new(arguments: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(arguments.into_iter().collect())
    }

    /// A command of words.
    pub(crate) fn words<const N: usize>(words: [&str; N]) -> Self {
        Self::new(words.map(|w| w.as_bytes().to_vec()))
    }

    /// The same with more arguments.
    pub(crate) fn with(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.0.push(argument.into());
        self
    }

    /// Its name.
    pub(crate) fn name(&self) -> &[u8] {
        self.0.first().map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn arguments(&self) -> &[Vec<u8>] {
        &self.0
    }
}

/// A command that is sent for many keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template(Vec<Argument>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument {
    /// The key it is sent for.
    Key,
    Bytes(Vec<u8>),
}

impl Template {
    /// A command whose first argument is the key.
    pub(crate) fn of_key(name: &str) -> Self {
        let mut words: Vec<Argument> = name.split(' ').map(|w| Argument::Bytes(w.as_bytes().to_vec())).collect();
        words.push(Argument::Key);
        Self(words)
    }

    /// The same with one more argument.
    pub(crate) fn with(mut self, argument: impl Into<Vec<u8>>) -> Self {
        self.0.push(Argument::Bytes(argument.into()));
        self
    }

    /// The same with more words.
    pub(crate) fn with_words(self, words: &[&str]) -> Self {
        words.iter().fold(self, |made, word| made.with(word.as_bytes().to_vec()))
    }

    /// The same without its last arguments.
    pub(crate) fn without_last(mut self, count: usize) -> Self {
        self.0.truncate(self.0.len().saturating_sub(count));
        self
    }

    /// The same without the key.
    pub(crate) fn without_key(mut self) -> Self {
        self.0.retain(|argument| *argument != Argument::Key);
        self
    }

    /// The command for a key.
    pub(crate) fn command(&self, key: &[u8]) -> Command {
        let argument = |a: &Argument| match a {
            Argument::Key => key.to_vec(),
            Argument::Bytes(bytes) => bytes.clone(),
        };
        Command::new(self.0.iter().map(argument))
    }

    /// The template whose every argument is given.
    pub(crate) fn of_command(command: &Command) -> Self {
        Self(command.arguments().iter().cloned().map(Argument::Bytes).collect())
    }
}

/// Commands as JSON: arrays of arguments; `null` is each key, bytes that are no text are `{"hex": "..."}`.
pub(crate) fn to_text(commands: &[Template]) -> String {
    let argument = |argument: &Argument| match argument {
        Argument::Key => Value::Null,
        Argument::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => json!({ "hex": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() }),
        },
    };
    let command = |command: &Template| Value::Array(command.0.iter().map(argument).collect());
    Value::Array(commands.iter().map(command).collect()).to_string()
}

/// The commands of a text made by [`to_text`].
pub(crate) fn from_text(text: &str) -> Result<Vec<Template>> {
    let commands: Value = serde_json::from_str(text).map_err(|_| Error::internal("the commands are no JSON"))?;
    let read = || commands.as_array()?.iter().map(read_command).collect::<Option<Vec<_>>>();
    read().ok_or_else(|| Error::internal("the commands have a form that is not known"))
}

fn read_command(command: &Value) -> Option<Template> {
    let argument = |argument: &Value| match argument {
        Value::Null => Some(Argument::Key),
        Value::String(text) => Some(Argument::Bytes(text.as_bytes().to_vec())),
        Value::Object(object) => {
            let hex = object.get("hex")?.as_str()?.as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            hex.chunks(2).map(byte).collect::<Option<Vec<u8>>>().map(Argument::Bytes)
        }
        _ => None,
    };
    command.as_array()?.iter().map(argument).collect::<Option<Vec<_>>>().map(Template)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_shown_as_they_are_sent() {
        let get = Template::of_key("HMGET").with("na\"me").with(vec![0xff, 0]);
        let text = to_text(&[get.clone(), Template::of_command(&Command::words(["SCAN", "0"]))]);
        assert_eq!(text, r#"[["HMGET",null,"na\"me",{"hex":"ff00"}],["SCAN","0"]]"#);
        assert_eq!(get.command(b"k").arguments()[1], b"k");
    }

    proptest! {
        #[test]
        fn a_text_is_read_back_to_the_same_commands(all in prop::collection::vec(prop::collection::vec(any::<Option<Vec<u8>>>(), 0..5), 0..4)) {
            let argument = |a: Option<Vec<u8>>| a.map_or(Argument::Key, Argument::Bytes);
            let all: Vec<Template> = all.into_iter().map(|c| Template(c.into_iter().map(argument).collect())).collect();
            prop_assert_eq!(from_text(&to_text(&all)).unwrap(), all);
        }
    }
}

//! Backslash commands.

use clap::ValueEnum;
use headwater_common::{Error, Result, nearest};

use crate::format::Format;

/// What `\?` prints.
pub(crate) const HELP: &str = r"Look around
  \d               the tables of all sources
  \d TABLE         columns, types and keys of a table
  \dt [PATTERN]    the tables whose name fits, * stands for any text
  \dn              the schemas
  \l, \ds          the sources and their state
  \c [SOURCE]      makes a source, or SOURCE.SCHEMA, the default of names; without a name says which one is
Run
  \i FILE          the statements of a file
  \e [FILE]        edits the last statement, or a file, in $EDITOR and runs it
  \timing [on|off] time of each statement
Results
  \format [NAME]   table, vertical, csv, tsv, json, ndjson, markdown, arrow or parquet
  \x [on|off]      one line per column
  \null TEXT       text for NULL
  \maxrows N       rows shown at most; 0 is all
  \o [FILE]        results to a file; without a name to the terminal again
Other
  \?               this list
  \q               leave; Ctrl-D does the same
A statement ends with a semicolon and may take many lines. Ctrl-C cancels it, or forgets what is typed.";

const NAMES: [&str; 18] = [
    "d", "dt", "dn", "ds", "l", "c", "i", "e", "sources", "format", "x", "null", "maxrows", "timing", "o", "q", "?", "help",
];

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `\d TABLE`.
    Table(String),
    /// `\d`, `\dt`: tables, all or those that fit.
    Tables(Option<String>),
    /// `\dn`.
    Schemas,
    /// `\l`.
    Sources,
    /// `\c`.
    Default(Option<String>),
    /// `\i`.
    Include(String),
    /// `\e`.
    Edit(Option<String>),
    /// `\format`.
    Format(Option<Format>),
    /// `\x`.
    Vertical(Option<bool>),
    /// `\null`.
    Null(String),
    /// `\maxrows`.
    MaxRows(u64),
    /// `\timing`.
    Timing(Option<bool>),
    /// `\o`.
    Output(Option<String>),
    /// `\?`.
    Help,
    /// `\q`.
    Quit,
}

/// Reads a line that starts with a backslash.
pub(crate) fn parse(line: &str) -> Result<Command> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, argument) = line[1..].split_once(char::is_whitespace).unwrap_or((&line[1..], ""));
    let argument = argument.trim();
    let given = (!argument.is_empty()).then(|| argument.to_owned());
    Ok(match name {
        "d" => match given {
            Some(table) if !table.contains('*') => Command::Table(table),
            pattern => Command::Tables(pattern),
        },
        "dt" => Command::Tables(given),
        "dn" => Command::Schemas,
        "l" | "ds" | "sources" => Command::Sources,
        "c" => Command::Default(given),
        "i" => Command::Include(given.ok_or_else(|| Error::invalid("\\i needs the name of a file"))?),
        "e" => Command::Edit(given),
        "format" => Command::Format(given.map(|g| format(&g)).transpose()?),
        "x" => Command::Vertical(switch(name, argument)?),
        "null" => Command::Null(argument.trim_matches('\'').to_owned()),
        "maxrows" => {
            let rows = argument.parse().map_err(|_| Error::invalid("\\maxrows needs a whole number; 0 is all"))?;
            Command::MaxRows(rows)
        }
        "timing" => Command::Timing(switch(name, argument)?),
        "o" => Command::Output(given),
        "?" | "h" | "help" => Command::Help,
        "q" | "quit" | "exit" => Command::Quit,
        other => {
            let near = nearest::nearest(other, NAMES).map(|n| format!("; did you mean \\{n}?")).unwrap_or_default();
            return Err(Error::invalid(format!("unknown command \\{other}{near}; \\? lists them")));
        }
    })
}

fn format(name: &str) -> Result<Format> {
    Format::from_str(name, true).map_err(|_| {
        let names: Vec<String> = Format::value_variants().iter().map(|f| f.name()).collect();
        let hint = nearest::hint(name, names.iter().map(String::as_str));
        Error::invalid(format!("unknown format \"{name}\"{hint}"))
    })
}

fn switch(name: &str, argument: &str) -> Result<Option<bool>> {
    match argument {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(Error::invalid(format!("\\{name} takes on or off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_take_their_arguments() {
        assert_eq!(parse("\\d shop.public.orders;").unwrap(), Command::Table("shop.public.orders".into()));
        assert_eq!(parse("\\dt or*").unwrap(), Command::Tables(Some("or*".into())));
        assert_eq!(parse("\\l").unwrap(), Command::Sources);
        assert!(parse("\\i").is_err());
        assert_eq!(parse(" \\x on").unwrap(), Command::Vertical(Some(true)));
        assert_eq!(parse("\\format CSV").unwrap(), Command::Format(Some(Format::Csv)));
        assert_eq!(parse("\\null ''").unwrap(), Command::Null(String::new()));
        assert_eq!(parse("\\q").unwrap(), Command::Quit);
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        assert!(parse("\\timming").unwrap_err().to_string().contains("did you mean \\timing?"));
        assert!(parse("\\format jsn").unwrap_err().to_string().contains("did you mean \"json\"?"));
        assert!(parse("\\maxrows many").is_err());
        assert!(parse("\\").is_err());
    }
}

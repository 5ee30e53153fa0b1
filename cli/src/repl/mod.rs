//! The shell: statements over several lines, backslash commands, history and completion.

mod command;
mod completion;
mod describe;
mod edit;
mod input;
mod position;
pub(crate) mod statement;

use std::io::Write;
use std::path::{Path, PathBuf};

use headwater_common::{Error, ErrorKind, Result};

use crate::connection::Connection;
use crate::format::{Format, is_broken_pipe, output_error};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::run::{Display, Outcome, run};
use command::{Command, parse};
use input::{Input, Line};
use statement::Statements;

/// How a run of many statements ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every statement succeeded.
    Well,
    /// A statement failed; its error has been printed.
    Failed,
    /// Ctrl-C.
    Cancelled,
    /// The reader of the output went away, or the user left.
    Left,
}

/// What statements and commands act on.
pub(crate) struct Shell {
    connection: Connection,
    display: Display,
    output: Output,
    interrupts: Interrupts,
    /// Results written, for formats that hold only one.
    results: u64,
    /// Format to return to from `\x`.
    before_vertical: Format,
    /// The last statement, for `\e`.
    last: String,
    /// Files that are being read, for `\i`.
    depth: usize,
    /// Whether a failed statement does not end a script.
    keep_going: bool,
}

/// Deepest nesting of files that name each other in `\i`.
const INCLUDES: usize = 16;

impl Shell {
    /// A shell over a connection.
    pub(crate) fn new(
        connection: Connection,
        display: Display,
        output: Output,
        interrupts: Interrupts,
        keep_going: bool,
    ) -> Self {
        let before_vertical = display.style.format;
        let last = String::new();
        Self { connection, display, output, interrupts, results: 0, before_vertical, last, depth: 0, keep_going }
    }

    /// Whether a failed statement does not end a script.
    pub(crate) fn keeps_going(&self) -> bool {
        self.keep_going
    }

    /// Runs typed or piped input to its end. A failed statement ends piped input, unless it is to keep going.
    pub(crate) async fn interact(&mut self, history: Option<&Path>) -> Result<Ended> {
        let mut input = Input::open(history)?;
        input.completion().refresh(&self.connection).await;
        let mut statements = Statements::default();
        let mut ended = Ended::Well;
        loop {
            let default = self.connection.default_name();
            let line = tokio::select! {
                line = input.read(&statements, &default) => line?,
                () = self.interrupts.next() => return Ok(Ended::Cancelled),
            };
            match line {
                Line::Text(line) => match self.line(&line, &mut statements).await? {
                    Ended::Well => {}
                    Ended::Left => return Ok(if ended == Ended::Failed { ended } else { Ended::Left }),
                    // A person has seen it and goes on.
                    Ended::Failed | Ended::Cancelled if input.is_typed() => {}
                    Ended::Failed if self.keep_going => ended = Ended::Failed,
                    other => return Ok(other),
                },
                Line::Interrupted => statements.clear(),
                Line::End => break,
            }
            if input.is_typed() {
                input.completion().refresh(&self.connection).await;
            }
        }
        if let Some(rest) = statements.rest()
            && self.statement(&rest).await? != Ended::Well
            && !input.is_typed()
        {
            ended = Ended::Failed;
        }
        Ok(ended)
    }

    /// Runs all statements of a text; the first one that fails ends it, unless it is to keep going.
    pub(crate) async fn script(&mut self, text: &str) -> Result<Ended> {
        let mut statements = Statements::default();
        let mut failed = false;
        for line in text.lines() {
            match self.line(line, &mut statements).await? {
                Ended::Well => {}
                Ended::Failed if self.keep_going => failed = true,
                ended => return Ok(ended),
            }
        }
        let ended = match statements.rest() {
            Some(rest) => self.statement(&rest).await?,
            None => Ended::Well,
        };
        Ok(if failed && ended == Ended::Well { Ended::Failed } else { ended })
    }

    /// Puts results in place.
    pub(crate) async fn close(self, keep: bool) -> Result<()> {
        self.connection.close().await;
        if keep { self.output.commit() } else { Ok(()) }
    }

    async fn line(&mut self, line: &str, statements: &mut Statements) -> Result<Ended> {
        if line.trim_start().starts_with('\\') && statements.is_blank() {
            statements.clear();
            return match parse(line) {
                Ok(command) => self.command(command).await,
                Err(e) => self.failed(&e),
            };
        }
        statements.push(line);
        let mut failed = false;
        while let Some(sql) = statements.next() {
            match self.statement(&sql).await? {
                Ended::Well => {}
                Ended::Failed if self.keep_going => failed = true,
                ended => {
                    statements.clear();
                    return Ok(ended);
                }
            }
        }
        Ok(if failed { Ended::Failed } else { Ended::Well })
    }

    async fn statement(&mut self, sql: &str) -> Result<Ended> {
        let format = self.display.style.format;
        if format.is_binary() && self.results > 0 {
            let name = format.name();
            return self.failed(&Error::invalid(format!("{name} output holds one result only; run one statement")));
        }
        sql.clone_into(&mut self.last);
        match run(&self.connection, sql, &self.display, &mut self.output, &mut self.interrupts).await {
            Outcome::Done => {
                self.results += 1;
                Ok(Ended::Well)
            }
            Outcome::Cancelled => {
                eprintln!("cancelled");
                Ok(Ended::Cancelled)
            }
            Outcome::Failed(e) => {
                let ended = self.failed(&e)?;
                if ended == Ended::Failed
                    && let Some(place) = position::shown(sql, e.message())
                {
                    eprintln!("{place}");
                }
                Ok(ended)
            }
        }
    }

    fn failed(&self, error: &Error) -> Result<Ended> {
        if is_broken_pipe(error) {
            return Ok(Ended::Left);
        }
        eprintln!("error: {error}");
        Ok(Ended::Failed)
    }

    fn say(&mut self, text: &str) -> Result<()> {
        writeln!(self.output.writer(), "{text}").map_err(output_error)
    }

    async fn command(&mut self, command: Command) -> Result<Ended> {
        let acted = match command {
            Command::Include(path) => Box::pin(self.include(&path)).await,
            Command::Edit(path) => Box::pin(self.edit(path)).await,
            command => self.act(command).await,
        };
        match acted {
            Ok(ended) => Ok(ended),
            Err(e) => self.failed(&e),
        }
    }

    async fn act(&mut self, command: Command) -> Result<Ended> {
        match command {
            Command::Quit => return Ok(Ended::Left),
            Command::Help => self.say(command::HELP)?,
            Command::Sources => return self.statement("SHOW SOURCES").await,
            Command::Schemas => {
                let tables = self.connection.tables().await?;
                describe::schemas(&tables, &self.display.style, &mut self.output)?;
            }
            Command::Table(name) => self.describe(&name).await?,
            Command::Tables(pattern) => {
                let tables = self.connection.tables().await?;
                describe::tables(&tables, pattern.as_deref(), &self.display.style, &mut self.output)?;
            }
            Command::Default(name) => {
                if let Some(name) = name {
                    self.connection.set_default(&name)?;
                }
                self.say(&format!("default is {}", self.connection.default_name()))?;
            }
            Command::Include(_) | Command::Edit(_) => {}
            Command::Timing(on) => {
                self.display.timing = on.unwrap_or(!self.display.timing);
                self.say(if self.display.timing { "timing is on" } else { "timing is off" })?;
            }
            Command::Vertical(on) => {
                self.vertical(on);
                self.say_format()?;
            }
            Command::Format(format) => {
                if let Some(format) = format {
                    self.display.style.format = format;
                }
                self.say_format()?;
            }
            Command::Null(text) => self.display.style.null = Some(text),
            Command::MaxRows(rows) => self.display.style.max_rows = rows,
            Command::Output(path) => {
                let next = path.map_or(Ok(Output::Standard), |p| Output::direct(Path::new(&p)))?;
                std::mem::replace(&mut self.output, next).commit()?;
                self.results = 0;
            }
        }
        Ok(Ended::Well)
    }

    fn say_format(&mut self) -> Result<()> {
        let name = self.display.style.format.name();
        if self.display.style.format.is_display() {
            return self.say(&format!("format is {name}"));
        }
        eprintln!("format is {name}");
        Ok(())
    }

    /// One line per column, or the format before it.
    fn vertical(&mut self, on: Option<bool>) {
        let style = &mut self.display.style;
        if on.unwrap_or(style.format != Format::Vertical) {
            if style.format != Format::Vertical {
                self.before_vertical = style.format;
            }
            style.format = Format::Vertical;
        } else {
            let before = self.before_vertical;
            style.format = if before == Format::Vertical { Format::Table } else { before };
        }
    }

    /// Runs the statements of a file.
    async fn include(&mut self, path: &str) -> Result<Ended> {
        if self.depth >= INCLUDES {
            return Err(Error::invalid(format!("files name each other in \\i more than {INCLUDES} deep")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::invalid(format!("cannot read {path}: {e}")))?;
        self.depth += 1;
        let ended = self.script(&text).await;
        self.depth -= 1;
        ended
    }

    /// Lets the user edit the last statement, or a file, and runs what was saved.
    async fn edit(&mut self, path: Option<String>) -> Result<Ended> {
        let before = if self.last.is_empty() { String::new() } else { format!("{};", self.last) };
        let text = edit::edit(path.map(PathBuf::from), &before).await?;
        self.interrupts.forget();
        eprintln!("{}", text.trim_end());
        self.script(&text).await
    }

    async fn describe(&mut self, name: &str) -> Result<()> {
        let tables = self.connection.tables().await?;
        let mut table = describe::find(&tables, name)?.clone();
        match self.connection.complete(&mut table).await {
            Err(e) if e.kind() != ErrorKind::Unsupported => return Err(e),
            _ => {}
        }
        describe::table(&table, &self.display.style, &mut self.output)
    }
}

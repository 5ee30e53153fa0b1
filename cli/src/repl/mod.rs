//! The shell: statements over several lines, backslash commands, history and completion.

mod command;
mod completion;
mod describe;
mod input;
pub(crate) mod statement;

use std::io::Write;
use std::path::Path;

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
}

impl Shell {
    /// A shell over a connection.
    pub(crate) fn new(connection: Connection, display: Display, output: Output, interrupts: Interrupts) -> Self {
        let before_vertical = display.style.format;
        Self { connection, display, output, interrupts, results: 0, before_vertical }
    }

    /// Runs typed or piped input to its end. A failed statement does not end it.
    pub(crate) async fn interact(&mut self, history: Option<&Path>) -> Result<Ended> {
        let mut input = Input::open(history)?;
        input.completion().refresh(&self.connection).await;
        let mut statements = Statements::default();
        let mut ended = Ended::Well;
        loop {
            let line = tokio::select! {
                line = input.read(&statements) => line?,
                () = self.interrupts.next() => return Ok(Ended::Cancelled),
            };
            match line {
                Line::Text(line) => match self.line(&line, &mut statements).await? {
                    Ended::Well => {}
                    Ended::Left => return Ok(if ended == Ended::Failed { ended } else { Ended::Left }),
                    Ended::Failed | Ended::Cancelled => ended = Ended::Failed,
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
        {
            ended = Ended::Failed;
        }
        Ok(ended)
    }

    /// Runs all statements of a text; the first one that fails ends it.
    pub(crate) async fn script(&mut self, text: &str) -> Result<Ended> {
        let mut statements = Statements::default();
        for line in text.lines() {
            let ended = self.line(line, &mut statements).await?;
            if ended != Ended::Well {
                return Ok(ended);
            }
        }
        match statements.rest() {
            Some(rest) => self.statement(&rest).await,
            None => Ok(Ended::Well),
        }
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
        let mut ended = Ended::Well;
        while let Some(sql) = statements.next() {
            ended = self.statement(&sql).await?;
            if ended != Ended::Well {
                statements.clear();
                break;
            }
        }
        Ok(ended)
    }

    async fn statement(&mut self, sql: &str) -> Result<Ended> {
        let format = self.display.style.format;
        if format.is_binary() && self.results > 0 {
            let name = format.name();
            return self.failed(&Error::invalid(format!("{name} output holds one result only; run one statement")));
        }
        match run(&self.connection, sql, &self.display, &mut self.output, &mut self.interrupts).await {
            Outcome::Done => {
                self.results += 1;
                Ok(Ended::Well)
            }
            Outcome::Cancelled => {
                eprintln!("cancelled");
                Ok(Ended::Cancelled)
            }
            Outcome::Failed(e) => self.failed(&e),
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
        match self.act(command).await {
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
            Command::Tables(pattern) => self.describe(pattern.as_deref()).await?,
            Command::Timing(on) => {
                self.display.timing = on.unwrap_or(!self.display.timing);
                self.say(if self.display.timing { "timing is on" } else { "timing is off" })?;
            }
            Command::Vertical(on) => {
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

    async fn describe(&mut self, pattern: Option<&str>) -> Result<()> {
        let tables = self.connection.tables().await?;
        let Some(pattern) = pattern else {
            return describe::tables(&tables, &self.display.style, &mut self.output);
        };
        let mut table = describe::find(&tables, pattern)?.clone();
        match self.connection.complete(&mut table).await {
            Err(e) if e.kind() != ErrorKind::Unsupported => return Err(e),
            _ => {}
        }
        describe::table(&table, &self.display.style, &mut self.output)
    }
}

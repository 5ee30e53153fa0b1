//! Runs one statement: result to the output, progress on the terminal, Ctrl-C cancels.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use headwater_common::clock::Stopwatch;
use headwater_common::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use crate::connection::Connection;
use crate::format::{Style, output_error};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::repl::statement::first_word;

/// Time without a result after which progress is shown.
const PROGRESS_AFTER: Duration = Duration::from_millis(400);

/// How results are shown.
#[derive(Debug, Clone)]
pub(crate) struct Display {
    /// Format and its options.
    pub(crate) style: Style,
    /// Says how long each statement took.
    pub(crate) timing: bool,
}

/// How a statement ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its result was written.
    Done,
    /// Ctrl-C.
    Cancelled,
    /// An error.
    Failed(Error),
}

/// What the task that runs the statement reports.
enum Event {
    Schema(SchemaRef),
    Batch(RecordBatch),
    Changed(u64),
}

/// Runs a statement to its end. Nothing of it runs any more when this returns.
pub(crate) async fn run(
    connection: &Connection,
    sql: &str,
    display: &Display,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Outcome {
    interrupts.forget();
    let watch = Stopwatch::start();
    let (sender, mut events) = mpsc::channel(2);
    // A task of its own: Ctrl-C is noticed while an operator computes.
    let task = tokio::spawn(work(connection.clone(), sql.to_owned(), sender));
    let written = tokio::select! {
        biased;
        () = interrupts.next() => None,
        written = write(&mut events, sql, display, output) => Some(written),
    };
    task.abort();
    match written {
        None => Outcome::Cancelled,
        Some(Err(e)) => Outcome::Failed(e),
        Some(Ok(())) => {
            if display.timing {
                eprintln!("time: {}", duration(watch.elapsed()));
            }
            Outcome::Done
        }
    }
}

/// A duration for people, in milliseconds or seconds.
pub(crate) fn duration(elapsed: Duration) -> String {
    if elapsed.as_secs() == 0 {
        format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", elapsed.as_secs_f64())
    }
}

async fn work(connection: Connection, sql: String, sender: mpsc::Sender<Result<Event>>) {
    let answer = match connection.query(&sql).await {
        Ok(answer) => answer,
        Err(e) => return drop(sender.send(Err(e)).await),
    };
    let first = match answer.changed {
        Some(changed) => Event::Changed(changed),
        None => Event::Schema(answer.schema),
    };
    if sender.send(Ok(first)).await.is_err() {
        return;
    }
    let mut stream = answer.stream;
    while let Some(batch) = stream.next().await {
        let last = batch.is_err();
        if sender.send(batch.map(Event::Batch)).await.is_err() || last {
            return;
        }
    }
}

async fn write(
    events: &mut mpsc::Receiver<Result<Event>>,
    sql: &str,
    display: &Display,
    output: &mut Output,
) -> Result<()> {
    let mut progress = Progress::new(!output.is_terminal() || display.style.format.is_display());
    let schema = match progress.wait(events).await.transpose()? {
        Some(Event::Schema(schema)) => schema,
        Some(Event::Changed(changed)) => return changed_message(changed, sql, display, output),
        Some(Event::Batch(_)) | None => return Err(Error::internal("the statement ended without a result")),
    };
    if display.style.format.is_binary() && output.is_terminal() {
        let name = display.style.format.name();
        return Err(Error::invalid(format!("{name} output is not text; give --output FILE or redirect it")));
    }
    let mut sink = output.sink(&display.style, &schema)?;
    while let Some(event) = progress.wait(events).await {
        if let Event::Batch(batch) = event? {
            progress.rows += batch.num_rows() as u64;
            sink.write(&batch)?;
        }
    }
    progress.clear();
    sink.finish()
}

fn changed_message(changed: u64, sql: &str, display: &Display, output: &mut Output) -> Result<()> {
    let message = match first_word(sql).as_str() {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" => {
            format!("{changed} {} changed", if changed == 1 { "row" } else { "rows" })
        }
        _ => "done".to_owned(),
    };
    match display.style.format.is_display() {
        true => writeln!(output.writer(), "{message}").map_err(output_error),
        false => {
            eprintln!("{message}");
            Ok(())
        }
    }
}

/// A spinner with the rows so far, on standard error when that is a terminal.
struct Progress {
    bar: Option<ProgressBar>,
    watch: Stopwatch,
    enabled: bool,
    rows: u64,
}

impl Progress {
    fn new(enabled: bool) -> Self {
        let enabled = enabled && std::io::stderr().is_terminal();
        Self { bar: None, watch: Stopwatch::start(), enabled, rows: 0 }
    }

    /// The next event; shows progress while it lets wait.
    async fn wait<T>(&mut self, events: &mut mpsc::Receiver<T>) -> Option<T> {
        if !self.enabled {
            return events.recv().await;
        }
        loop {
            match tokio::time::timeout(Duration::from_millis(100), events.recv()).await {
                Ok(event) => {
                    if self.bar.is_some() {
                        self.show();
                    }
                    return event;
                }
                Err(_) => self.show(),
            }
        }
    }

    fn show(&mut self) {
        if self.watch.elapsed() < PROGRESS_AFTER {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed} {msg} (Ctrl-C cancels)");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        bar.set_message(format!("{} rows", self.rows));
        bar.tick();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

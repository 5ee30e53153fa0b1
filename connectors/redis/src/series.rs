//! Reads aggregates of time series over buckets of time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use headwater_common::{Error, Result};
use headwater_source::{BatchReader, OpenQuery, read_batches};
use redis::Value;

use crate::commands::{Command, Template, from_text};
use crate::cursor::all_keys;
use crate::error::{is_missing_key, is_wrong_type, refused, unexpected};
use crate::labels::{self, samples};
use crate::request::{Limit, Request};
use crate::rows::changed;
use crate::source::RedisSource;
use crate::table::{Kind, TableRef};
use crate::translate::{Cell, cells};
use crate::value::text;

/// Keys that are read in one pipeline.
const KEYS: usize = 64;

/// The answers to the commands for a key, in their order.
type Answers = Vec<Vec<(i64, f64)>>;

/// A query that is on its way.
struct Running {
    source: Arc<RedisSource>,
    table: TableRef,
    /// Keys with their commands.
    work: VecDeque<(Vec<u8>, Vec<Command>)>,
    /// Commands for all series with some labels.
    labelled: Option<Vec<Command>>,
    /// Series that were read by their labels.
    read: VecDeque<(Vec<u8>, Answers)>,
    /// The width of the buckets in milliseconds.
    width: i64,
    cells: Vec<Cell>,
    schema: SchemaRef,
    place: usize,
    skipped: u64,
}

/// Starts reading when it is first polled.
pub(crate) fn stream(source: Arc<RedisSource>, query: OpenQuery) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&query.schema);
    let cells = cells(&query.command)?;
    Ok(read_batches(schema, start(source, query, cells)))
}

async fn start(source: Arc<RedisSource>, query: OpenQuery, cells: Vec<Cell>) -> Result<Running> {
    let text = query.command.texts.get(query.partition).ok_or_else(|| Error::internal("no such text"))?;
    let (name, _) = query.command.tables.first().ok_or_else(|| Error::internal("a query without a table"))?;
    let (table, templates) = (source.table(name)?, from_text(&text.text)?);
    let (mut work, mut labelled): (VecDeque<(Vec<u8>, Vec<Command>)>, _) = (VecDeque::new(), None);
    let width = templates.iter().find_map(|template| width(&template.command(&[])));
    let width = width.or(templates.is_empty().then_some(1)).ok_or_else(|| Error::internal("a query without buckets"))?;
    match templates.split_first() {
        Some((first, _)) if first.command(&[]).name() == labels::COMMAND.as_bytes() => {
            labelled = Some(templates.iter().map(|t| t.command(&[])).collect());
        }
        Some((scan, of_key)) if scan.command(&[]).name() == b"SCAN" => {
            let request = Request::new(Arc::clone(&table), Vec::new(), Vec::new(), Limit::default(), false);
            for key in all_keys(&source, &request).await? {
                let commands = of_key.iter().map(|t| t.command(&key)).collect();
                work.push_back((key, commands));
            }
        }
        _ => {
            for command in templates.iter().map(|t: &Template| t.command(&[])) {
                let key = command.arguments().get(1).cloned().unwrap_or_default();
                match work.back_mut() {
                    Some((last, commands)) if *last == key => commands.push(command),
                    _ => work.push_back((key, vec![command])),
                }
            }
        }
    }
    let place = source.connections.place();
    let read = VecDeque::new();
    Ok(Running { source, table, work, labelled, read, width, cells, schema: query.schema, place, skipped: 0 })
}

impl BatchReader for Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(commands) = self.labelled.take() {
            self.read = self.by_labels(&commands).await?;
        }
        while !self.read.is_empty() {
            let now: Vec<_> = self.read.drain(..KEYS.min(self.read.len())).collect();
            let mut rows = Columns::new(&self.cells, &self.schema);
            for (key, answers) in now {
                self.append(&key, answers, &mut rows)?;
            }
            if rows.count > 0 {
                return rows.finish(&self.source.name, &self.schema).map(Some);
            }
        }
        while !self.work.is_empty() {
            let now: Vec<_> = self.work.drain(..KEYS.min(self.work.len())).collect();
            let topology = self.source.connections.topology().await?;
            let mut rows = Columns::new(&self.cells, &self.schema);
            for (place, node) in topology.nodes.iter().enumerate() {
                let of_node: Vec<_> = now.iter().filter(|(key, _)| topology.owner(key) == place).collect();
                let mut commands = Vec::new();
                for (key, of_key) in &of_node {
                    commands.push(Command::words(["MULTI"]));
                    commands.push(Command::words(["TYPE"]).with(key.as_slice()));
                    commands.extend(of_key.iter().cloned());
                    commands.push(Command::words(["EXEC"]));
                }
                if commands.is_empty() {
                    continue;
                }
                let mut answers =
                    self.source.connections.ask(&node.address, self.place, &commands, true).await?.into_iter();
                for (key, of_key) in of_node {
                    let executed = answers.by_ref().take(of_key.len() + 3).last().unwrap_or_default();
                    self.take(key, of_key, executed, &mut rows)?;
                }
            }
            if rows.count > 0 {
                return rows.finish(&self.source.name, &self.schema).map(Some);
            }
        }
        if self.skipped > 0 {
            tracing::warn!(
                source = self.source.name,
                keys = self.skipped,
                "keys with a value of another type were skipped"
            );
        }
        Ok(None)
    }
}

impl Running {
    /// The series of the table that the commands name by their labels, all at one moment.
    async fn by_labels(&self, commands: &[Command]) -> Result<VecDeque<(Vec<u8>, Answers)>> {
        let source = &self.source.name;
        let wrong = || unexpected(source, labels::COMMAND);
        let topology = self.source.connections.topology().await?;
        let node = topology.nodes.first().ok_or_else(|| Error::internal("a source without a node"))?;
        let mut all = vec![Command::words(["MULTI"])];
        all.extend_from_slice(commands);
        all.push(Command::words(["EXEC"]));
        let answers = self.source.connections.ask(&node.address, self.place, &all, true).await?;
        let answers = match answers.into_iter().last() {
            Some(Value::Array(answers)) if answers.len() == commands.len() => answers,
            Some(Value::ServerError(e)) => return Err(refused(source, &e)),
            _ => return Err(wrong()),
        };
        let mut found: BTreeMap<Vec<u8>, Answers> = BTreeMap::new();
        for (command, answer) in commands.iter().zip(answers) {
            if let Value::ServerError(e) = &answer {
                return Err(refused(source, e));
            }
            let conditions = labels::of_command(command.arguments()).ok_or_else(wrong)?;
            for series in labels::series(answer, &conditions).ok_or_else(wrong)? {
                found.entry(series.key).or_default().push(series.samples);
            }
        }
        if found.values().any(|answers| answers.len() != commands.len()) {
            return Err(wrong());
        }
        Ok(found.into_iter().filter(|(key, _)| self.table.parts(key).is_some()).collect())
    }

    /// Takes the answers for a key.
    fn take(&mut self, key: &[u8], commands: &[Command], executed: Value, rows: &mut Columns) -> Result<()> {
        let source = &self.source.name;
        let wrong = || unexpected(source, "TS.RANGE");
        let mut answers = match executed {
            Value::Array(answers) if answers.len() == commands.len() + 1 => answers.into_iter(),
            Value::ServerError(e) => return Err(refused(source, &e)),
            _ => return Err(unexpected(source, "EXEC")),
        };
        match answers.next().and_then(text).as_deref() {
            Some("none") => return Ok(()),
            Some(name) if name == Kind::TimeSeries.server_type() => {}
            Some(_) if self.source.config.reading.wrong_type_fails => {
                let message =
                    format!("a key of {} holds no time series; set option \"wrong_type\" to skip", self.table.name);
                return Err(Error::source_failed(source, message));
            }
            _ => {
                self.skipped += 1;
                return Ok(());
            }
        }
        let mut series = Answers::new();
        for answer in answers {
            series.push(match answer {
                Value::ServerError(e) if is_missing_key(&e) || is_wrong_type(&e) => return Ok(()),
                Value::ServerError(e) => return Err(refused(source, &e)),
                answer => samples(answer).ok_or_else(wrong)?,
            });
        }
        self.append(key, series, rows)
    }

    /// Appends the buckets of a key.
    fn append(&self, key: &[u8], mut series: Answers, rows: &mut Columns) -> Result<()> {
        let source = &self.source.name;
        let wrong = || unexpected(source, "TS.RANGE");
        let mut zeros = Zeros::default();
        if self.cells.iter().any(|c| matches!(c, Cell::Min | Cell::Max)) {
            zeros = Zeros::new(&series.pop().ok_or_else(wrong)?, self.width);
        }
        let times = |s: &Vec<(i64, f64)>| s.iter().map(|(at, _)| *at).collect::<Vec<i64>>();
        let buckets = series.first().map(times).ok_or_else(wrong)?;
        if series.iter().any(|s| times(s) != buckets) {
            return Err(wrong());
        }
        let parts = self.table.parts(key).ok_or_else(|| changed(source))?;
        for (i, bucket) in buckets.iter().enumerate() {
            let values: Vec<f64> = series.iter().filter_map(|s| s.get(i)).map(|(_, value)| *value).collect();
            rows.append(&self.cells, &parts, *bucket, &values, &zeros).ok_or_else(wrong)?;
        }
        Ok(())
    }
}

/// The width of the buckets of a command.
fn width(command: &Command) -> Option<i64> {
    let at = command.arguments().iter().position(|a| a == b"AGGREGATION")?;
    std::str::from_utf8(command.arguments().get(at + 2)?).ok()?.parse().ok()
}

/// Which zeros each bucket has: -0 is before 0 here, and equal to it at the server.
#[derive(Debug, Default)]
struct Zeros(HashMap<i64, (bool, bool)>);

impl Zeros {
    fn new(samples: &[(i64, f64)], width: i64) -> Self {
        let mut found: HashMap<i64, (bool, bool)> = HashMap::new();
        for (at, value) in samples {
            let (negative, positive) = found.entry(at.div_euclid(width) * width).or_default();
            *negative |= value.is_sign_negative();
            *positive |= value.is_sign_positive();
        }
        Self(found)
    }

    /// The smallest or largest value of a bucket, of which the server found this one.
    fn settle(&self, bucket: i64, value: f64, cell: Cell) -> f64 {
        match (self.0.get(&bucket), cell) {
            (Some((true, _)), Cell::Min) if value == 0.0 => -0.0,
            (Some((_, true)), Cell::Max) if value == 0.0 => 0.0,
            _ => value,
        }
    }
}

#[derive(Debug)]
enum Cells {
    Text(StringBuilder),
    Whole(Int64Builder),
    Float(Float64Builder),
    Time(TimestampMillisecondBuilder),
}

/// The columns of a batch.
#[derive(Debug)]
struct Columns {
    columns: Vec<Cells>,
    count: usize,
}

impl Columns {
    fn new(cells: &[Cell], schema: &SchemaRef) -> Self {
        let column = |(i, cell): (usize, &Cell)| match cell {
            Cell::Part(_) if schema.fields().get(i).is_some_and(|f| *f.data_type() == DataType::Int64) => {
                Cells::Whole(Int64Builder::new())
            }
            Cell::Part(_) => Cells::Text(StringBuilder::new()),
            Cell::Bucket => Cells::Time(TimestampMillisecondBuilder::new()),
            Cell::Count => Cells::Whole(Int64Builder::new()),
            Cell::Min | Cell::Max => Cells::Float(Float64Builder::new()),
        };
        Self { columns: cells.iter().enumerate().map(column).collect(), count: 0 }
    }

    /// Appends a bucket; `None` when a value is not what it should be.
    fn append(&mut self, cells: &[Cell], parts: &[&[u8]], bucket: i64, values: &[f64], zeros: &Zeros) -> Option<()> {
        let mut values = values.iter();
        for (cell, column) in cells.iter().zip(&mut self.columns) {
            match (cell, column) {
                (Cell::Part(i), Cells::Text(builder)) => builder.append_value(std::str::from_utf8(parts.get(*i)?).ok()?),
                (Cell::Part(i), Cells::Whole(builder)) => {
                    builder.append_value(std::str::from_utf8(parts.get(*i)?).ok()?.parse().ok()?);
                }
                (Cell::Bucket, Cells::Time(builder)) => builder.append_value(bucket),
                // A count comes as a number with a point; up to 2^53 it is exact.
                (Cell::Count, Cells::Whole(builder)) => builder.append_value(*values.next()? as i64),
                (Cell::Min | Cell::Max, Cells::Float(builder)) => {
                    builder.append_value(zeros.settle(bucket, *values.next()?, *cell));
                }
                _ => return None,
            }
        }
        self.count += 1;
        Some(())
    }

    fn finish(self, source: &str, schema: &SchemaRef) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        let array = |column| match column {
            Cells::Text(mut builder) => Arc::new(builder.finish()) as ArrayRef,
            Cells::Whole(mut builder) => Arc::new(builder.finish()),
            Cells::Float(mut builder) => Arc::new(builder.finish()),
            Cells::Time(mut builder) => Arc::new(builder.finish().with_timezone("UTC")),
        };
        let columns = self.columns.into_iter().map(array).collect();
        RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|_| changed(source))
    }
}

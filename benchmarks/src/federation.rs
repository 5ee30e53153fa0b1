//! Headwater's side of the federation benchmark: queries over several sources.
//!
//! Each line of standard input is `{"sql": ...}`; each answer is a line with `seconds` and `rows`, or with `error`. The first
//! line that is printed says that the sources are connected.

use std::io::BufRead;
use std::path::Path;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use headwater_common::clock::Stopwatch;
use headwater_common::config::load_file;
use headwater_engine::{RULES, Session};
use headwater_flight_server::wire;
use serde_json::{Value, json};

use crate::{Failure, Measured, memory};

/// Answers until standard input ends.
pub(crate) async fn serve(config: &Path, without_push_down: bool) -> Result<Measured, Failure> {
    let mut builder = wire::builder(load_file(Some(config))?);
    for rule in RULES.iter().filter(|_| without_push_down) {
        builder = builder.without_rule(rule);
    }
    let engine = builder.build().await?;
    let session = engine.session("benchmark")?;
    let (before_kib, watch, mut rows) = (memory::resident_kib()?, Stopwatch::start(), 0);
    println!("{}", json!({ "ready": true }));
    for line in std::io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let answer = answer(&session, question["sql"].as_str().unwrap_or_default()).await;
        let answer = answer.unwrap_or_else(|e| json!({ "error": e.to_string() }));
        rows += answer["rows"].as_array().map_or(0, Vec::len) as u64;
        println!("{answer}");
    }
    engine.shutdown().await;
    Ok(Measured { seconds: watch.elapsed().as_secs_f64(), rows, bytes: 0, before_kib })
}

async fn answer(session: &Session, sql: &str) -> Result<Value, Failure> {
    let watch = Stopwatch::start();
    let batches = session.query(sql).await?.collect().await?;
    let seconds = watch.elapsed().as_secs_f64();
    let mut rows = Vec::new();
    for batch in &batches {
        texts(batch, &mut rows)?;
    }
    Ok(json!({ "seconds": seconds, "rows": rows }))
}

fn texts(batch: &RecordBatch, rows: &mut Vec<Vec<Option<String>>>) -> Result<(), Failure> {
    let options = FormatOptions::default();
    let columns: Result<Vec<_>, _> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect();
    let columns = columns?;
    for row in 0..batch.num_rows() {
        let cells = columns.iter().zip(batch.columns());
        rows.push(cells.map(|(text, array)| array.is_valid(row).then(|| text.value(row).to_string())).collect());
    }
    Ok(())
}

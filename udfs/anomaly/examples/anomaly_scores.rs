//! Scores files of raw 64-bit numbers, for the measuring scripts in benchmarks/ml/anomaly.
//!
//! `anomaly_scores series METHOD IN OUT [REPEATS]` and `anomaly_scores table METHOD COLUMNS IN OUT [REPEATS]` read little-endian
//! doubles (a table column by column), write one score a value or row, and print the least CPU seconds of the repeats. A method of
//! series with `+alerts` keeps the scores that deserve an alert.

use std::io::{Error, Result, Write};

use headwater_anomaly::series::{Alerts, detector};
use headwater_anomaly::table::{Copod, Ecod, Hbos, IsolationForest, Pca, TableDetector};
use headwater_common::clock::Stopwatch;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seconds = match texts[..] {
        ["series", method, input, output] => series(method, input, output, 1)?,
        ["series", method, input, output, repeats] => series(method, input, output, number(repeats)?)?,
        ["table", method, columns, input, output] => table(method, number(columns)?, input, output, 1)?,
        ["table", method, columns, input, output, repeats] => {
            table(method, number(columns)?, input, output, number(repeats)?)?
        }
        _ => {
            return Err(Error::other("usage: anomaly_scores series METHOD IN OUT | table METHOD COLUMNS IN OUT [REPEATS]"));
        }
    };
    writeln!(std::io::stdout(), "{seconds}")
}

fn number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| Error::other(format!("{text} is no number")))
}

fn read(path: &str) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path)?;
    let (doubles, _) = bytes.as_chunks::<8>();
    Ok(doubles.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

fn write(path: &str, scores: &[f64]) -> Result<()> {
    std::fs::write(path, scores.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>())
}

/// Seconds that this process has computed, where the system tells (Linux), else the time since the start: on a busy machine time
/// says nothing about a program.
fn cpu_seconds(clock: &Stopwatch) -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| clock.elapsed().as_secs_f64(), |n| n * 1e-9)
}

/// The scores of the last repeat and the least seconds of all.
fn timed(repeats: usize, run: impl Fn() -> Vec<f64>) -> (Vec<f64>, f64) {
    let clock = Stopwatch::start();
    let mut best = (Vec::new(), f64::INFINITY);
    for _ in 0..repeats.max(1) {
        let start = cpu_seconds(&clock);
        let scores = run();
        best = (scores, best.1.min(cpu_seconds(&clock) - start));
    }
    best
}

fn series(method: &str, input: &str, output: &str, repeats: usize) -> Result<f64> {
    let (name, alerts) = method.strip_suffix("+alerts").map_or((method, None), |name| (name, Some(Alerts::default())));
    let found = detector(name, true).ok_or_else(|| Error::other(format!("no method {name}")))?;
    let values = read(input)?;
    let detect = || {
        let scores = found.detect(&values, 0.99).score;
        alerts.map_or_else(|| scores.clone(), |a| a.filter(&scores))
    };
    let (scores, seconds) = timed(repeats, detect);
    write(output, &scores)?;
    Ok(seconds)
}

fn table(method: &str, width: usize, input: &str, output: &str, repeats: usize) -> Result<f64> {
    let detectors: Vec<Box<dyn TableDetector>> = vec![
        Box::new(IsolationForest::default()),
        Box::new(Ecod),
        Box::new(Copod),
        Box::new(Hbos::default()),
        Box::new(Pca),
    ];
    let found = detectors.iter().find(|d| d.name() == method).ok_or_else(|| Error::other(format!("no method {method}")))?;
    let values = read(input)?;
    let columns: Vec<&[f64]> = values.chunks_exact((values.len() / width.max(1)).max(1)).take(width).collect();
    let (scores, seconds) = timed(repeats, || found.fit_score(&columns).score);
    write(output, &scores)?;
    Ok(seconds)
}

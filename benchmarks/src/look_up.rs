//! Headwater's side of look-ups: one prepared statement, run for one key after the other.

use datafusion::common::ScalarValue;
use headwater_common::clock::Stopwatch;

use crate::{Failure, Measured, memory, scan};

/// Runs the statement, whose one parameter is a text, with the numbers from 0 on.
pub(crate) async fn run(kind: &str, url: &str, sql: &str, count: u64) -> Result<Measured, Failure> {
    let engine = scan::engine(kind, url, 1).await?;
    let session = engine.session("benchmark")?;
    let prepared = session.prepare(sql).await?;
    let before_kib = memory::resident_kib()?;
    let watch = Stopwatch::start();
    let (mut rows, mut bytes) = (0, 0);
    for i in 0..count {
        let key = ScalarValue::Utf8(Some(i.to_string()));
        for batch in session.execute(&prepared, vec![key]).await?.collect().await? {
            rows += batch.num_rows() as u64;
            bytes += batch.get_array_memory_size() as u64;
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    engine.shutdown().await;
    Ok(Measured { seconds, rows, bytes, before_kib })
}

//! Headwater's side of scans: a query over one source through the whole engine.

use futures::StreamExt;
use headwater_common::clock::Stopwatch;
use headwater_common::config::{Config, Options, SourceConfig};
use headwater_engine::Engine;
use headwater_flight_server::wire;

use crate::{Failure, Measured, memory};

/// An engine with one source.
pub(crate) async fn engine(kind: &str, url: &str, connections: u64) -> Result<Engine, Failure> {
    let mut config = Config::default();
    config.engine.target_partitions = connections;
    let options = Options::new().with("url", url);
    let (name, options) = match kind {
        "postgres" => ("pg", options.with("schemas", "public")),
        "mongodb" => ("mg", options),
        "redis" => ("r", options),
        _ => ("ch", options),
    };
    config.sources.push(SourceConfig { name: name.into(), kind: kind.into(), options });
    Ok(wire::engine(config).await?)
}

/// Runs the query; time starts when the source's tables are known, as it does for the peers.
pub(crate) async fn run(kind: &str, url: &str, sql: &str, connections: u64) -> Result<Measured, Failure> {
    let engine = engine(kind, url, connections).await?;
    let session = engine.session("benchmark")?;
    let before_kib = memory::resident_kib()?;
    let watch = Stopwatch::start();
    let mut stream = session.query(sql).await?.into_stream();
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        bytes += batch.get_array_memory_size() as u64;
    }
    let seconds = watch.elapsed().as_secs_f64();
    engine.shutdown().await;
    Ok(Measured { seconds, rows, bytes, before_kib })
}

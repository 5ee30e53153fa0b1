//! The reference of the Postgres benchmark: one connection's binary COPY, whose bytes are counted and dropped.

use futures::TryStreamExt;
use headwater_common::clock::Stopwatch;
use tokio_postgres::NoTls;

use crate::{Failure, Measured, memory};

/// Reads the whole stream. The first message is the header with the first row, and the last one holds no row.
pub(crate) async fn run(url: &str, from: &str) -> Result<Measured, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let before_kib = memory::resident_kib()?;
    let watch = Stopwatch::start();
    let mut stream = Box::pin(client.copy_out(&format!("COPY {from} TO STDOUT (FORMAT binary)")).await?);
    let (mut messages, mut bytes) = (0u64, 0u64);
    while let Some(message) = stream.try_next().await? {
        messages += 1;
        bytes += message.len() as u64;
    }
    let seconds = watch.elapsed().as_secs_f64();
    drop((stream, client));
    connection.await??;
    Ok(Measured { seconds, rows: messages.saturating_sub(1), bytes, before_kib })
}

//! A way to a server on which one thing goes wrong.

use std::time::Duration;

use headwater_common::config::Options;
use headwater_common::{Error, ErrorKind, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::{engine, lines};

/// What goes wrong with what the server sends; numbers are bytes of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Everything comes later.
    Delay(Duration),
    /// Only so many bytes come at a time.
    Throttle(usize),
    /// The connection ends after so many bytes.
    Cut(usize),
    /// After so many bytes nothing more comes, and the connection stays open.
    BlackHole(usize),
    /// After so many bytes the server's half ends, and the client's stays open.
    HalfClose(usize),
    /// One bit of the byte at this place is another one.
    Corrupt(usize),
}

impl Fault {
    /// Whether everything comes all the same.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Delay(_) | Self::Throttle(_))
    }
}

/// Places of a connection at which a fault comes, `count` of them from the greeting to beyond the end of `bytes`, the early ones
/// closer together.
pub fn places(count: usize, bytes: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| 30 + (bytes as f64 * (i as f64 / count.max(1) as f64).powi(2)) as usize)
}

/// What became of queries on ways with faults.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Results that were whole.
    pub whole: usize,
    /// Errors.
    pub errors: usize,
}

impl Outcomes {
    /// The result must be whole, and must be there when the fault is harmless; an error must name the source `s`.
    pub fn take(&mut self, fault: Fault, result: Result<Vec<String>, Error>, expected: &[String]) {
        match result {
            Ok(rows) => {
                assert!(rows == expected, "{fault:?}: {} rows of {}", rows.len(), expected.len());
                self.whole += 1;
            }
            Err(error) => {
                assert!(!fault.is_harmless(), "{fault:?}: {error}");
                let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::SourceFailed];
                assert!(kinds.contains(&error.kind()) && error.to_string().contains("source s"), "{fault:?}: {error}");
                self.errors += 1;
            }
        }
    }
}

/// The rows of a query over a source `s` of an engine of its own, which is dropped without a shutdown.
pub async fn read(kind: &str, options: &Options, sql: &str) -> Result<Vec<String>, Error> {
    let engine = engine(Limits::default()).await;
    engine.create_source("s", kind, options).await?;
    engine.session("test")?.query(sql).await?.collect().await.map(|batches| lines(&batches))
}

/// A port of this host that leads to `target`.
pub async fn faulty(target: String, fault: Fault) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&target).await else { continue };
            let (mut from_client, to_client) = client.into_split();
            let (from_server, mut to_server) = server.into_split();
            tokio::spawn(async move {
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                // An error is that of a side that is gone already.
                let _ = pass(from_server, to_client, fault).await;
                up.abort();
            });
        }
    });
    port
}

/// Passes on what the server sends, until the fault ends it.
async fn pass(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, fault: Fault) -> std::io::Result<()> {
    let (mut buffer, mut passed) = (vec![0; 16 << 10], 0);
    loop {
        let most = if let Fault::Throttle(bytes) = fault { bytes.min(buffer.len()) } else { buffer.len() };
        let count = server.read(&mut buffer[..most]).await?;
        if count == 0 {
            return client.shutdown().await;
        }
        let end = match fault {
            Fault::Cut(at) | Fault::BlackHole(at) | Fault::HalfClose(at) => count.min(at - passed),
            _ => count,
        };
        match fault {
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Throttle(_) => tokio::time::sleep(Duration::from_micros(200)).await,
            Fault::Corrupt(at) if (passed..passed + count).contains(&at) => buffer[at - passed] ^= 1,
            _ => {}
        }
        client.write_all(&buffer[..end]).await?;
        passed += end;
        match fault {
            Fault::Cut(at) if passed == at => return client.shutdown().await,
            Fault::BlackHole(at) if passed == at => std::future::pending().await,
            Fault::HalfClose(at) if passed == at => {
                client.shutdown().await?;
                std::future::pending().await
            }
            _ => {}
        }
    }
}

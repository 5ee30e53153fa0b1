//! A way to a server on which one thing goes wrong.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

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

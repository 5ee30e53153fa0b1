//! Ways to a server that fail on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A port that leads to `target` and cuts each connection after `limit` bytes from the server.
pub async fn cutting(target: String, limit: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&target).await else { continue };
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut limited = from_server.take(limit);
                let _ = tokio::io::copy(&mut limited, &mut to_client).await;
                let _ = to_client.shutdown().await;
                up.abort();
            });
        }
    });
    port
}

/// A port that leads to `target` while the flag is set; clearing it also cuts what runs through it.
pub async fn gate(target: String) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&open);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if !state.load(Ordering::Acquire) {
                continue;
            }
            let Ok(mut server) = TcpStream::connect(&target).await else { continue };
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                let closed = async {
                    while state.load(Ordering::Acquire) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                    () = closed => {}
                }
            });
        }
    });
    (port, open)
}

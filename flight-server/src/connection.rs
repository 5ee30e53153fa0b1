//! Accepted connections. Each has a number, and tells the sessions when it ends.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::server::Connected;

use crate::session::Sessions;

/// Number of a connection, unique while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ConnectionId(u64);

/// How long a connection that is done waits for the client to close it.
const LINGER: Duration = Duration::from_secs(2);

/// A connection of a client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    id: ConnectionId,
    sessions: Arc<Sessions>,
    /// Set when everything is sent.
    lingering: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Connection {
    /// Reads and forgets what the client still sends, until it closes or its time is up. To close at once would reset the
    /// connection, and the client would lose what it has not read yet.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lingering = self.lingering.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let mut bytes = [0; 4_096];
        loop {
            let mut forgotten = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut forgotten) {
                Poll::Ready(Ok(())) if !forgotten.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sessions.connection_ended(self.id);
    }
}

/// The connections of a listener. One that cannot be accepted is left out.
pub(crate) fn accept(listener: TcpListener, sessions: Arc<Sessions>) -> impl Stream<Item = io::Result<Connection>> {
    let next = AtomicU64::new(1);
    TcpListenerStream::new(listener).filter_map(move |accepted| {
        let connection = accepted.map(|stream| {
            // Without it small answers wait for the client's acknowledgements; a failure only makes them slower.
            let _ = stream.set_nodelay(true);
            let id = ConnectionId(next.fetch_add(1, Ordering::Relaxed));
            Connection { stream, id, sessions: Arc::clone(&sessions), lingering: None }
        });
        let kept = connection.inspect_err(|e| tracing::warn!(error = %e, "a connection was not accepted")).ok().map(Ok);
        futures::future::ready(kept)
    })
}

impl Connected for Connection {
    type ConnectInfo = ConnectionId;

    fn connect_info(&self) -> ConnectionId {
        self.id
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

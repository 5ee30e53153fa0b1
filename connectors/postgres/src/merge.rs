//! A connection on which the rows of COPY arrive many at a time.
//!
//! Postgres sends each row of COPY as a message of its own, and handling a message costs the driver more than its row costs the
//! decoder. The stream below the driver therefore makes one CopyData message of adjacent ones: headers between them are cut out,
//! payloads stay as they are and in order. Everything else passes through unchanged, and so does what is not understood.
//!
//! What is sent is only looked at, to know how many answers the server owes.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

use self::requests::Requests;
use crate::patience::Patience;

mod requests;

/// Bytes that are read ahead.
const BUFFER_BYTES: usize = 64 << 10;
/// Largest merged message. The driver reads into buffers of this size, and copies what does not fit.
const MERGED_BYTES_MAX: usize = 8 << 10;
/// Type and length of a message; the length counts itself but not the type.
const HEADER_BYTES: usize = 5;
const COPY_DATA: u8 = b'd';
const READY_FOR_QUERY: u8 = b'Z';
const COPY_IN_RESPONSE: u8 = b'G';
const COMMAND_COMPLETE: u8 = b'C';
const ERROR_RESPONSE: u8 = b'E';

/// The messages in a piece of the stream, merged in place: `[from, ready)` is for the reader, `[raw, end)` is still to be looked
/// at, and what is between them is free.
#[derive(Debug)]
struct Messages {
    bytes: Vec<u8>,
    from: usize,
    ready: usize,
    raw: usize,
    end: usize,
    /// Bytes of a message larger than the buffer that still pass through.
    passing: usize,
    /// Something that is no message was seen: all that follows passes through.
    opaque: bool,
    /// Answers that have ended since the counter was taken.
    answered: usize,
    /// The server waits for the rows of COPY, which may take any time.
    receiving: bool,
}

impl Messages {
    fn new() -> Self {
        Self {
            bytes: vec![0; BUFFER_BYTES],
            from: 0,
            ready: 0,
            raw: 0,
            end: 0,
            passing: 0,
            opaque: false,
            answered: 0,
            receiving: false,
        }
    }

    /// What the reader may take.
    fn available(&self) -> &[u8] {
        self.bytes.get(self.from..self.ready).unwrap_or_default()
    }

    /// The free end of the buffer, after what is kept has moved to its start. Call it only when nothing is available.
    fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.raw..self.end, 0);
        (self.from, self.ready, self.end, self.raw) = (0, 0, self.end - self.raw, 0);
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Type and length of the message at `at`, as they stand there; `None` when its header is incomplete.
    fn header(&self, at: usize) -> Option<(u8, u32)> {
        let header = self.bytes.get(at..self.end)?.first_chunk::<HEADER_BYTES>()?;
        let [tag, length @ ..] = *header;
        Some((tag, u32::from_be_bytes(length)))
    }

    /// Type of the message at `at`, and its bytes with its header; `None` when its header is incomplete or is none.
    fn whole(&self, at: usize) -> Option<(u8, usize)> {
        let (tag, length) = self.header(at)?;
        let length = usize::try_from(length).ok().filter(|l| *l >= 4 && *l <= i32::MAX as usize)?;
        Some((tag, length + 1))
    }

    /// Makes the next piece available, if one is complete. Call it only when nothing is available.
    fn advance(&mut self) {
        let unread = self.end - self.raw;
        if self.opaque || self.passing > 0 {
            let piece = if self.opaque { unread } else { unread.min(self.passing) };
            self.passing -= piece.min(self.passing);
            self.pass(piece);
            return;
        }
        let Some((tag, length)) = self.whole(self.raw) else {
            self.opaque = self.header(self.raw).is_some();
            if self.opaque {
                self.pass(unread);
            }
            return;
        };
        if length > BUFFER_BYTES {
            self.passing = length - unread;
            self.pass(unread);
        } else if length <= unread {
            // The Sync behind the statement of a COPY FROM is ignored by the server, which sends no ReadyForQuery for it.
            self.answered += usize::from(matches!(tag, READY_FOR_QUERY | COPY_IN_RESPONSE));
            self.receiving = match tag {
                COPY_IN_RESPONSE => true,
                READY_FOR_QUERY | COMMAND_COMPLETE | ERROR_RESPONSE => false,
                _ => self.receiving,
            };
            if tag == COPY_DATA { self.merge(length) } else { self.pass(length) }
        }
    }

    /// Passes bytes through.
    fn pass(&mut self, length: usize) {
        self.from = self.raw;
        self.raw += length;
        self.ready = self.raw;
    }

    /// Merges the CopyData message of `length` bytes with those that follow it.
    fn merge(&mut self, length: usize) {
        self.pass(length);
        while let Some((COPY_DATA, next)) = self.whole(self.raw) {
            let merged = self.ready - self.from + next - HEADER_BYTES;
            if self.raw + next > self.end || merged > MERGED_BYTES_MAX {
                break;
            }
            self.bytes.copy_within(self.raw + HEADER_BYTES..self.raw + next, self.ready);
            self.ready += next - HEADER_BYTES;
            self.raw += next;
        }
        let length = u32::try_from(self.ready - self.from - 1).unwrap_or(u32::MAX);
        if let Some(header) = self.bytes.get_mut(self.from + 1..self.from + HEADER_BYTES) {
            header.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// The stream has ended: what is left passes through, however incomplete.
    fn ended(&mut self) {
        self.pass(self.end - self.raw);
    }
}

/// A stream from a server with adjacent CopyData messages merged.
#[derive(Debug)]
pub(crate) struct Merged<S> {
    inner: S,
    messages: Messages,
    requests: Requests,
    patience: Patience,
}

impl<S> Merged<S> {
    /// `limit` is the longest wait for the server's next bytes.
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        Self { inner, messages: Messages::new(), requests: Requests::default(), patience: Patience::new(limit) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Merged<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { inner, messages, requests, patience } = &mut *self;
        while messages.available().is_empty() {
            messages.advance();
            if !messages.available().is_empty() {
                break;
            }
            let mut space = ReadBuf::new(messages.space());
            match Pin::new(&mut *inner).poll_read(cx, &mut space) {
                Poll::Pending => {
                    requests.answered(std::mem::take(&mut messages.answered));
                    let owes = requests.owes_answers() && !messages.receiving;
                    return patience.waits(owes, cx).map_or_else(|e| Poll::Ready(Err(e)), |()| Poll::Pending);
                }
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Ready(Ok(())) => {
                    let read = space.filled().len();
                    patience.restart();
                    messages.end += read;
                    if read == 0 {
                        messages.ended();
                        break;
                    }
                }
            }
        }
        let available = messages.available();
        let piece = available.get(..available.len().min(out.remaining())).unwrap_or_default();
        out.put_slice(piece);
        let length = piece.len();
        messages.from += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Merged<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(length)) = sent {
            self.requests.sent(bytes.get(..length).unwrap_or_default());
            self.patience.restart();
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Merged<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// A TLS connector whose streams are merged.
#[derive(Debug, Clone)]
pub(crate) struct MergedTls<T>(pub(crate) T, pub(crate) Duration);

impl<S, T> MakeTlsConnect<S> for MergedTls<T>
where
    T: MakeTlsConnect<S>,
    <T::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
{
    type Stream = Merged<T::Stream>;
    type TlsConnect = MergedTls<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        self.0.make_tls_connect(domain).map(|inner| MergedTls(inner, self.1))
    }
}

impl<S, T> TlsConnect<S> for MergedTls<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = Merged<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, limit) = (self.0.connect(stream), self.1);
        Box::pin(async move { connecting.await.map(|stream| Merged::new(stream, limit)) })
    }
}

/// Connects without TLS to merged streams. To the driver it is a TLS connector: its configuration must say that the handshake,
/// of which there is none, comes first ([`tokio_postgres::config::SslNegotiation::Direct`]).
#[derive(Debug, Clone, Copy)]
pub(crate) struct MergedPlain(pub(crate) Duration);

/// A merged stream without TLS.
#[derive(Debug)]
pub(crate) struct Plain<S>(Merged<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> MakeTlsConnect<S> for MergedPlain {
    type Stream = Plain<S>;
    type TlsConnect = Self;
    type Error = io::Error;

    fn make_tls_connect(&mut self, _domain: &str) -> io::Result<Self> {
        Ok(*self)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for MergedPlain {
    type Stream = Plain<S>;
    type Error = io::Error;
    type Future = Ready<io::Result<Plain<S>>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(Plain(Merged::new(stream, self.0))))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Plain<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Plain<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Plain<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests;

//! A server that owes an answer and sends nothing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// The option that sets the limit, as errors name it.
pub(crate) const OPTION: &str = "response_timeout_ms";

/// Notices that a server has been silent for too long. Time counts only while something was sent, the server has not said that it
/// is ready for the next statement, and somebody waits for it.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    owed: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, owed: false, timer: None }
    }

    /// Something was sent to the server.
    pub(crate) fn sent(&mut self) {
        self.owed = true;
        self.timer = None;
    }

    /// Something came from the server.
    pub(crate) fn received(&mut self) {
        self.timer = None;
    }

    /// The server waits for the next statement.
    pub(crate) fn settled(&mut self) {
        self.owed = false;
    }

    /// Nothing has come yet. Errors: for longer than the limit.
    pub(crate) fn waits(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.owed {
            return Ok(());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.limit)));
        match timer.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                let ms = self.limit.as_millis();
                let message = format!("the server sent nothing for {ms} ms; raise option \"{OPTION}\"");
                Err(io::Error::new(io::ErrorKind::TimedOut, message))
            }
        }
    }
}

//! A server that owes an answer and sends nothing.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// The option that sets the limit, as errors name it.
pub(crate) const OPTION: &str = "response_timeout_ms";

/// Notices that a server has been silent for too long. Time counts only while it owes an answer and somebody waits for it.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// Something was sent to the server or came from it.
    pub(crate) fn restart(&mut self) {
        self.timer = None;
    }

    /// Nothing has come yet. Errors: for longer than the limit, though the server owes an answer.
    pub(crate) fn waits(&mut self, owes: bool, cx: &mut Context<'_>) -> io::Result<()> {
        if !owes {
            self.timer = None;
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

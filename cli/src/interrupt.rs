//! Ctrl-C and the signals that end the process.

use futures::FutureExt;
use headwater_common::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C as something to wait for; from the first wait on it no longer ends the process.
///
/// The line editor sets a handler of its own when it is made. The one that counts is the one that is set last, and it calls the
/// one before, so listening begins only when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Interrupts(Option<Signal>);

impl Interrupts {
    fn signal(&mut self) -> Option<&mut Signal> {
        if self.0.is_none() {
            self.0 = signal(SignalKind::interrupt()).ok();
        }
        self.0.as_mut()
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        match self.signal() {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }

    /// Forgets the ones that came while nothing was running.
    pub(crate) fn forget(&mut self) {
        if let Some(signal) = self.signal() {
            while signal.recv().now_or_never().is_some() {}
        }
    }
}

/// Listens to SIGINT and SIGTERM from now on; the future waits for the first of them.
pub(crate) fn termination() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| signal_error(&e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| signal_error(&e))?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn signal_error(error: &std::io::Error) -> Error {
    Error::internal(format!("cannot listen to signals: {error}"))
}

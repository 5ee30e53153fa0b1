//! Ctrl-C and the signals that end the process.

use futures::FutureExt;
use headwater_common::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C as something to wait for. While one exists, Ctrl-C no longer ends the process.
#[derive(Debug)]
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    /// Starts listening.
    pub(crate) fn listen() -> Result<Self> {
        signal(SignalKind::interrupt()).map(Self).map_err(|e| signal_error(&e))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }

    /// Forgets the ones that came while nothing was running.
    pub(crate) fn forget(&mut self) {
        while self.0.recv().now_or_never().is_some() {}
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn termination() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| signal_error(&e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| signal_error(&e))?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn signal_error(error: &std::io::Error) -> Error {
    Error::internal(format!("cannot listen to signals: {error}"))
}

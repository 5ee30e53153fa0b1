//! Planning on threads of its own, with a large stack and a deadline.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use headwater_common::{Error, Limits, Result};
use tokio::sync::{Semaphore, oneshot};

use crate::executor;

/// Stack of a planning thread for large statements. Only the part that is used takes memory.
const STACK_BYTES: usize = 256 << 20;
/// Statements with fewer tokens are planned on the query threads, which exist already and whose stack holds their plans.
const TOKENS_SMALL: usize = 400;
/// Statements with fewer tokens are planned where they are asked for: it takes less time than the way to another thread.
const TOKENS_TINY: usize = 24;
/// Most large statements that are planned at a time, those included that are past their deadline and cannot be stopped.
const THREADS_MAX: usize = 32;

static THREADS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(THREADS_MAX)));

/// Runs a planning step; `tokens` is the size of its statement. Past the deadline the caller gets an error at once; a step that
/// cannot be stopped runs on and counts against the number of planning threads until it ends.
pub(crate) async fn run<T, F>(tokens: usize, limits: &Limits, step: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let time = match limits.plan_time_ms {
        0 => Duration::MAX,
        time => Duration::from_millis(time),
    };
    let late = || {
        let message = format!("planning took longer than {} ms", limits.plan_time_ms);
        Error::timeout(message, "limits.plan_time_ms")
    };
    if tokens < TOKENS_TINY {
        return tokio::time::timeout(time, executor::run_here(step)).await.map_err(|_| late())?;
    }
    if tokens < TOKENS_SMALL {
        return tokio::time::timeout(time, executor::run_blocking(step)).await.map_err(|_| late())?;
    }
    let permit = Arc::clone(&THREADS).try_acquire_owned();
    let permit = permit.map_err(|_| {
        Error::new(
            headwater_common::ErrorKind::LimitExceeded,
            headwater_common::Origin::Client,
            format!("{THREADS_MAX} large statements are being planned; try again later"),
        )
        .retryable(true)
    })?;
    let runtime = executor::handle()?;
    let (sender, receiver) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("planning".into()).stack_size(STACK_BYTES).spawn(move || {
        #[allow(clippy::disallowed_methods, reason = "a thread of its own, outside any runtime")]
        let planned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(step)));
        // The caller may be gone.
        let _ = sender.send(planned);
        drop(permit);
    });
    spawned.map_err(|e| Error::internal(format!("cannot start a planning thread: {e}")))?;
    match tokio::time::timeout(time, receiver).await {
        Err(_) => Err(late()),
        Ok(Ok(Ok(planned))) => planned,
        Ok(_) => Err(Error::internal("planning failed unexpectedly; the server's log has the details")),
    }
}

//! Whether the query that a thread computes for was stopped.
//!
//! A query ends by dropping its streams, which waits for the call that runs. A function that computes for long in one call
//! looks at the flag of its query instead, which is here while the query's tasks are polled.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

/// True once nobody waits for a query any more.
pub type Flag = Arc<AtomicBool>;

thread_local! {
    static CURRENT: RefCell<Option<Flag>> = const { RefCell::new(None) };
}

/// The flag of the query that this thread computes for; `None` outside of queries.
pub fn current() -> Option<Flag> {
    CURRENT.with(|current| current.borrow().clone())
}

/// Puts the former flag back, after a panic too.
struct Former(Option<Flag>);

impl Drop for Former {
    fn drop(&mut self) {
        CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), &mut self.0));
    }
}

/// Runs a function for the query of a flag.
pub fn within<T>(flag: Flag, run: impl FnOnce() -> T) -> T {
    let former = CURRENT.with(|current| current.borrow_mut().replace(flag));
    let _former = Former(former);
    run()
}

/// A future that is polled for the query of a flag.
#[derive(Debug)]
pub struct Within<F> {
    flag: Flag,
    future: F,
}

impl<F> Within<F> {
    /// Polls a future for the query of a flag.
    pub fn new(flag: Flag, future: F) -> Self {
        Self { flag, future }
    }
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let flag = Arc::clone(&self.flag);
        within(flag, || Pin::new(&mut self.future).poll(cx))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests have a runtime of their own")]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_flag_is_there_while_its_query_runs_and_no_longer() {
        let (outer, inner) = (Flag::default(), Flag::default());
        inner.store(true, Ordering::Relaxed);
        let stopped = || current().is_some_and(|flag| flag.load(Ordering::Relaxed));
        assert!(current().is_none());
        within(outer, || {
            assert!(!stopped());
            assert!(within(Arc::clone(&inner), stopped));
            let failed = std::panic::catch_unwind(|| within(Arc::clone(&inner), || panic!("within a query")));
            assert!(failed.is_err() && current().is_some() && !stopped());
        });
        assert!(current().is_none());
    }

    #[tokio::test]
    async fn futures_take_their_flag_with_them() {
        let flag = Flag::default();
        let future = Within::new(
            Arc::clone(&flag),
            Box::pin(async {
                tokio::task::yield_now().await;
                current()
            }),
        );
        assert!(Arc::ptr_eq(&future.await.unwrap(), &flag));
        assert!(current().is_none());
    }
}

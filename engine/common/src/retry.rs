//! Exponential back-off with full jitter.

use std::future::Future;
use std::time::Duration;

use crate::error::{ErrorKind, Result};

/// How often and how patiently an operation is tried again.
///
/// Delays follow "full jitter" (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): the n-th delay is
/// drawn evenly from `[0, min(delay_max, delay_base * 2^n)]`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Upper bound of the first delay.
    pub delay_base: Duration,
    /// Upper bound of any delay.
    pub delay_max: Duration,
    /// How many tries follow the first one.
    pub retries: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { delay_base: Duration::from_millis(50), delay_max: Duration::from_secs(2), retries: 3 }
    }
}

impl Backoff {
    /// Asks the source `name` until it answers, as long as what fails is that it cannot be reached or is too busy. `draw` gives even
    /// random numbers in `[0, 1)`.
    pub async fn ask<T, F>(&self, name: &str, draw: impl Fn() -> f64, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 0;
        loop {
            match ask().await {
                Err(e) if e.kind() == ErrorKind::Unavailable && e.is_retryable() => {
                    let Some(delay) = self.delay(attempt, draw()) else { return Err(e) };
                    tracing::debug!(source = name, error = %e, attempt, "asks the server again");
                    tokio::time::sleep(delay).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// The delay before try `attempt + 1` (`attempt` counts from 0), or `None` when no try is left.
    /// `draw` is an even random number in `[0, 1)`.
    pub fn delay(&self, attempt: u32, draw: f64) -> Option<Duration> {
        if attempt >= self.retries {
            return None;
        }
        let bound = self.delay_base.saturating_mul(2u32.saturating_pow(attempt)).min(self.delay_max);
        Some(bound.mul_f64(draw.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_bound_and_end() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(0, 1.0), Some(Duration::from_millis(50)));
        assert_eq!(backoff.delay(2, 0.5), Some(Duration::from_millis(100)));
        assert_eq!(backoff.delay(3, 1.0), None);
        let long = Backoff { retries: 100, ..backoff };
        assert_eq!(long.delay(99, 1.0), Some(Duration::from_secs(2)));
    }
}

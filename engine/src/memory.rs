//! Memory: one fair pool for all queries, a share of it for each query.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use headwater_common::Error;

/// Lets one query take at most `limit` bytes of a shared pool.
#[derive(Debug)]
pub(crate) struct QueryShare {
    parent: Arc<dyn MemoryPool>,
    limit: usize,
    used: AtomicUsize,
}

impl QueryShare {
    pub(crate) fn new(parent: Arc<dyn MemoryPool>, limit: usize) -> Self {
        Self { parent, limit, used: AtomicUsize::new(0) }
    }
}

impl fmt::Display for QueryShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query share of {} bytes", self.limit)
    }
}

impl MemoryPool for QueryShare {
    fn name(&self) -> &str {
        "query_share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.parent.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.parent.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
        self.parent.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
        self.parent.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let before = self.used.fetch_add(additional, Ordering::Relaxed);
        if before + additional > self.limit {
            self.used.fetch_sub(additional, Ordering::Relaxed);
            // Operators spill on exactly this kind of error.
            return Err(datafusion::error::DataFusionError::ResourcesExhausted(format!(
                "the query may reserve {} bytes (limits.query_memory_bytes) and wants {} more than its {}",
                self.limit, additional, before
            )));
        }
        self.parent.try_grow(reservation, additional).inspect_err(|_| {
            self.used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

/// Half of the machine's memory, in bytes.
pub(crate) fn default_memory_bytes() -> u64 {
    machine_memory_bytes() / 2
}

/// The machine's memory (or the control group's limit, when lower), in bytes.
pub fn machine_memory_bytes() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total_kib = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:")).and_then(first_number);
    let machine = total_kib.map_or(4 << 30, |kib| kib * 1024);
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = groups.iter().filter_map(|p| std::fs::read_to_string(p).ok()).find_map(|t| first_number(&t));
    machine.min(group.unwrap_or(u64::MAX))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The error for a failed set-up of the spill folder.
pub(crate) fn spill_error(error: &datafusion::error::DataFusionError) -> Error {
    Error::configuration(format!("cannot use engine.spill_dir: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::FairSpillPool;

    #[test]
    fn a_query_stays_within_its_share_and_gives_back() {
        let parent: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(1_000));
        let share: Arc<dyn MemoryPool> = Arc::new(QueryShare::new(Arc::clone(&parent), 100));
        let reservation = MemoryConsumer::new("sort").register(&share);
        reservation.try_grow(80).unwrap();
        assert!(reservation.try_grow(30).is_err());
        assert_eq!((share.reserved(), parent.reserved()), (80, 80));
        drop(reservation);
        assert_eq!((share.reserved(), parent.reserved()), (0, 0));
        assert!(default_memory_bytes() > 0);
    }
}

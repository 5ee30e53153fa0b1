//! Resident memory of this process.

use crate::Failure;

/// Now, in KiB.
pub(crate) fn resident_kib() -> Result<u64, Failure> {
    field("VmRSS:")
}

/// At its highest, in KiB.
pub(crate) fn peak_kib() -> Result<u64, Failure> {
    field("VmHWM:")
}

fn field(name: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    found.ok_or_else(|| format!("/proc/self/status has no {name}").into())
}

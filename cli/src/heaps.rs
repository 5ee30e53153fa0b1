//! How many heaps the C library keeps.
//!
//! glibc gives its threads up to eight heaps a core, and each heap keeps what was freed in it: a third of the memory of a
//! stream from Parquet. It reads their number once, when a process starts.

use std::os::unix::process::CommandExt;
use std::process::Command;

use headwater_common::environment::variable;

/// glibc's variable for the number of heaps, see mallopt(3).
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// Starts this process again with one heap a core, at least two. It returns when their number is set already or when that fails.
pub(crate) fn one_a_core() {
    let glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
    if !glibc || [HEAPS, "GLIBC_TUNABLES"].into_iter().any(|name| variable(name).is_some()) {
        return;
    }
    let (Ok(program), Ok(cores)) = (std::env::current_exe(), std::thread::available_parallelism()) else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // When it does not start, this process goes on with the heaps it has.
    drop(command.args(arguments).env(HEAPS, cores.get().max(2).to_string()).exec());
}

//! What the configuration wants from the machine: memory and a folder for spill files.

use std::path::Path;

use headwater_common::config::Config;
use headwater_engine::machine_memory_bytes;
use headwater_source::Finding;

use super::report::Section;

/// Compares the limits with the machine.
pub(super) fn section(config: &Config) -> Section {
    let limits = &config.limits;
    let mut findings = vec![memory(limits.memory_bytes, machine_memory_bytes())];
    let all = if limits.memory_bytes == 0 { machine_memory_bytes() / 2 } else { limits.memory_bytes };
    if limits.query_memory_bytes > all {
        let text =
            format!("limits.query_memory_bytes is {}, more than all queries may have", size(limits.query_memory_bytes));
        findings.push(Finding::warning(text, format!("lower it below {}", size(all))));
    }
    findings.push(spill(config.engine.spill_dir.as_deref(), limits.spill_bytes));
    Section { title: "machine".to_owned(), findings }
}

fn memory(limit: u64, machine: u64) -> Finding {
    match limit {
        0 => Finding::ok(format!("queries may use {}, half of the memory", size(machine / 2))),
        limit if limit > machine => Finding::problem(
            format!("limits.memory_bytes is {}, but the machine has {}", size(limit), size(machine)),
            format!("lower it to about {}, or leave it out", size(machine / 2)),
        ),
        limit if limit > machine / 10 * 8 => Finding::warning(
            format!("limits.memory_bytes is {} of {}", size(limit), size(machine)),
            "leave a fifth of the memory to the system and to buffers that are not counted",
        ),
        limit => Finding::ok(format!("queries may use {} of {}", size(limit), size(machine))),
    }
}

/// Less room than this on the disk of spill files will end queries.
const ROOM_MIN: u64 = 1 << 30;

fn spill(configured: Option<&Path>, wanted: u64) -> Finding {
    let folder = configured.map_or_else(std::env::temp_dir, Path::to_owned);
    let tried = std::fs::create_dir_all(&folder).and_then(|()| tempfile::tempfile_in(&folder)).and_then(|mut file| {
        use std::io::Write;
        file.write_all(b"headwater")
    });
    match tried {
        Ok(()) => room(&folder, rustix::fs::statvfs(&folder).map(|s| s.f_bavail.saturating_mul(s.f_frsize)).ok(), wanted),
        Err(e) => Finding::problem(
            format!("engine.spill_dir: cannot write to {}: {e}", folder.display()),
            "choose a folder that the user who runs Headwater may write to, with room on its disk",
        ),
    }
}

/// Compares the room on the disk with what spill files may take.
fn room(folder: &Path, free: Option<u64>, wanted: u64) -> Finding {
    let text = format!("spill files can be written to {}", folder.display());
    let Some(free) = free else { return Finding::ok(text) };
    let text = format!("{text}, {} free", size(free));
    if free < wanted.min(ROOM_MIN) {
        return Finding::warning(text, "make room, or set engine.spill_dir to a folder on a larger disk");
    }
    if free < wanted {
        let remedy = "lower it below the room on the disk, which others may need too";
        return Finding::note(format!("{text}; limits.spill_bytes is {}", size(wanted)), remedy);
    }
    Finding::ok(text)
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_source::Level;

    #[test]
    fn memory_is_compared_with_the_machine() {
        let machine = 8 << 30;
        assert_eq!(memory(0, machine).level, Level::Ok);
        assert_eq!(memory(4 << 30, machine).level, Level::Ok);
        assert_eq!(memory(7 << 30, machine).level, Level::Warning);
        let problem = memory(16 << 30, machine);
        assert_eq!(problem.level, Level::Problem);
        assert!(problem.text.contains("16.0 GiB") && problem.text.contains("8.0 GiB"), "{problem:?}");
        assert_eq!(size(512), "512 B");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_a_problem() {
        assert_eq!(spill(Some(Path::new("/proc/headwater")), 1).level, Level::Problem);
        let folder = tempfile::tempdir().unwrap();
        let found = spill(Some(&folder.path().join("new")), 1);
        assert!(found.level == Level::Ok && found.text.contains("free"), "{found:?}");
    }

    #[test]
    fn a_full_disk_is_a_warning() {
        let level = |free, wanted| room(Path::new("/spill"), Some(free), wanted).level;
        assert_eq!(level(10 << 30, 5 << 30), Level::Ok);
        assert_eq!(level(10 << 30, 50 << 30), Level::Note);
        assert_eq!(level(10 << 20, 50 << 30), Level::Warning);
    }
}

//! What the system says of this process, read when somebody asks. On other systems than Linux there is nothing.

use std::fs;

/// What the kernel counts time in for programs, on every machine that Linux runs on: `USER_HZ`, sysconf(3).
const TICKS_PER_S: f64 = 100.0;

/// Where user and system time stand in `/proc/self/stat` after the name of the program: fields 14 and 15.
const USER_TIME: usize = 11;

/// The memory that the process holds, in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The files and connections that it has open.
pub(super) fn open_files() -> Option<u64> {
    // Since Linux 6.2 the folder's size is the number; before it is 0, and they have to be counted one by one.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        open => Some(open),
    }
}

/// How many it may have open.
pub(super) fn open_files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The time that it has had of all cores, in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(USER_TIME).take(2);
    times.map(|ticks| ticks.parse::<f64>().ok()).sum::<Option<f64>>().map(|ticks| ticks / TICKS_PER_S)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_what_the_process_holds() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20), "{:?}", resident_bytes());
        let before = open_files().expect("Linux counts open files");
        let file = fs::File::open("/proc/self/stat").expect("it is there");
        assert!(before >= 3 && open_files() > Some(before - 1), "{before}");
        drop(file);
        assert!(open_files_max().is_none_or(|most| most > before));
        assert!(cpu_seconds().is_some_and(|seconds| seconds >= 0.0));
    }
}

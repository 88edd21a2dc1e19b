//! What Linux reports about this process, read at each scrape. Other systems report nothing.

use std::fs;

/// The unit of CPU times in `/proc`, the same on every architecture: `USER_HZ`, sysconf(3).
const TICKS_PER_S: f64 = 100.0;

/// The position of user and system time in `/proc/self/stat` after the program's name: fields 14 and 15.
const USER_TIME: usize = 11;

/// Resident memory, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Open files and connections.
pub(crate) fn open_files() -> Option<u64> {
    // Since Linux 6.2 the directory's size is the number of entries; before, it is 0 and the entries are counted.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        open => Some(open),
    }
}

/// The limit of open files.
pub(crate) fn open_files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU time used over all cores, in seconds.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name is in parentheses and may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(USER_TIME).take(2);
    times.map(|ticks| ticks.parse::<f64>().ok()).sum::<Option<f64>>().map(|ticks| ticks / TICKS_PER_S)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_reports_what_the_process_uses() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20), "{:?}", resident_bytes());
        let before = open_files().expect("Linux counts open files");
        let file = fs::File::open("/proc/self/stat").expect("the file exists");
        assert!(before >= 3 && open_files() > Some(before - 1), "{before}");
        drop(file);
        assert!(open_files_max().is_none_or(|most| most > before));
        assert!(cpu_seconds().is_some_and(|seconds| seconds >= 0.0));
    }
}

//! A small disk of its own for a test, to be filled or made read-only: a private `tmpfs`.
//!
//! Mounting needs rights, so such a test starts itself again inside `unshare --map-root-user --mount` (Linux), where it
//! may mount and the mount ends with it. Where the system forbids that, the test fails and says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set in the restarted test: where its disk is.
const DISK_VARIABLE: &str = "USERD_TEST_DISK";

/// The disk of this many bytes, if this is the restarted process; otherwise runs `test`, named with its modules, in
/// such a process and waits for it.
pub fn on_small_disk(test: &str, bytes: usize) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the only way to tell a test that it was started again")]
    if let Some(disk) = std::env::var_os(DISK_VARIABLE) {
        return Some(disk.into());
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = format!("mount -t tmpfs -o size={bytes} tmpfs \"${DISK_VARIABLE}\"");
    let unshare = |script: &str| {
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(std::env::current_exe().expect("this program"))
            .env(DISK_VARIABLE, folder.path())
            .output()
    };
    let allowed = unshare(&mount).map(|output| (output.status.success(), lossy_text(&output.stderr)));
    assert!(
        matches!(allowed, Ok((true, _))),
        "this test mounts a small disk of its own, which this system forbids ({allowed:?}): install util-linux, and \
         allow user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, `sysctl \
         kernel.apparmor_restrict_unprivileged_userns=0`), or in a container give CAP_SYS_ADMIN"
    );
    let output = unshare(&format!("{mount} && exec \"$0\" --exact {test} --nocapture")).expect("unshare runs");
    let (out, err) = (lossy_text(&output.stdout), lossy_text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("1 passed"), "{test} was not found: {out}{err}");
    None
}

/// Puts a file of this many bytes on the disk, to be removed later.
pub fn ballast(disk: &Path, bytes: usize) -> PathBuf {
    let path = disk.join("ballast");
    fs::write(&path, vec![0; bytes]).expect("there is room");
    path
}

fn lossy_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

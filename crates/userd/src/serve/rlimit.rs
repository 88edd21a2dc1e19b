//! How many files, and so connections, this process may have open.
//!
//! Many systems start a process with a soft limit of 1,024, which a thousand idle clients use up. The hard limit is far
//! higher, and any process may raise its soft limit to it.

use std::io;

/// With fewer, slow clients can use up all connections.
pub(super) const OPEN_FILES_RECOMMENDED: u64 = 10_240;

/// Raises the soft limit to the hard one and returns it; `None` is no limit.
///
/// # Errors
/// The system refuses. The process can continue with its present limit.
#[cfg(unix)]
pub(super) fn raise_open_files_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}

/// This system has no such limit.
#[cfg(not(unix))]
pub(super) fn raise_open_files_limit() -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let raised = raise_open_files_limit().expect("a process may raise its soft limit");
        let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!((raised, now.current), (now.maximum, now.maximum));
    }
}

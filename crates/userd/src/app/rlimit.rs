//! How many files, and so connections, this process may hold open.
//!
//! Many systems start a process with a soft limit of 1,024, which a thousand idle clients use up; the hard limit
//! is far higher and any process may go up to it.

use std::io;

/// Below this a crowd of slow clients keeps everybody else out.
pub const OPEN_FILES_RECOMMENDED: u64 = 10_240;

/// Raises the soft limit to the hard one and says how many files may be open now; `None` is without limit.
///
/// # Errors
/// If the system refuses. The process can go on with the limit it has.
#[cfg(unix)]
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}

/// There is no such limit here.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
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

//! The wiring: makes the pieces from a [`crate::config::Config`] and puts them together. Shared by the
//! command line and the tests; holds no rule of its own.
//!
//! [`run`] is the whole life of a serving process. The other parts of this module each prepare one thing that
//! belongs to the process and not to a request: where log lines go, how many files may be open, the threads.

mod accounts;
mod banner;
mod doctor;
mod keys;
mod limits;
mod logging;
mod moving;
mod runtime;
#[cfg(feature = "otlp")]
mod traces;
mod wiring;

pub use accounts::{AccountsError, OpenAccounts};
pub use banner::Banner;
pub use doctor::{ExamineError, examine};
pub use keys::{KeysError, OpenKeys};
pub use limits::{OPEN_FILES_ADVISED, raise_open_files};
pub use logging::init as init_logging;
pub use moving::{MoveError, export, open_import, open_legacy};
pub use runtime::build as build_runtime;
pub use wiring::{AppError, chain, open_store, run};

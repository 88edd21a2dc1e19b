//! The wiring: makes the pieces from a [`crate::config::Config`] and puts them together. Shared by the
//! command line and the tests; holds no rule of its own.
//!
//! [`run`] is the whole life of a serving process. The other parts of this module each prepare one thing that
//! belongs to the process and not to a request: where log lines go, how many files may be open, the threads.

mod admin;
mod banner;
mod doctor;
mod import_export;
mod keys;
mod logging;
mod rlimit;
mod runtime;
mod serve;
#[cfg(feature = "otlp")]
mod traces;

pub use admin::{AdminContext, AdminContextError};
pub use banner::StartupBanner;
pub use doctor::{DoctorError, check_store};
pub use import_export::{ImportExportError, export, open_import, open_legacy};
pub use keys::{KeyContext, KeyContextError};
pub use logging::init as init_logging;
pub use rlimit::{OPEN_FILES_RECOMMENDED, raise_open_files_limit};
pub use runtime::build as build_runtime;
pub use serve::{AppError, open_store, run};
pub use userd_core::error_chain as chain;

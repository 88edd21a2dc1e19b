//! The life of a serving process: it opens the store, starts the hash threads, serves, and closes the store.
//!
//! Not here: what a request does (crate `userd-http`), and how a store is opened (`open`).
//!
//! | module | what it is |
//! |---|---|
//! | `run` | the process from start to end |
//! | `banner` | what a start prints |
//! | `doctor_task` | the consistency check in the background |
//! | `sweep_task` | deleting what has ended, in the background |
//! | `logging`, `traces` | where log lines and spans go |
//! | `rlimit`, `runtime` | the limit of open files, the threads |
//!
//! To add a part of the process: a file here that prepares one thing, and a call in `run`.

mod banner;
mod doctor_task;
mod logging;
mod rlimit;
mod run;
mod runtime;
mod sweep_task;
#[cfg(feature = "otlp")]
mod traces;

pub(crate) use self::banner::local_address;
pub(crate) use self::run::run;
pub(crate) use self::runtime::build_runtime;

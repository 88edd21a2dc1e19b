//! `userd export` and `userd import`: users as lines of JSON, out of a store and into one.
//!
//! The format and the rules are in `userd_service::import_export`; here are files, progress, signals and exit codes.

mod export;
mod import;
mod output_file;
mod results;
mod shutdown_signal;
mod summary;

pub(super) use self::export::ExportOptions;
pub(super) use self::import::ImportOptions;

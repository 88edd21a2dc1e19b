//! Import and export: from a store to lines of JSON, and from such lines or a `legacy` database to a store.
//!
//! | module | content |
//! |---|---|
//! | `record` | one line: a user as JSON, the header, the footer |
//! | `timestamps` | timestamps in files of other programs |
//! | `reader` | reads a file in bounded batches |
//! | `export` | writes all users of a store |
//! | `import` | writes batches to a store with retries, and reports each result |
//! | `legacy` | legacy records as users |
//!
//! Memory is constant: a few batches, whatever the size of the file. Only the search for duplicates before the first
//! write (a dry run, a legacy database) keeps a digest of 16 bytes for each user.

mod export;
mod import;
mod legacy;
mod reader;
mod record;
mod timestamps;

pub use export::{ExportError, ExportSummary, UserExporter};
pub use import::{
    FooterStatus, ImportError, ImportResult, ImportResultKind, ImportSummary, ProgressSink, UserImporter,
};
pub use reader::{LINE_BYTES_MAX, SourcePosition};
pub use record::FORMAT_VERSION;

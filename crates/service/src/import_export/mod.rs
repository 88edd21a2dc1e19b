//! Moving users: out of a store as lines of JSON, and into a store from such lines or from the older design's database.
//!
//! | module | what it is |
//! |---|---|
//! | `record` | one line: a user as JSON, read without trust and written; the first line and the last |
//! | `timestamps` | moments as files from elsewhere write them |
//! | `reader` | a file line by line within bounds, in batches |
//! | `export` | all users of a store as lines |
//! | `import` | batches into a store, with patience, and what became of each |
//! | `legacy` | the older design's records as users |
//!
//! Memory is constant: a few batches are under way, whatever the size of the file. Only where duplicates are looked
//! for before anything is written (a dry run, the older design's database) is a digest of 16 bytes kept for each user.

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

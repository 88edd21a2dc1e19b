//! Moving users: out of a store as lines of JSON, and into a store from such lines or from the older design's database.
//!
//! | module | what it is |
//! |---|---|
//! | `lines` | one line: a user as JSON, read without trust and written; the first line and the last |
//! | `times` | moments as files from elsewhere write them |
//! | `reading` | a file line by line within bounds, in batches |
//! | `export` | all users of a store as lines |
//! | `import` | batches into a store, with patience, and what became of each |
//! | `legacy` | the older design's records as users |
//!
//! Memory is constant: a few batches are under way, whatever the size of the file. Only where duplicates are looked
//! for before anything is written (a dry run, the older design's database) is a digest of 16 bytes kept for each user.

mod export;
mod import;
mod legacy;
mod lines;
mod reading;
mod times;

pub use export::{Export, ExportError, Exported};
pub use import::{Import, ImportError, Listener, Outcome, OutcomeKind, Summary, Trailer};
pub use lines::FORMAT_VERSION;
pub use reading::{LINE_BYTES_MAX, Standpoint};

//! Exit codes that all commands share. Codes of one command are in its own file.

/// The command failed; the message says why.
pub(super) const EXIT_FAILED: u8 = 1;
/// An invalid command line, configuration or input. clap uses the same code.
pub(super) const EXIT_USAGE: u8 = 2;

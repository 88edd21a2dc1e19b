//! The user that a command is about.

use clap::Args;

/// A user.
#[derive(Debug, Args)]
pub(super) struct UserArg {
    /// The user's id or e-mail
    #[arg(value_name = "ID|E-MAIL")]
    pub(super) user: String,
}

/// A user of a destructive command.
#[derive(Debug, Args)]
pub(super) struct ConfirmedUserArg {
    #[command(flatten)]
    pub(super) who: UserArg,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub(super) yes: bool,
}

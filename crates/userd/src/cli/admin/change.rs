//! The commands that change something. Destructive ones show the user and ask first.

use clap::Args;
use serde_json::{Value, json};

use super::backend::AdminBackend;
use super::confirm;
use super::output::{self, OutputFormatter};
use super::password::{PasswordInput, PasswordOptions};
use super::types::AdminUser;
use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::{note, print_result};
use crate::cli::sanitize::sanitize;
use userd_core::random::SystemRandom;
use userd_service::UpdateStatusRequest;

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
    who: UserArg,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

/// The new user.
#[derive(Debug, Args)]
pub(super) struct CreateOptions {
    /// The user's name
    #[arg(long)]
    name: String,
    /// The user's e-mail
    #[arg(long, value_name = "E-MAIL")]
    email: String,
    #[command(flatten)]
    password: PasswordOptions,
}

/// Whose password to set.
#[derive(Debug, Args)]
pub(super) struct SetPasswordOptions {
    #[command(flatten)]
    who: ConfirmedUserArg,
    #[command(flatten)]
    password: PasswordOptions,
}

fn display_name(account: &AdminUser) -> String {
    format!("{} <{}>", account.name, account.email)
}

/// Prints the result: `sentence` for people, the user for scripts.
fn report(output: OutputFormatter, account: &AdminUser, sentence: &str) -> CommandResult {
    print_result(&if output.json { output::json(account) } else { format!("{}\n", sanitize(sentence)) }).map(|_| ())
}

/// A destructive change of one user.
#[derive(Debug, Clone, Copy)]
pub(super) enum DestructiveChange {
    Disable,
    Delete,
    ExpirePassword,
    RevokeSessions,
}

/// Makes a destructive change after confirmation.
pub(super) async fn destructive(
    backend: &AdminBackend,
    output: OutputFormatter,
    who: ConfirmedUserArg,
    change: DestructiveChange,
) -> CommandResult {
    let (before, after, done) = match change {
        DestructiveChange::Disable => (
            "Disable",
            "? They can't sign in any more, and all their sessions end.",
            "is disabled, and signed out everywhere",
        ),
        DestructiveChange::Delete => ("Delete", "? They can't be brought back.", "is deleted"),
        DestructiveChange::ExpirePassword => (
            "Let the password of",
            " expire? They have to change it to sign in, and all their sessions end.",
            "has to change the password, and is signed out everywhere",
        ),
        DestructiveChange::RevokeSessions => ("Sign", " out everywhere?", "is signed out everywhere"),
    };
    let shown = confirmed_user(backend, &who, before, after).await?;
    let id = &shown.id;
    let account = match change {
        DestructiveChange::Disable => backend.update_status(id, disabled(true)).await?,
        DestructiveChange::Delete => backend.delete(id).await?,
        DestructiveChange::ExpirePassword => {
            let status = UpdateStatusRequest { disabled: None, password_expired: Some(true) };
            backend.update_status(id, status).await?
        }
        DestructiveChange::RevokeSessions => {
            backend.revoke_sessions(id).await?;
            shown
        }
    };
    report(output, &account, &format!("{} {done}", display_name(&account)))
}

/// The user, after confirmation of a question about them: the text `before` and `after` the user's name.
async fn confirmed_user(
    backend: &AdminBackend,
    who: &ConfirmedUserArg,
    before: &str,
    after: &str,
) -> CommandResult<AdminUser> {
    let account = backend.show(&who.who.user).await?;
    let question = format!("{before} {} ({}) in {}{after}", display_name(&account), account.id, backend.target());
    confirm::ask(&question, who.yes)?;
    Ok(account)
}

fn disabled(disabled: bool) -> UpdateStatusRequest {
    UpdateStatusRequest { disabled: Some(disabled), password_expired: None }
}

/// Prints a generated password, which is shown only once; without one, the same as [`report`].
fn report_password(
    output: OutputFormatter,
    account: &AdminUser,
    given: &PasswordInput,
    sentence: &str,
) -> CommandResult {
    if !given.generated {
        return report(output, account, sentence);
    }
    let password = given.password.as_str();
    if !output.json {
        note(&format!("{}\nThis is their password until they change it; it is not shown again:", sanitize(sentence)));
        return print_password(&format!("{password}\n"));
    }
    let mut document = json!(account);
    if let Value::Object(fields) = &mut document {
        fields.insert("password".to_owned(), password.into());
    }
    print_password(&output::json(&document))
}

/// Prints a generated password. If the reader has gone away, that is an error: the password is lost.
fn print_password(text: &str) -> CommandResult {
    if print_result(text)? {
        return Ok(());
    }
    let sentence = "it was done, but the password was not read; set another one with userd user set-password";
    Err(CommandError::Failed(sentence.to_owned()))
}

/// `userd user create`
pub(super) async fn create(backend: &AdminBackend, output: OutputFormatter, options: CreateOptions) -> CommandResult {
    let CreateOptions { name, email, password } = options;
    let given = password.password(&SystemRandom)?;
    let account = backend.create(&name, &email, &given).await?;
    report_password(output, &account, &given, &format!("{} is a user: {}", display_name(&account), account.id))
}

/// `userd user enable`
pub(super) async fn enable(backend: &AdminBackend, output: OutputFormatter, who: UserArg) -> CommandResult {
    let account = backend.show(&who.user).await?;
    let account = backend.update_status(&account.id, disabled(false)).await?;
    report(output, &account, &format!("{} is enabled", display_name(&account)))
}

/// `userd user set-password`
pub(super) async fn set_password(
    backend: &AdminBackend,
    output: OutputFormatter,
    options: SetPasswordOptions,
) -> CommandResult {
    let SetPasswordOptions { who, password } = options;
    let account = confirmed_user(backend, &who, "Set the password of", "? All their sessions end.").await?;
    let given = password.password(&SystemRandom)?;
    let account = backend.set_password(&account.id, &given).await?;
    let sentence = format!("{} has a new password, and is signed out everywhere", display_name(&account));
    report_password(output, &account, &given, &sentence)
}

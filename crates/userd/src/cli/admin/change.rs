//! The commands that change something. Destructive ones show the user and ask first.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use serde_json::json;

use super::context::AdminContext;
use super::output;
use super::password::{PasswordInput, PasswordOptions};
use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::{note, print_result};
use crate::cli::sanitize::sanitize;
use userd_http::AccountView;
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

fn display_name(account: &AccountView) -> String {
    format!("{} <{}>", account.name, account.email)
}

/// A sentence about the user.
fn sentence(account: &AccountView, predicate: &str) -> String {
    sanitize(&format!("{} {predicate}", display_name(account))).into_owned()
}

fn disabled(disabled: bool) -> UpdateStatusRequest {
    UpdateStatusRequest { disabled: Some(disabled), password_expired: None }
}

/// Succeeds if the person at the terminal answers `question` with yes, or with `yes` (`--yes`).
fn confirm(question: &str, yes: bool) -> CommandResult {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CommandError::InvalidInput(
            "no terminal to confirm on: add --yes to confirm; nothing was done".to_owned(),
        ));
    }
    // If the question can't be printed, the answer will not be yes.
    let _ = write!(io::stderr().lock(), "{} [y/N] ", sanitize(question));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(CommandError::Failed("nothing was done".to_owned())),
    }
}

impl AdminContext<'_> {
    /// `userd user create`
    pub(super) async fn create(self, options: CreateOptions) -> CommandResult {
        let given = options.password.password()?;
        let account = self.backend.create(&options.name, &options.email, &given).await?;
        self.report_password(&account, &given, &format!("is a user: {}", account.id))
    }

    /// `userd user enable`
    pub(super) async fn enable(self, who: UserArg) -> CommandResult {
        let account = self.backend.show(&who.user).await?;
        let account = self.backend.update_status(&account.id, disabled(false)).await?;
        self.report(&account, "is enabled")
    }

    /// `userd user disable`
    pub(super) async fn disable(self, who: ConfirmedUserArg) -> CommandResult {
        let consequences = "? They can't sign in any more, and all their sessions end.";
        let account = self.confirmed_user(&who, "Disable", consequences).await?;
        let account = self.backend.update_status(&account.id, disabled(true)).await?;
        self.report(&account, "is disabled, and signed out everywhere")
    }

    /// `userd user delete`
    pub(super) async fn delete(self, who: ConfirmedUserArg) -> CommandResult {
        let account = self.confirmed_user(&who, "Delete", "? They can't be brought back.").await?;
        let account = self.backend.delete(&account.id).await?;
        self.report(&account, "is deleted")
    }

    /// `userd user set-password`
    pub(super) async fn set_password(self, SetPasswordOptions { who, password }: SetPasswordOptions) -> CommandResult {
        let account = self.confirmed_user(&who, "Set the password of", "? All their sessions end.").await?;
        let given = password.password()?;
        let account = self.backend.set_password(&account.id, &given).await?;
        self.report_password(&account, &given, "has a new password, and is signed out everywhere")
    }

    /// `userd user expire-password`
    pub(super) async fn expire_password(self, who: ConfirmedUserArg) -> CommandResult {
        let consequences = " expire? They have to change it to sign in, and all their sessions end.";
        let account = self.confirmed_user(&who, "Let the password of", consequences).await?;
        let status = UpdateStatusRequest { disabled: None, password_expired: Some(true) };
        let account = self.backend.update_status(&account.id, status).await?;
        self.report(&account, "has to change the password, and is signed out everywhere")
    }

    /// `userd user revoke-sessions`
    pub(super) async fn revoke_sessions(self, who: ConfirmedUserArg) -> CommandResult {
        let account = self.confirmed_user(&who, "Sign", " out everywhere?").await?;
        self.backend.revoke_sessions(&account.id).await?;
        self.report(&account, "is signed out everywhere")
    }

    /// The user, after confirmation of a question about them: the text `before` and `after` the user's name.
    async fn confirmed_user(self, who: &ConfirmedUserArg, before: &str, after: &str) -> CommandResult<AccountView> {
        let account = self.backend.show(&who.who.user).await?;
        let (name, target) = (display_name(&account), self.backend.target());
        confirm(&format!("{before} {name} ({}) in {target}{after}", account.id), who.yes)?;
        Ok(account)
    }

    /// Prints the result: a sentence about the user for people, the user for scripts.
    fn report(self, account: &AccountView, predicate: &str) -> CommandResult {
        self.print(account, || sentence(account, predicate) + "\n")
    }

    /// Prints a generated password, which is shown only once; without one, the same as [`Self::report`].
    fn report_password(self, account: &AccountView, given: &PasswordInput, predicate: &str) -> CommandResult {
        if !given.generated {
            return self.report(account, predicate);
        }
        let password = given.password.as_str();
        let text = if self.output.json {
            let mut document = json!(account);
            document["password"] = password.into();
            output::json(&document)
        } else {
            let sentence = sentence(account, predicate);
            note(&format!("{sentence}\nThis is their password until they change it; it is not shown again:"));
            format!("{password}\n")
        };
        if print_result(&text)? {
            return Ok(());
        }
        // The reader has gone away: the password is lost.
        let sentence = "it was done, but the password was not read; set another one with userd user set-password";
        Err(CommandError::Failed(sentence.to_owned()))
    }
}

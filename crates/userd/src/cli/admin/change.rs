//! The commands that change something. Destructive ones show the user and ask first.

use clap::Args;
use serde_json::{Value, json};

use super::backend::AdminBackend;
use super::confirm;
use super::error::CommandError;
use super::output::{self, OutputFormatter, print};
use super::password::{PasswordInput, PasswordOptions};
use super::types::{AdminUser, NewUserInput};
use super::user_arg::{ConfirmedUserArg, UserArg};
use crate::cli::console::note;
use crate::cli::sanitize::sanitize;
use userd_core::random::SystemRandom;

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
fn report(output: OutputFormatter, account: &AdminUser, sentence: &str) -> Result<(), CommandError> {
    print(&if output.json { output::json(account) } else { format!("{}\n", sanitize(sentence)) }).map(|_| ())
}

/// The user, after confirmation of the question about them.
async fn confirmed_user(
    backend: &AdminBackend,
    who: &ConfirmedUserArg,
    question: impl Fn(&str) -> String,
) -> Result<AdminUser, CommandError> {
    let account = backend.show(&who.who.user).await?;
    let question = question(&format!("{} ({}) in {}", display_name(&account), account.id, backend.target()));
    confirm::ask(&question, who.yes)?;
    Ok(account)
}

/// Prints a generated password, which is shown only once; without one, the same as [`report`].
fn report_password(
    output: OutputFormatter,
    account: &AdminUser,
    given: &PasswordInput,
    sentence: &str,
) -> Result<(), CommandError> {
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
fn print_password(text: &str) -> Result<(), CommandError> {
    if print(text)? {
        return Ok(());
    }
    let sentence = "it was done, but the password was not read; set another one with userd user set-password";
    Err(CommandError::Failed(sentence.to_owned()))
}

/// `userd user create`
pub(super) async fn create(
    backend: &AdminBackend,
    output: OutputFormatter,
    options: CreateOptions,
) -> Result<(), CommandError> {
    let CreateOptions { name, email, password } = options;
    let given = password.password(&SystemRandom)?;
    let new = NewUserInput { name, email, password: given.password.clone(), password_expired: given.expired };
    let account = backend.create(&new).await?;
    report_password(output, &account, &given, &format!("{} is a user: {}", display_name(&account), account.id))
}

/// `userd user disable`
pub(super) async fn disable(
    backend: &AdminBackend,
    output: OutputFormatter,
    who: ConfirmedUserArg,
) -> Result<(), CommandError> {
    let ask = |whom: &str| format!("Disable {whom}? They can't sign in any more, and all their sessions end.");
    let account = confirmed_user(backend, &who, ask).await?;
    let account = backend.set_disabled(&account.id, true).await?;
    report(output, &account, &format!("{} is disabled, and signed out everywhere", display_name(&account)))
}

/// `userd user enable`
pub(super) async fn enable(backend: &AdminBackend, output: OutputFormatter, who: UserArg) -> Result<(), CommandError> {
    let account = backend.show(&who.user).await?;
    let account = backend.set_disabled(&account.id, false).await?;
    report(output, &account, &format!("{} is enabled", display_name(&account)))
}

/// `userd user delete`
pub(super) async fn delete(
    backend: &AdminBackend,
    output: OutputFormatter,
    who: ConfirmedUserArg,
) -> Result<(), CommandError> {
    let account = confirmed_user(backend, &who, |whom| format!("Delete {whom}? They can't be brought back.")).await?;
    let account = backend.delete(&account.id).await?;
    report(output, &account, &format!("{} is deleted", display_name(&account)))
}

/// `userd user set-password`
pub(super) async fn set_password(
    backend: &AdminBackend,
    output: OutputFormatter,
    options: SetPasswordOptions,
) -> Result<(), CommandError> {
    let SetPasswordOptions { who, password } = options;
    let ask = |whom: &str| format!("Set the password of {whom}? All their sessions end.");
    let account = confirmed_user(backend, &who, ask).await?;
    let given = password.password(&SystemRandom)?;
    let account = backend.set_password(&account.id, &given.password, given.expired).await?;
    report_password(
        output,
        &account,
        &given,
        &format!("{} has a new password, and is signed out everywhere", display_name(&account)),
    )
}

/// `userd user expire-password`
pub(super) async fn expire_password(
    backend: &AdminBackend,
    output: OutputFormatter,
    who: ConfirmedUserArg,
) -> Result<(), CommandError> {
    let ask = |whom: &str| {
        format!("Let the password of {whom} expire? They have to change it to sign in, and all their sessions end.")
    };
    let account = confirmed_user(backend, &who, ask).await?;
    let account = backend.expire_password(&account.id).await?;
    report(
        output,
        &account,
        &format!("{} has to change the password, and is signed out everywhere", display_name(&account)),
    )
}

/// `userd user revoke-sessions`
pub(super) async fn revoke_sessions(
    backend: &AdminBackend,
    output: OutputFormatter,
    who: ConfirmedUserArg,
) -> Result<(), CommandError> {
    let account = confirmed_user(backend, &who, |whom| format!("Sign {whom} out everywhere?")).await?;
    backend.revoke_sessions(&account.id).await?;
    report(output, &account, &format!("{} is signed out everywhere", display_name(&account)))
}

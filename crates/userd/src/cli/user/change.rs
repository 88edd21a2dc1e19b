//! The commands that change something. What takes something from a user asks first, and names whom.

use clap::Args;
use serde_json::{Value, json};

use super::account::{Account, NewAccount, Refusal};
use super::accounts::Accounts;
use super::password::{Given, PasswordOptions};
use super::screen::{self, Screen};
use super::{Who, WhoSurely, consent, note, print};
use crate::cli::strangers::shown;
use userd_core::random::SystemRandom;

/// Who is to become a user.
#[derive(Debug, Args)]
pub(super) struct CreateOptions {
    /// What they are called
    #[arg(long)]
    name: String,
    /// Where they can be reached
    #[arg(long, value_name = "E-MAIL")]
    email: String,
    #[command(flatten)]
    password: PasswordOptions,
}

/// Who gets another password.
#[derive(Debug, Args)]
pub(super) struct SetPasswordOptions {
    #[command(flatten)]
    who: WhoSurely,
    #[command(flatten)]
    password: PasswordOptions,
}

fn called(account: &Account) -> String {
    format!("{} <{}>", account.name, account.email)
}

/// Tells what was done: `sentence` to people, the user to scripts.
fn tell(screen: Screen, account: &Account, sentence: &str) -> Result<(), Refusal> {
    print(&if screen.json { screen::json(account) } else { format!("{}\n", shown(sentence)) }).map(|_| ())
}

/// The user, once somebody has said yes to what is asked about them.
async fn surely(accounts: &Accounts, who: &WhoSurely, question: impl Fn(&str) -> String) -> Result<Account, Refusal> {
    let account = accounts.show(&who.who.user).await?;
    let question = question(&format!("{} ({}) in {}", called(&account), account.id, accounts.place()));
    consent::ask(&question, who.yes)?;
    Ok(account)
}

/// Shows the password that nobody has seen yet, or else what `tell` does.
fn tell_password(screen: Screen, account: &Account, given: &Given, sentence: &str) -> Result<(), Refusal> {
    if !given.generated {
        return tell(screen, account, sentence);
    }
    let password = given.password.as_str();
    if !screen.json {
        note(&format!("{}\nThis is their password until they change it; it is not shown again:", shown(sentence)));
        return print_password(&format!("{password}\n"));
    }
    let mut document = json!(account);
    if let Value::Object(fields) = &mut document {
        fields.insert("password".to_owned(), password.into());
    }
    print_password(&screen::json(&document))
}

/// Whoever went away is told: nobody knows the password now.
fn print_password(text: &str) -> Result<(), Refusal> {
    if print(text)? {
        return Ok(());
    }
    let sentence = "it was done, but nobody read the password; give another one with userd user set-password";
    Err(Refusal::Failed(sentence.to_owned()))
}

/// `userd user create`
pub(super) async fn create(accounts: &Accounts, screen: Screen, options: CreateOptions) -> Result<(), Refusal> {
    let CreateOptions { name, email, password } = options;
    let given = password.password(&SystemRandom)?;
    let new = NewAccount { name, email, password: given.password.clone(), password_expired: given.expired };
    let account = accounts.create(&new).await?;
    tell_password(screen, &account, &given, &format!("{} is a user: {}", called(&account), account.id))
}

/// `userd user disable`
pub(super) async fn disable(accounts: &Accounts, screen: Screen, who: WhoSurely) -> Result<(), Refusal> {
    let ask = |whom: &str| format!("Disable {whom}? They can't sign in any more, and all their sessions end.");
    let account = surely(accounts, &who, ask).await?;
    let account = accounts.set_disabled(&account.id, true).await?;
    tell(screen, &account, &format!("{} is disabled, and signed out everywhere", called(&account)))
}

/// `userd user enable`
pub(super) async fn enable(accounts: &Accounts, screen: Screen, who: Who) -> Result<(), Refusal> {
    let account = accounts.show(&who.user).await?;
    let account = accounts.set_disabled(&account.id, false).await?;
    tell(screen, &account, &format!("{} is enabled", called(&account)))
}

/// `userd user delete`
pub(super) async fn delete(accounts: &Accounts, screen: Screen, who: WhoSurely) -> Result<(), Refusal> {
    let account = surely(accounts, &who, |whom| format!("Delete {whom}? They can't be brought back.")).await?;
    let account = accounts.delete(&account.id).await?;
    tell(screen, &account, &format!("{} is deleted", called(&account)))
}

/// `userd user set-password`
pub(super) async fn set_password(
    accounts: &Accounts,
    screen: Screen,
    options: SetPasswordOptions,
) -> Result<(), Refusal> {
    let SetPasswordOptions { who, password } = options;
    let ask = |whom: &str| format!("Set the password of {whom}? All their sessions end.");
    let account = surely(accounts, &who, ask).await?;
    let given = password.password(&SystemRandom)?;
    let account = accounts.set_password(&account.id, &given.password, given.expired).await?;
    tell_password(
        screen,
        &account,
        &given,
        &format!("{} has a new password, and is signed out everywhere", called(&account)),
    )
}

/// `userd user expire-password`
pub(super) async fn expire_password(accounts: &Accounts, screen: Screen, who: WhoSurely) -> Result<(), Refusal> {
    let ask = |whom: &str| {
        format!("Let the password of {whom} expire? They have to change it to sign in, and all their sessions end.")
    };
    let account = surely(accounts, &who, ask).await?;
    let account = accounts.expire_password(&account.id).await?;
    tell(screen, &account, &format!("{} has to change the password, and is signed out everywhere", called(&account)))
}

/// `userd user end-sessions`
pub(super) async fn end_sessions(accounts: &Accounts, screen: Screen, who: WhoSurely) -> Result<(), Refusal> {
    let account = surely(accounts, &who, |whom| format!("Sign {whom} out everywhere?")).await?;
    accounts.end_sessions(&account.id).await?;
    tell(screen, &account, &format!("{} is signed out everywhere", called(&account)))
}

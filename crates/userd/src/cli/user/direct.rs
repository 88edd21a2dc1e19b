//! Accounts on the store itself: each act is a use case of administrators, the same that stands behind the admin API.

use crate::app::{self, OpenAccounts};
use userd_core::{Agent, CallerId, Client, Email, EmailPrefix, Event, Name, Password, PasswordError, User, UserId};
use userd_service::{
    Administration, Cursor, Error, GivenPassword, NewStanding, PasswordField, Precondition, SignUp, UsersWanted,
};
use userd_store::{Listed, Order};

use super::account::{Account, Happening, Item, NewAccount, Page, Refusal, Stats, Wanted};

/// A store that is open.
pub(super) struct Direct {
    open: OpenAccounts,
    /// What a person calls it.
    place: String,
    /// As whom everything is done: nobody that userd knows, from no address.
    client: Client,
}

impl Direct {
    pub(super) fn on(open: OpenAccounts, place: String) -> Self {
        let agent = Agent::shorten(concat!("userd/", env!("CARGO_PKG_VERSION"), " (store)"));
        Self { open, place, client: Client { address: None, agent, caller: CallerId::Nobody } }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Lets go of the store.
    pub(super) async fn close(self) {
        self.open.close().await;
    }

    fn administration(&self) -> &Administration {
        &self.open.use_cases.administration
    }

    pub(super) async fn list(&self, wanted: &Wanted) -> Result<Page<Item>, Refusal> {
        let prefix = wanted.email.as_deref().map(EmailPrefix::parse).transpose();
        let prefix = prefix.map_err(|rule| Refusal::Mistake(format!("email {rule}")))?;
        let order = if wanted.descending { Order::Descending } else { Order::Ascending };
        let page = page_wanted(wanted.limit, wanted.cursor.as_deref())?;
        let page = self.administration().list(UsersWanted { page, order: Some(order), prefix }).await;
        page.map_err(|error| refusal(&error)).map(|page| shown_page(page, item))
    }

    /// The user with this id or e-mail.
    pub(super) async fn show(&self, who: &str) -> Result<Account, Refusal> {
        let users = self.administration().users();
        let found = match UserId::parse(who) {
            Some(id) => users.user(id).await,
            None => users.user_by_email(who).await,
        };
        match found {
            Err(Error::UnknownUser) => Err(Refusal::NoSuchUser(format!("there is no user {who:?}"))),
            found => answer(found),
        }
    }

    pub(super) async fn create(&self, new: &NewAccount) -> Result<Account, Refusal> {
        let name = Name::parse(&new.name).map_err(|rule| Refusal::Mistake(format!("name {rule}")))?;
        let email = Email::parse(&new.email).map_err(|rule| Refusal::Mistake(format!("email {rule}")))?;
        let password = self.password(&new.password, "password")?;
        let sign_up = SignUp { name, email, password };
        let account = userd_service::NewAccount { sign_up, password_expired: new.password_expired };
        answer(self.administration().create(account, &self.client).await)
    }

    pub(super) async fn set_disabled(&self, id: &str, disabled: bool) -> Result<Account, Refusal> {
        self.rule(id, NewStanding { disabled: Some(disabled), password_expired: None }).await
    }

    pub(super) async fn expire_password(&self, id: &str) -> Result<Account, Refusal> {
        self.rule(id, NewStanding { disabled: None, password_expired: Some(true) }).await
    }

    async fn rule(&self, id: &str, standing: NewStanding) -> Result<Account, Refusal> {
        answer(self.administration().rule(user_id(id)?, standing, &Precondition::Any, &self.client).await)
    }

    pub(super) async fn set_password(&self, id: &str, password: &str, expired: bool) -> Result<Account, Refusal> {
        let new_password = self.password(password, "new_password")?;
        let given = GivenPassword { new_password, password_expired: expired };
        answer(self.administration().set_password(user_id(id)?, given, &Precondition::Any, &self.client).await)
    }

    pub(super) async fn end_sessions(&self, id: &str) -> Result<(), Refusal> {
        let ended = self.administration().end_sessions(user_id(id)?, &self.client).await;
        ended.map_err(|error| refusal(&error))
    }

    pub(super) async fn delete(&self, id: &str) -> Result<Account, Refusal> {
        answer(self.administration().delete(user_id(id)?, &Precondition::Any, &self.client).await)
    }

    pub(super) async fn events(&self, id: &str, limit: u16, cursor: Option<&str>) -> Result<Page<Happening>, Refusal> {
        let page = self.administration().events(user_id(id)?, page_wanted(limit, cursor)?).await;
        page.map_err(|error| refusal(&error)).map(|page| shown_page(page, |event| happening(&event)))
    }

    pub(super) async fn stats(&self) -> Result<Stats, Refusal> {
        let stats = self.administration().stats().await.map_err(|error| refusal(&error))?;
        Ok(Stats { users: stats.users, store: stats.store.to_owned(), version: stats.version.to_owned() })
    }

    fn password(&self, text: &str, field: &str) -> Result<Password, Refusal> {
        let mistake = |rule: PasswordError| Refusal::Mistake(format!("{field} {rule}"));
        Password::parse(text, self.open.policy).map_err(mistake)
    }
}

/// It came from the store a moment ago.
fn user_id(id: &str) -> Result<UserId, Refusal> {
    UserId::parse(id).ok_or_else(|| Refusal::NoSuchUser(format!("there is no user {id:?}")))
}

fn page_wanted(limit: u16, cursor: Option<&str>) -> Result<userd_service::Wanted, Refusal> {
    let cursor = cursor.map(Cursor::parse).transpose();
    let cursor = cursor.map_err(|error| Refusal::Mistake(format!("cursor {error}")))?;
    Ok(userd_service::Wanted { limit: usize::from(limit), cursor })
}

fn shown_page<T, U>(page: userd_service::Page<T>, show: impl Fn(T) -> U) -> Page<U> {
    let cursor = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.encode());
    let userd_service::Page { items, next, previous } = page;
    Page { items: items.into_iter().map(show).collect(), next: cursor(next), previous: cursor(previous) }
}

fn account(user: &User) -> Account {
    Account {
        id: user.id.to_string(),
        name: user.name.to_string(),
        email: user.email.as_written().to_owned(),
        created_at: user.created_at.to_string(),
        updated_at: user.updated_at.to_string(),
        disabled: user.standing.disabled,
        password_expired: user.standing.password_expired,
    }
}

fn item(listed: Listed) -> Item {
    match listed {
        Listed::User(user) => Item::Account(account(&user)),
        Listed::Unreadable(id) => Item::unreadable(id.to_string()),
    }
}

fn happening(event: &Event) -> Happening {
    let Event { kind, at, client, .. } = event;
    Happening {
        kind: kind.word().to_owned(),
        at: at.to_string(),
        address: client.address.map(|address| address.to_string()),
        by: Some(client.caller.to_string()).filter(|by| !by.is_empty()),
    }
}

fn answer(done: Result<User, Error>) -> Result<Account, Refusal> {
    done.map(|user| account(&user)).map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> Refusal {
    match error {
        Error::UnknownUser => Refusal::NoSuchUser(error.to_string()),
        Error::PasswordRejected { field, rule } => {
            let field = match field {
                PasswordField::Password => "password",
                PasswordField::NewPassword => "new_password",
            };
            Refusal::Mistake(format!("{field} {rule}"))
        }
        Error::ForeignCursor(_) => Refusal::Mistake(error.to_string()),
        other => Refusal::Failed(app::chain(other)),
    }
}

//! What an administrator can do: list and find users, rule about their accounts, read their histories. No password of
//! theirs is asked for; who may call this decides `http`, or whoever opens the store.
//!
//! | module | what it is |
//! |---|---|
//! | `listing` | lists in pages |
//! | `cursor` | where a page begins, as text that a caller keeps |
//!
//! A change goes in rounds as in `users`: read, look at the precondition, change the user in the version that was read.

mod cursor;
mod listing;

use std::sync::Arc;

use crate::users::{ROUNDS_MAX, rejected};
use crate::{Credentials, Error, Precondition, SignUp, Users};
use userd_core::clock::Clock;
use userd_core::{Client, EventKind, Password, PasswordHash, Standing, User, UserId};
use userd_store::{Remove, Ruling, Store, Update};

pub use cursor::{Cursor, ForeignCursor};
pub use listing::{EVENTS_ORDER, Page, UsersWanted, Wanted};

/// The use cases of administrators.
pub struct Administration {
    store: Arc<dyn Store>,
    users: Arc<Users>,
    credentials: Arc<Credentials>,
    clock: Arc<dyn Clock>,
}

/// Somebody becomes a user without asking for it themselves.
#[derive(Debug)]
pub struct NewAccount {
    /// Who, with which password.
    pub sign_up: SignUp,
    /// Whether they have to choose another password before they can sign in.
    pub password_expired: bool,
}

/// What shall be ruled about an account; what is `None` stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewStanding {
    /// Whether it is shut.
    pub disabled: Option<bool>,
    /// Whether its password is good for nothing but being changed.
    pub password_expired: Option<bool>,
}

/// A password that somebody else has chosen for a user.
#[derive(Debug)]
pub struct GivenPassword {
    /// The password from now on.
    pub new_password: Password,
    /// Whether the user has to choose another one before they can sign in.
    pub password_expired: bool,
}

/// What there is, at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// How many users there are.
    pub users: u64,
    /// The kind of the store.
    pub store: &'static str,
    /// The version of userd.
    pub version: &'static str,
}

/// What becomes of a user in one round: the ruling that makes it so, or nothing to do.
type Decision = Result<Option<Ruling>, Error>;

impl Administration {
    /// The use cases over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, users: Arc<Users>, credentials: Arc<Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self { store, users, credentials, clock }
    }

    /// What can be done with users as everybody else does it: looking them up.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Makes somebody a user.
    ///
    /// # Errors
    /// As [`Users::sign_up`].
    pub async fn create(&self, account: NewAccount, client: &Client) -> Result<User, Error> {
        let standing = Standing { disabled: false, password_expired: account.password_expired };
        self.users.sign_up_as(account.sign_up, standing, client).await
    }

    /// Shuts or opens an account, or declares its password expired or not. What holds already changes nothing and is no
    /// event.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Stale`], [`Error::Contended`], [`Error::Store`].
    pub async fn rule(
        &self,
        id: UserId,
        wanted: NewStanding,
        precondition: &Precondition,
        client: &Client,
    ) -> Result<User, Error> {
        self.in_rounds(id, precondition, client, |user| Ok(wanted.ruling(user.standing))).await
    }

    /// Gives a user a password, and ends all their sessions. A disabled account stays disabled.
    ///
    /// # Errors
    /// As [`Self::rule`], and [`Error::PasswordRejected`], [`Error::Busy`].
    pub async fn set_password(
        &self,
        id: UserId,
        given: GivenPassword,
        precondition: &Precondition,
        client: &Client,
    ) -> Result<User, Error> {
        let user = self.users.user(id).await?;
        // Looked at before the hash, which takes its time; the rounds look again.
        precondition.check(user.version)?;
        given.new_password.check_personal(&user.name, &user.email).map_err(rejected)?;
        let (name, email) = (user.name, user.email);
        let password_hash = self.hash(given.new_password).await?;
        self.in_rounds(id, precondition, client, |user| {
            if user.name != name || user.email != email {
                // The password was compared with the name and e-mail that they had, and is gone.
                return Err(Error::Contended { rounds: 1 });
            }
            let standing = Standing { password_expired: given.password_expired, ..user.standing };
            let password_hash = Some(password_hash.clone());
            Ok(Some(Ruling { standing, password_hash, kind: EventKind::PasswordChanged }))
        })
        .await
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn end_sessions(&self, id: UserId, client: &Client) -> Result<(), Error> {
        let there = self.store.end_other_sessions(id, None, client, self.clock.now()).await?;
        if there { Ok(()) } else { Err(Error::UnknownUser) }
    }

    /// Deletes a user, and tells who that was.
    ///
    /// # Errors
    /// As [`Self::rule`].
    pub async fn delete(&self, id: UserId, precondition: &Precondition, client: &Client) -> Result<User, Error> {
        for _ in 0..ROUNDS_MAX {
            let user = self.users.user(id).await?;
            precondition.check(user.version)?;
            match self.store.remove_user(id, user.version, client, self.clock.now()).await? {
                Remove::Removed => return Ok(user),
                Remove::Missing => return Err(Error::UnknownUser),
                Remove::Stale => precondition.on_stale()?,
            }
        }
        Err(Error::Contended { rounds: ROUNDS_MAX })
    }

    /// What there is.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn stats(&self) -> Result<Stats, Error> {
        let users = self.store.users_count().await?;
        Ok(Stats { users, store: self.store.kind(), version: env!("CARGO_PKG_VERSION") })
    }

    async fn hash(&self, password: Password) -> Result<PasswordHash, Error> {
        self.credentials.hasher().hash(password).await.map_err(Error::from_hashing)
    }

    async fn in_rounds(
        &self,
        id: UserId,
        precondition: &Precondition,
        client: &Client,
        decide: impl Fn(&User) -> Decision + Send,
    ) -> Result<User, Error> {
        for _ in 0..ROUNDS_MAX {
            let user = self.users.user(id).await?;
            precondition.check(user.version)?;
            let Some(ruling) = decide(&user)? else { return Ok(user) };
            match self.store.replace_standing(id, user.version, &ruling, client, self.clock.now()).await? {
                Update::Updated(user) => return Ok(*user),
                Update::Missing => return Err(Error::UnknownUser),
                // `Taken` can't come of a change that leaves the e-mail alone; another round finds out.
                Update::Stale | Update::Taken => precondition.on_stale()?,
            }
        }
        Err(Error::Contended { rounds: ROUNDS_MAX })
    }
}

impl NewStanding {
    /// The ruling that makes it so where `standing` holds; `None` if it is so.
    ///
    /// Of several changes at once the event names the weightiest, and one that shuts somebody out always ends their
    /// sessions.
    fn ruling(self, standing: Standing) -> Option<Ruling> {
        let next = Standing {
            disabled: self.disabled.unwrap_or(standing.disabled),
            password_expired: self.password_expired.unwrap_or(standing.password_expired),
        };
        let kind = match () {
            () if next == standing => return None,
            () if next.disabled && !standing.disabled => EventKind::Disabled,
            () if next.password_expired && !standing.password_expired => EventKind::PasswordExpired,
            () => EventKind::Enabled,
        };
        Some(Ruling { standing: next, password_hash: None, kind })
    }
}

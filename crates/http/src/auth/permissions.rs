//! Who may call what, as data: one row for each permission.
//!
//! The guard [`Authorized`](super::Authorized), the OpenAPI description and the table in `docs/API.md` are made of
//! these rows; a test holds the page equal to them. Which endpoint needs which permission is in the signature of its
//! handler. In protected mode (no API key exists yet) every caller has every permission that needs no session.
//!
//! To add a permission: a row here, and the type's name in the handlers that need it.

use userd_core::Scope;

/// Which credentials of a request are read. Credentials that are read and are invalid are a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    /// None.
    Ignored,
    /// `Authorization`. An expired session cookie must not prevent a sign-in.
    Header,
    /// `Authorization`, then the session cookie.
    HeaderOrCookie,
}

/// What an anonymous caller may do, and a user who has no right of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnonymousAccess {
    /// Nothing.
    Denied,
    /// As the setting `access.sign_up` says.
    SignUpPolicy,
    /// From this machine, without a forwarding header. Credentials are then not read, so that it works during an outage
    /// of the store.
    Loopback,
    /// Everything.
    Allowed,
}

/// What a user with a valid session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserAccess {
    /// What an anonymous caller may do.
    AsAnonymous,
    /// Act on their own account, named by its id in the path.
    OwnAccount,
    /// Act on the session that authenticates them. Only sessions have that right, also in protected mode.
    OwnSession,
}

/// What a service with a valid API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceAccess {
    /// Nothing.
    Denied,
    /// Everything, with one of these scopes. An error names the first, which is the smallest.
    Scopes(&'static [Scope]),
    /// Everything.
    AnyKey,
}

/// How the path names a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserInPath {
    /// Not at all.
    Absent,
    /// By id.
    Id,
    /// By id or e-mail.
    IdOrEmail,
    /// By id; where the endpoint reads the user, also by e-mail.
    IdOrEmailToRead,
}

/// The facts in which permissions differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessRule {
    /// The permission's name.
    pub(crate) name: &'static str,
    /// Which credentials are read.
    pub(crate) credentials: CredentialSource,
    /// Anonymous callers.
    pub(crate) anonymous: AnonymousAccess,
    /// Users.
    pub(crate) user: UserAccess,
    /// Services.
    pub(crate) service: ServiceAccess,
    /// How the path names a user.
    pub(crate) user_in_path: UserInPath,
    /// Whether a 401 clears the session cookie.
    pub(crate) clears_cookie: bool,
}

impl AccessRule {
    /// Denies everything; the rows say what they allow.
    const DENIED: Self = Self {
        name: "",
        credentials: CredentialSource::HeaderOrCookie,
        anonymous: AnonymousAccess::Denied,
        user: UserAccess::AsAnonymous,
        service: ServiceAccess::Denied,
        user_in_path: UserInPath::Absent,
        clears_cookie: false,
    };
}

/// What an endpoint needs of its caller; a row of the table below.
pub(crate) trait Permission: Send + Sync + 'static {
    /// Who has it.
    const RULE: AccessRule;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl Permission for $name {
                const RULE: AccessRule =
                    AccessRule { name: stringify!($name), $($field: $value,)* ..AccessRule::DENIED };
            }
        )*

        /// Every row, in the order of `docs/API.md`.
        #[cfg(test)]
        pub(crate) const ALL: &[AccessRule] = &[$($name::RULE),*];
    };
}

permissions! {
    /// Sign up.
    SignUp {
        credentials: CredentialSource::Header,
        anonymous: AnonymousAccess::SignUpPolicy,
        service: ServiceAccess::Scopes(&[Scope::UsersWrite]),
    }
    /// Sign in, or exchange a refresh token: the body carries the proof.
    SignIn {
        credentials: CredentialSource::Header,
        anonymous: AnonymousAccess::Allowed,
        service: ServiceAccess::AnyKey,
    }
    /// Read the number of users.
    CountUsers { service: ServiceAccess::Scopes(&[Scope::UsersRead]) }
    /// Read a user.
    ReadUser {
        user: UserAccess::OwnAccount,
        service: ServiceAccess::Scopes(&[Scope::UsersRead]),
        user_in_path: UserInPath::IdOrEmail,
    }
    /// Change or delete a user, with the user's password in the body.
    WriteUser {
        user: UserAccess::OwnAccount,
        service: ServiceAccess::Scopes(&[Scope::UsersWrite]),
        user_in_path: UserInPath::Id,
    }
    /// List a user's sessions.
    ReadSessions {
        user: UserAccess::OwnAccount,
        service: ServiceAccess::Scopes(&[Scope::SessionsRead]),
        user_in_path: UserInPath::Id,
    }
    /// Revoke a user's sessions.
    RevokeSessions {
        user: UserAccess::OwnAccount,
        service: ServiceAccess::Scopes(&[Scope::SessionsWrite]),
        user_in_path: UserInPath::Id,
    }
    /// Use the own session: read it, mint a token for other services.
    UseSession { user: UserAccess::OwnSession }
    /// End the own session.
    SignOut { user: UserAccess::OwnSession, clears_cookie: true }
    /// Administer. No session has this permission, not even for the user's own account: the operator grants it, and no
    /// password leads to it.
    Administer { service: ServiceAccess::Scopes(&[Scope::Admin]), user_in_path: UserInPath::IdOrEmailToRead }
    /// Read the metrics.
    ReadMetrics {
        anonymous: AnonymousAccess::Loopback,
        service: ServiceAccess::Scopes(&[Scope::Metrics, Scope::Admin]),
    }
    /// Read what is published for every service.
    ReadPublished {
        credentials: CredentialSource::Ignored,
        anonymous: AnonymousAccess::Allowed,
        service: ServiceAccess::AnyKey,
    }
}

//! Guards over users as a whole: how many there are, and one more.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::caller::{Caller, Who, is_protected_mode};
use super::pass::{Pass, Right, lacks, outcome};
use crate::access::{Rules, SignUpBy};
use crate::problem::{Problem, ProblemKind};
use userd_core::{Client, Scope};
use userd_service::Users;

/// Who asks may know how many users there are.
pub(crate) struct MayCount<'r>(Pass<'r>);

impl<'r> MayCount<'r> {
    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r Users {
        &self.0.use_cases.users
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MayCount<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Pass::check(request, None, Scope::UsersRead).await.map(Self))
    }
}

/// Who asks may sign somebody up.
pub(crate) struct MaySignUp<'r>(Pass<'r>);

impl<'r> MaySignUp<'r> {
    /// Who asks.
    pub(crate) fn client(&self) -> Client {
        self.0.client()
    }

    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r Users {
        &self.0.use_cases.users
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let caller = Caller::without_cookie(request).await?;
        match &caller.who {
            Who::Service(key) if key.scopes.contains(&Scope::UsersWrite) => {}
            Who::Service(_) => return Err(lacks(Scope::UsersWrite)),
            Who::Nobody | Who::User(_) => {
                let protected = is_protected_mode(request).await?;
                if !protected && Rules::of(request)?.access.sign_up == SignUpBy::Services {
                    let detail = format!("only a service with a key that has {} signs people up", Scope::UsersWrite);
                    let signed_in = matches!(caller.who, Who::User(_));
                    let kind = if signed_in { ProblemKind::Forbidden } else { ProblemKind::NotSignedIn };
                    return Err(Problem::new(kind, detail));
                }
            }
        }
        Ok(Self(Pass::new(request, caller, Right::Given)?))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for MaySignUp<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}

//! Conditional requests (RFC 9110, section 13). The only entity-tag is a user's version.

use std::convert::Infallible;

use rocket::Request;
use rocket::http::HeaderMap;
use rocket::request::{FromRequest, Outcome};

use userd_core::UserVersion;
use userd_service::Precondition;

/// `If-Match`: the versions for which a change is made.
///
/// Tags are compared strongly: a weak tag matches nothing, nor does a tag of another format.
pub(super) struct IfMatch(pub(super) Precondition);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        let mut versions = None;
        for tag in tags(request.headers(), "If-Match") {
            if tag == "*" {
                return Outcome::Success(Self(Precondition::Any));
            }
            versions.get_or_insert_with(Vec::new).extend(version(tag));
        }
        Outcome::Success(Self(versions.map_or(Precondition::Any, Precondition::OneOf)))
    }
}

/// `If-None-Match`: the versions that the client already has. Compared weakly.
pub(super) struct IfNoneMatch<'r>(&'r HeaderMap<'r>);

impl IfNoneMatch<'_> {
    /// Whether the client has this version already.
    pub(super) fn has(&self, current: UserVersion) -> bool {
        tags(self.0, "If-None-Match")
            .any(|tag| tag == "*" || version(tag.strip_prefix("W/").unwrap_or(tag)) == Some(current))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfNoneMatch<'r> {
    type Error = Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Infallible> {
        Outcome::Success(Self(request.headers()))
    }
}

/// The members of the list in the header `name`. userd's tags contain no comma, so a split is enough: the parts of a
/// foreign tag with a comma match nothing.
fn tags<'r>(headers: &'r HeaderMap<'_>, name: &'static str) -> impl Iterator<Item = &'r str> {
    headers.get(name).flat_map(|list| list.split(',')).map(str::trim)
}

/// The version in a strong tag of userd.
fn version(tag: &str) -> Option<UserVersion> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if canonical { digits.parse().ok().map(UserVersion::from_number) } else { None }
}

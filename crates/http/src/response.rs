//! What leaves when all went well: JSON, never run by a browser, and kept by a cache only where it is [`CacheableResponse`];
//! and what is none: the metrics as text, and one page.

use std::borrow::Cow;
use std::io::Cursor;

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response, response};
use serde::Serialize;

use super::admin_view::AccountView;
use super::view::UserView;
use userd_core::{User, UserVersion};
use userd_service::JWKS_MAX_AGE_S;

/// On everything personal, and on problems: it is about one moment and one person.
pub(super) const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// On everything that is data and no page: nothing in it is ever loaded or run.
pub(super) const NO_CONTENT: (&str, &str) = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");

/// How much room an answer gets at first, in bytes: a user with a long name fits.
const TYPICAL_BYTES: usize = 384;

/// An answer of the API.
pub(super) struct ApiResponse {
    /// The JSON; `None` is "you have it already" (304).
    body: Option<Vec<u8>>,
    /// The state of the user that the answer shows.
    version: Option<UserVersion>,
    /// Cookies to set or to forget.
    cookies: Vec<String>,
}

impl ApiResponse {
    /// `value` as JSON.
    pub(super) fn json(value: &impl Serialize) -> Self {
        Self { body: Some(to_json(value)), version: None, cookies: Vec::new() }
    }

    /// The user, in the state that they are in.
    pub(super) fn user(user: &User) -> Self {
        Self { version: Some(user.version), ..Self::json(&UserView::of(user)) }
    }

    /// The user as an administrator sees them, in the state that they are in.
    pub(super) fn account(user: &User) -> Self {
        Self { version: Some(user.version), ..Self::json(&AccountView::of(user)) }
    }

    /// The user who was, as an administrator saw them.
    pub(super) fn deleted_account(user: &User) -> Self {
        Self::json(&AccountView::of(user))
    }

    /// The user who was: there is no state any more.
    pub(super) fn deleted_user(user: &User) -> Self {
        Self::json(&UserView::of(user))
    }

    /// The same with one more cookie.
    pub(super) fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The reader has the user in this state already.
    pub(super) fn not_modified(version: UserVersion) -> Self {
        Self { body: None, version: Some(version), cookies: Vec::new() }
    }
}

/// `value` as JSON. What we write are structs of strings and numbers, for which `serde_json` has no error.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(TYPICAL_BYTES);
    if let Err(error) = serde_json::to_writer(&mut json, value) {
        tracing::error!(%error, "an answer could not be written as JSON");
    }
    json
}

/// An answer about nobody, which everybody may keep for a while.
pub(super) struct CacheableResponse<'a> {
    text: Cow<'a, [u8]>,
    kind: ContentType,
    /// What a browser may load and run of it.
    content_security: &'a str,
    /// Whether it is a page, which a window shows.
    page: bool,
}

impl<'a> CacheableResponse<'a> {
    /// `value` as JSON of this kind.
    pub(super) fn new(value: &impl Serialize, kind: ContentType) -> Self {
        Self { text: to_json(value).into(), kind, content_security: NO_CONTENT.1, page: false }
    }

    /// `text`, which is of this kind.
    pub(super) fn text(text: &'a str, kind: ContentType) -> Self {
        Self { text: text.as_bytes().into(), kind, content_security: NO_CONTENT.1, page: false }
    }

    /// A page, of which a browser may load and run what `policy` says. Other sites get no hold of its window.
    pub(super) fn page(html: &'a str, policy: &'a str) -> Self {
        Self { content_security: policy, page: true, ..Self::text(html, ContentType::HTML) }
    }
}

impl<'r, 'a: 'r> Responder<'r, 'a> for CacheableResponse<'a> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'a> {
        let mut response = Response::new();
        response.set_header(self.kind);
        response.set_header(Header::new("Cache-Control", format!("public, max-age={JWKS_MAX_AGE_S}")));
        response.set_header(Header::new(NO_CONTENT.0, self.content_security));
        if self.page {
            response.set_header(Header::new("Cross-Origin-Opener-Policy", "same-origin"));
        }
        response.set_sized_body(self.text.len(), Cursor::new(self.text));
        Ok(response)
    }
}

/// Lines of text that a program reads, of this moment.
pub(super) struct PlainTextResponse {
    /// The lines.
    pub(super) text: String,
    /// Whole, with the version of the format.
    pub(super) content_type: &'static str,
}

impl<'r> Responder<'r, 'static> for PlainTextResponse {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::new();
        response.set_header(Header::new("Content-Type", self.content_type));
        response.set_header(Header::new(NO_STORE.0, NO_STORE.1));
        response.set_header(Header::new(NO_CONTENT.0, NO_CONTENT.1));
        response.set_sized_body(self.text.len(), Cursor::new(self.text));
        Ok(response)
    }
}

impl<'r> Responder<'r, 'static> for ApiResponse {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Response::new();
        response.set_header(Header::new(NO_STORE.0, NO_STORE.1));
        response.set_header(Header::new(NO_CONTENT.0, NO_CONTENT.1));
        if let Some(version) = self.version {
            response.set_header(Header::new("ETag", format!("\"{version}\"")));
        }
        for cookie in self.cookies {
            response.adjoin_header(Header::new("Set-Cookie", cookie));
        }
        match self.body {
            Some(json) => {
                response.set_header(ContentType::JSON);
                response.set_sized_body(json.len(), Cursor::new(json));
            }
            None => response.set_status(Status::NotModified),
        }
        Ok(response)
    }
}

//! Responses that are not problems: JSON, text, and the documentation page. Only a [`CacheableResponse`] may be cached.

use std::borrow::Cow;
use std::io::Cursor;

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response, response};
use serde::Serialize;
use serde::ser::Serializer;

use userd_core::UserVersion;
use userd_service::JWKS_MAX_AGE_S;

/// On everything personal, and on problems.
pub(super) const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// On everything but the page: a browser loads and runs nothing of it.
pub(super) const NO_CONTENT: (&str, &str) = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");

/// The initial capacity of a response, in bytes: a user with a long name fits.
const TYPICAL_BYTES: usize = 384;

/// A response of the API.
pub(super) struct ApiResponse {
    /// The JSON; `None`: not modified (304).
    body: Option<Vec<u8>>,
    /// The version of the user in the response, for `ETag`.
    version: Option<UserVersion>,
    /// Values of `Set-Cookie`.
    cookies: Vec<String>,
}

impl ApiResponse {
    /// `value` as JSON.
    pub(super) fn json(value: &impl Serialize) -> Self {
        Self { body: Some(to_json(value)), version: None, cookies: Vec::new() }
    }

    /// `value` as JSON, about a user in this version.
    pub(super) fn versioned(version: UserVersion, value: &impl Serialize) -> Self {
        Self { version: Some(version), ..Self::json(value) }
    }

    /// The same with one more cookie.
    pub(super) fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The client has this version already.
    pub(super) fn not_modified(version: UserVersion) -> Self {
        Self { body: None, version: Some(version), cookies: Vec::new() }
    }
}

/// A value by its `Display` text, serialized without a `String`.
pub(super) struct DisplayText<T>(pub(super) T);

impl<T: std::fmt::Display> Serialize for DisplayText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `value` as JSON. Views are structs of strings and numbers, for which `serde_json` has no error.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(TYPICAL_BYTES);
    if let Err(error) = serde_json::to_writer(&mut json, value) {
        tracing::error!(%error, "a response could not be serialized");
    }
    json
}

/// A response without personal data, which caches may keep.
pub(super) struct CacheableResponse<'a> {
    text: Cow<'a, [u8]>,
    kind: ContentType,
    /// Its content security policy.
    content_security: &'a str,
    /// Whether it is a page.
    page: bool,
}

impl<'a> CacheableResponse<'a> {
    /// `value` as JSON of this content type.
    pub(super) fn new(value: &impl Serialize, kind: ContentType) -> Self {
        Self { text: to_json(value).into(), kind, content_security: NO_CONTENT.1, page: false }
    }

    /// `text` of this content type.
    pub(super) fn text(text: &'a str, kind: ContentType) -> Self {
        Self { text: text.as_bytes().into(), kind, content_security: NO_CONTENT.1, page: false }
    }

    /// A page with the content security policy `policy`. Other sites can't keep a handle of its window.
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

/// Text that is not cached.
pub(super) struct PlainTextResponse {
    /// The text.
    pub(super) text: String,
    /// The whole content type, with the version of the format.
    pub(super) content_type: &'static str,
}

impl<'r> Responder<'r, 'static> for PlainTextResponse {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .header(Header::new("Content-Type", self.content_type))
            .header(Header::new(NO_STORE.0, NO_STORE.1))
            .header(Header::new(NO_CONTENT.0, NO_CONTENT.1))
            .sized_body(self.text.len(), Cursor::new(self.text))
            .ok()
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

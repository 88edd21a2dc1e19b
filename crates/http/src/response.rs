//! Responses that are not problems: JSON, text, and the documentation page. Only a [`CacheableResponse`] may be cached.

use std::borrow::Cow;
use std::io::Cursor;

use rocket::http::{ContentType, Header, Status};
use rocket::response::{Builder, Responder};
use rocket::{Request, Response, response};
use serde::Serialize;
use serde::ser::Serializer;

use userd_core::UserVersion;
use userd_service::JWKS_MAX_AGE_S;

/// Of everything but the page: a browser loads and runs nothing of it.
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'";

/// The initial capacity of a response, in bytes: a user with a long name fits.
const TYPICAL_BYTES: usize = 384;

/// The start of a response that is personal or a problem, so that no cache keeps it.
pub(super) fn uncached<'r>() -> Builder<'r> {
    let mut builder = Response::build();
    builder.header(Header::new("Cache-Control", "no-store"));
    builder.header(Header::new("Content-Security-Policy", NO_CONTENT));
    builder
}

/// A response of the API.
pub(super) struct ApiResponse(Response<'static>);

impl ApiResponse {
    /// `value` as JSON.
    pub(super) fn json(value: &impl Serialize) -> Self {
        let json = to_json(value);
        Self(uncached().header(ContentType::JSON).sized_body(json.len(), Cursor::new(json)).finalize())
    }

    /// `value` as JSON, about a user in this version.
    pub(super) fn versioned(version: UserVersion, value: &impl Serialize) -> Self {
        let mut response = Self::json(value);
        response.0.set_header(etag(version));
        response
    }

    /// The client has this version already.
    pub(super) fn not_modified(version: UserVersion) -> Self {
        Self(uncached().status(Status::NotModified).header(etag(version)).finalize())
    }

    /// `text` of this content type, with the version of the format.
    pub(super) fn text(text: String, content_type: &'static str) -> Self {
        let content_type = Header::new("Content-Type", content_type);
        Self(uncached().header(content_type).sized_body(text.len(), Cursor::new(text)).finalize())
    }

    /// The same with one more cookie.
    pub(super) fn with_cookie(mut self, cookie: String) -> Self {
        self.0.adjoin_header(Header::new("Set-Cookie", cookie));
        self
    }
}

impl<'r> Responder<'r, 'static> for ApiResponse {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(self.0)
    }
}

fn etag(version: UserVersion) -> Header<'static> {
    Header::new("ETag", format!("\"{version}\""))
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
pub(super) struct CacheableResponse<'a>(Response<'a>);

impl<'a> CacheableResponse<'a> {
    /// `value` as JSON of this content type.
    pub(super) fn new(value: &impl Serialize, kind: ContentType) -> Self {
        Self::with_policy(to_json(value).into(), kind, NO_CONTENT)
    }

    /// `text` of this content type.
    pub(super) fn text(text: &'a str, kind: ContentType) -> Self {
        Self::with_policy(text.as_bytes().into(), kind, NO_CONTENT)
    }

    /// A page with the content security policy `policy`. Other sites can't keep a handle of its window.
    pub(super) fn page(html: &'a str, policy: &'a str) -> Self {
        let mut page = Self::with_policy(html.as_bytes().into(), ContentType::HTML, policy);
        page.0.set_header(Header::new("Cross-Origin-Opener-Policy", "same-origin"));
        page
    }

    fn with_policy(text: Cow<'a, [u8]>, kind: ContentType, policy: &'a str) -> Self {
        let mut response = Response::new();
        response.set_header(kind);
        response.set_header(Header::new("Cache-Control", format!("public, max-age={JWKS_MAX_AGE_S}")));
        response.set_header(Header::new("Content-Security-Policy", policy));
        response.set_sized_body(text.len(), Cursor::new(text));
        Self(response)
    }
}

impl<'r, 'a: 'r> Responder<'r, 'a> for CacheableResponse<'a> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'a> {
        Ok(self.0)
    }
}

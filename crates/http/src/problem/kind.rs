//! The kinds of problems, as one table: status, slug, title, usual detail.
//!
//! A slug is API: it is added, never renamed, and listed in `docs/API.md`; a test holds the table and the page equal.
//! To add a kind: a row here, a row on the page, and `make openapi`.

use rocket::http::Status;

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $kind:ident $status:literal $slug:literal $title:literal $detail:literal)*) => {
        /// The kind of a problem. Clients decide by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind),*
        }

        impl ProblemKind {
            /// Every kind.
            pub const ALL: [Self; [$($slug),*].len()] = [$(Self::$kind),*];

            /// The status of the response.
            #[must_use]
            pub fn status_code(self) -> u16 {
                self.row().0
            }

            /// The last part of `urn:userd:problem:<slug>`.
            #[must_use]
            pub fn slug(self) -> &'static str {
                self.row().1
            }

            /// The kind in a few words, the same for every problem of the kind.
            #[must_use]
            pub fn title(self) -> &'static str {
                self.row().2
            }

            /// What happened, in the words that fit most problems of the kind; the description's example.
            pub(crate) fn usual_detail(self) -> &'static str {
                self.row().3
            }

            fn row(self) -> (u16, &'static str, &'static str, &'static str) {
                match self {
                    $(Self::$kind => ($status, $slug, $title, $detail)),*
                }
            }
        }
    };
}

problem_kinds! {
    /// The request can't be parsed, or its headers contradict each other.
    BadRequest 400 "bad-request" "Bad request" "there are two Authorization headers; send one"
    /// The body is not JSON.
    MalformedJson 400 "malformed-json" "Malformed JSON" "not JSON at line 1, column 2"
    /// The password is not the user's.
    InvalidCredentials 401 "invalid-credentials" "Invalid credentials" "user not authenticated"
    /// Credentials are missing or invalid.
    AuthenticationRequired 401 "authentication-required" "Authentication required"
        "the session has ended; sign in again"
    /// The refresh token is invalid.
    InvalidRefreshToken 401 "invalid-refresh-token" "Invalid refresh token"
        "the refresh token is invalid; sign in again"
    /// The caller is authenticated and not permitted.
    Forbidden 403 "forbidden" "Forbidden" "the API key lacks the scope users:read"
    /// The password is right, and the account is disabled.
    AccountDisabled 403 "account-disabled" "Account disabled" "the account is disabled"
    /// The password is right, and must be changed first.
    PasswordExpired 403 "password-expired" "Password expired"
        "the password has expired; set a new one with PATCH /api/users/<id>"
    /// A browser sends the request for another site.
    CrossSite 403 "cross-site" "Cross-site request blocked"
        "a page of another site sent this request; send it from a page of this site, or add the origin to \
         cors.allowed_origins"
    /// The path does not exist.
    NotFound 404 "not-found" "Not found" "this path does not exist"
    /// The user does not exist.
    UserNotFound 404 "user-not-found" "User not found" "user grace@example.com not found"
    /// The user does not have the session.
    SessionNotFound 404 "session-not-found" "Session not found" "session not found"
    /// The path does not support the method.
    MethodNotAllowed 405 "method-not-allowed" "Method not allowed" "this path supports GET, HEAD, POST, OPTIONS"
    /// The body took too long to arrive.
    BodyTimeout 408 "body-timeout" "Request body timeout" "the body took longer than 10s"
    /// Another user has the e-mail.
    EmailTaken 409 "email-taken" "E-mail address already in use" "email already in use"
    /// The user has none of the versions in `If-Match`.
    PreconditionFailed 412 "precondition-failed" "Precondition failed"
        "the user has none of the versions in If-Match"
    /// The body is too large.
    BodyTooLarge 413 "body-too-large" "Request body too large" "the body must not exceed 16384 bytes"
    /// The body has another media type than JSON.
    UnsupportedMediaType 415 "unsupported-media-type" "Unsupported media type"
        "the body must be application/json; send Content-Type: application/json"
    /// Fields of the body or the query are invalid.
    InvalidFields 422 "invalid-fields" "Invalid fields" "name must not be empty"
    /// A rate limit of password attempts is exceeded.
    TooManyAttempts 429 "too-many-attempts" "Too many attempts"
        "too many password attempts; try again after the seconds in Retry-After"
    /// A bug in userd.
    Internal 500 "internal" "Internal server error" "internal error; the log has the cause"
    /// The stored record of the user can't be read.
    RecordUnreadable 500 "record-unreadable" "Unreadable user record"
        "the stored record of this user can't be read; the log has the cause"
    /// Too many password hashes are being computed.
    Busy 503 "busy" "Server busy" "too many passwords are being verified; try again"
    /// The user changed during every attempt.
    Contended 503 "contended" "Too much contention" "concurrent changes of the user; try again"
    /// The store is unreachable, slow or full.
    StoreUnavailable 503 "store-unavailable" "Store unavailable" "the store is unavailable; try again"
}

impl ProblemKind {
    pub(crate) fn status(self) -> Status {
        Status::new(self.status_code())
    }

    /// Headers that RFC 9110 requires with some statuses. A password is sent in the body, for which no authentication
    /// scheme is registered; an unknown scheme keeps browsers from showing a password dialog. After a 503, one hash or
    /// one reconnection takes about a second.
    pub(super) fn header(self) -> Option<(&'static str, &'static str)> {
        match self.status_code() {
            401 if self == Self::InvalidCredentials => Some(("WWW-Authenticate", "Password-In-Body realm=\"userd\"")),
            401 => Some(("WWW-Authenticate", "Bearer realm=\"userd\"")),
            408 | 413 => Some(("Connection", "close")),
            503 => Some(("Retry-After", "1")),
            _ => None,
        }
    }
}

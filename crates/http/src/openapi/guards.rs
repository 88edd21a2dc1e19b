//! The description of each guard: the credentials it accepts, the parameters it reads, the problems it returns.
//!
//! To add a guard: its `Describe`. To add a permission, nothing: its row describes it.

use rocket::State;
use serde_json::{Value, json};

use super::endpoint::{Describe, HandlerSignature};
use crate::auth::{
    AnonymousAccess, Authorized, BrowserCookies, CredentialSource, Permission, ServiceAccess, UserAccess, UserInPath,
};
use crate::conditions::{IfMatch, IfNoneMatch};
use crate::problem::ProblemKind::{self, AuthenticationRequired, BadRequest, CrossSite, Forbidden, Internal, NotFound};

/// The names of the security schemes.
pub(super) const SESSION: &str = "session";
pub(super) const COOKIE: &str = "session_cookie";
pub(super) const API_KEY: &str = "api_key";

/// The problems of authentication.
const AUTH_PROBLEMS: [ProblemKind; 5] =
    [BadRequest, AuthenticationRequired, Internal, ProblemKind::RecordUnreadable, ProblemKind::StoreUnavailable];

impl HandlerSignature {
    /// Declares a parameter that is in `place`: `path`, `query`, or `header`.
    pub(crate) fn parameter(&mut self, place: &str, name: &str, description: &str, schema: Value) {
        let required = place == "path";
        let mut parameter = json!({ "name": name, "in": place, "description": description, "required": required });
        parameter["schema"] = schema;
        self.parameters.push(parameter);
    }

    /// Declares a segment of the path.
    pub(crate) fn path_parameter(&mut self, name: &'static str, description: &str, schema: Value) {
        self.path_names.push(name);
        self.parameter("path", name, description, schema);
        self.problems.extend([BadRequest, NotFound]);
    }

    fn describe_user_path(&mut self, user_in_path: UserInPath) {
        if self.path_parameter_count == 0 {
            return;
        }
        let string = json!({ "type": "string" });
        let (description, schema) = match user_in_path {
            UserInPath::Absent => return,
            UserInPath::Id => ("The user's id.", json!({ "type": "string", "format": "uuid" })),
            UserInPath::IdOrEmail => ("The user's id, or the e-mail in any spelling.", string.clone()),
            UserInPath::IdOrEmailToRead => ("The user's id. `GET` of a user also accepts the e-mail.", string.clone()),
        };
        self.path_parameter("id", description, schema);
        if self.path_parameter_count > 1 {
            self.path_parameter("session_id", "The session's id, as in the list of sessions.", string);
        }
    }
}

/// Derived from the permission's row in `auth::permissions`.
impl<P: Permission> Describe for Authorized<'_, P> {
    fn describe(signature: &mut HandlerSignature) {
        let rule = &P::RULE;
        signature.rule = Some(*rule);
        if rule.credentials == CredentialSource::Ignored {
            signature.problems.extend([Internal, ProblemKind::StoreUnavailable]);
            return;
        }
        if rule.anonymous != AnonymousAccess::Denied {
            signature.security.push(json!({}));
        }
        if rule.user != UserAccess::AsAnonymous {
            signature.security.extend([json!({ SESSION: [] }), json!({ COOKIE: [] })]);
        }
        match rule.service {
            ServiceAccess::Denied => {}
            ServiceAccess::AnyKey => signature.security.push(json!({ API_KEY: [] })),
            ServiceAccess::Scopes(scopes) => {
                signature.security.extend(scopes.iter().map(|scope| json!({ API_KEY: [scope.as_str()] })));
            }
        }
        signature.problems.extend(AUTH_PROBLEMS);
        if rule.anonymous != AnonymousAccess::Allowed {
            signature.problems.push(Forbidden);
            if signature.state_changing {
                signature.problems.push(CrossSite);
            }
        }
        signature.describe_user_path(rule.user_in_path);
    }
}

/// Cookies are in the security schemes and the responses.
impl Describe for BrowserCookies<'_> {
    fn describe(_: &mut HandlerSignature) {}
}

impl Describe for IfMatch {
    fn describe(signature: &mut HandlerSignature) {
        let description = "The change is made only if the user has one of these versions (`ETag`); `*` matches any.";
        signature.parameter("header", "If-Match", description, json!({ "type": "string" }));
        signature.problems.push(ProblemKind::PreconditionFailed);
    }
}

impl Describe for IfNoneMatch<'_> {
    fn describe(signature: &mut HandlerSignature) {
        let description =
            "The versions (`ETag`) that the client already has. If one is current, the response is a 304.";
        signature.parameter("header", "If-None-Match", description, json!({ "type": "string" }));
    }
}

/// Managed state is not part of a request.
impl<T: Send + Sync + 'static> Describe for &State<T> {
    fn describe(_: &mut HandlerSignature) {}
}

//! The description of each guard: the credentials it accepts, the parameters it reads, the problems it returns.
//!
//! To add a guard: its `Describe`. To add a permission, nothing: its row describes it.

use rocket::State;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaFormat};
use utoipa::openapi::security::SecurityRequirement;

use super::endpoint::{Describe, HandlerSignature};
use super::operation_doc::string;
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
    /// Declares a segment of the path.
    pub(crate) fn path_parameter(&mut self, name: &'static str, description: &str, schema: impl Into<Schema>) {
        self.path_names.push(name);
        self.parameters.push(parameter(name, ParameterIn::Path, description, schema.into()));
        self.problems.extend([BadRequest, NotFound]);
    }

    fn describe_user_path(&mut self, user_in_path: UserInPath) {
        if self.path_parameter_count == 0 {
            return;
        }
        let id = || string().format(Some(SchemaFormat::Custom("uuid".to_owned())));
        let (description, schema) = match user_in_path {
            UserInPath::Absent => return,
            UserInPath::Id => ("The user's id.", id()),
            UserInPath::IdOrEmail => ("The user's id, or the e-mail in any spelling.", string()),
            UserInPath::IdOrEmailToRead => ("The user's id. `GET` of a user also accepts the e-mail.", string()),
        };
        self.path_parameter("id", description, schema);
        if self.path_parameter_count > 1 {
            self.path_parameter("session_id", "The session's id, as in the list of sessions.", string());
        }
    }

    /// Declares a parameter of the query.
    pub(crate) fn query_parameter(&mut self, name: &str, description: &str, schema: Schema) {
        self.parameters.push(parameter(name, ParameterIn::Query, description, schema));
    }

    fn header_parameter(&mut self, name: &'static str, description: &str) {
        self.parameters.push(parameter(name, ParameterIn::Header, description, string().into()));
    }
}

fn parameter(name: &str, place: ParameterIn, description: &str, schema: Schema) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(Some(description)).schema(Some(schema)).build()
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
            signature.security.push(SecurityRequirement::default());
        }
        if rule.user != UserAccess::AsAnonymous {
            signature.security.extend([SESSION, COOKIE].map(|scheme| SecurityRequirement::new(scheme, [""; 0])));
        }
        match rule.service {
            ServiceAccess::Denied => {}
            ServiceAccess::AnyKey => signature.security.push(SecurityRequirement::new(API_KEY, [""; 0])),
            ServiceAccess::Scopes(scopes) => {
                let each = scopes.iter().map(|scope| SecurityRequirement::new(API_KEY, [scope.as_str()]));
                signature.security.extend(each);
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
        signature.header_parameter(
            "If-Match",
            "The change is made only if the user has one of these versions (`ETag`); `*` matches any.",
        );
        signature.problems.push(ProblemKind::PreconditionFailed);
    }
}

impl Describe for IfNoneMatch<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.header_parameter(
            "If-None-Match",
            "The versions (`ETag`) that the client already has. If one is current, the response is a 304.",
        );
    }
}

/// Managed state is not part of a request.
impl<T: Send + Sync + 'static> Describe for &State<T> {
    fn describe(_: &mut HandlerSignature) {}
}

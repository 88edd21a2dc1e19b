//! What each guard says of itself: what can be shown to it, what it reads, and which problems it gives.

use rocket::State;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::SecurityRequirement;

use super::endpoint::{BodySchema, Describe, HandlerSignature};
use crate::api::FilePath;
use crate::auth::{
    AdminAuth, Authorized, CountUsersAuth, MetricsAuth, NoAuth, OptionalAuth, Permission, SessionAuth, SignOutAuth,
    SignUpAuth,
};
use crate::body::ValidatedBody;
use crate::conditions::{IfMatch, IfNoneMatch};
use crate::json_body::{FromJsonBody, declared};
use crate::problem::ProblemKind::{self, AuthenticationRequired, BadRequest, CrossSite, Forbidden, Internal, NotFound};
use crate::query::{FromQuery, LIMIT_DEFAULT, LIMIT_MAX, QueryParam, ValidatedQuery};
use userd_core::Scope;

/// The names of what can be shown.
pub(super) const SESSION: &str = "session";
pub(super) const COOKIE: &str = "session_cookie";
pub(super) const API_KEY: &str = "api_key";

/// What looking at who asks can give.
const AUTH_PROBLEMS: [ProblemKind; 5] =
    [BadRequest, AuthenticationRequired, Internal, ProblemKind::RecordUnreadable, ProblemKind::StoreUnavailable];

impl HandlerSignature {
    fn allow_anonymous(&mut self) {
        self.security.push(SecurityRequirement::default());
    }

    fn allow_session(&mut self) {
        for scheme in [SESSION, COOKIE] {
            self.security.push(SecurityRequirement::new(scheme, [""; 0]));
        }
        if self.state_changing {
            self.problems.push(CrossSite);
        }
    }

    fn allow_api_key(&mut self, scope: Option<Scope>) {
        self.security.push(SecurityRequirement::new(API_KEY, scope.map(Scope::as_str)));
    }

    fn path_parameter(&mut self, name: &'static str, description: &str, schema: impl Into<Schema>) {
        self.path_names.push(name);
        self.parameters.push(parameter(name, ParameterIn::Path, description, schema.into()));
        self.problems.extend([BadRequest, NotFound]);
    }

    fn header_parameter(&mut self, name: &'static str, description: &str) {
        let schema = ObjectBuilder::new().schema_type(Type::String).build();
        self.parameters.push(parameter(name, ParameterIn::Header, description, schema.into()));
    }
}

fn parameter(name: &str, place: ParameterIn, description: &str, schema: Schema) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(Some(description)).schema(Some(schema)).build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl Describe for NoAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.problems.extend([Internal, ProblemKind::StoreUnavailable]);
    }
}

impl Describe for OptionalAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_anonymous();
        signature.allow_api_key(None);
        signature.problems.extend(AUTH_PROBLEMS);
    }
}

impl Describe for SignUpAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_anonymous();
        signature.allow_api_key(Some(Scope::UsersWrite));
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.extend([Forbidden, CrossSite]);
    }
}

impl Describe for CountUsersAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_api_key(Some(Scope::UsersRead));
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.push(Forbidden);
    }
}

impl Describe for MetricsAuth {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_anonymous();
        signature.allow_api_key(Some(Scope::Metrics));
        signature.allow_api_key(Some(Scope::Admin));
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.push(Forbidden);
    }
}

impl Describe for AdminAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_api_key(Some(Scope::Admin));
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.push(Forbidden);
        if signature.state_changing {
            signature.problems.push(CrossSite);
        }
        if signature.path_parameter_count > 0 {
            signature.path_parameter("id", "The user's id; to look one up, their e-mail, too.", text().build());
        }
        if signature.path_parameter_count > 1 {
            signature.path_parameter("session_id", "The session's id, as in the list of sessions.", text().build());
        }
    }
}

impl<T: FromQuery> Describe for ValidatedQuery<T> {
    fn describe(signature: &mut HandlerSignature) {
        for part in T::NAMES {
            let schema = match part {
                QueryParam::Limit => {
                    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
                    number.maximum(Some(LIMIT_MAX)).default(Some(LIMIT_DEFAULT.into())).build()
                }
                QueryParam::Order => text().enum_values(Some(["asc", "desc"])).build(),
                QueryParam::Cursor | QueryParam::Email => text().build(),
            };
            signature.parameters.push(parameter(part.name(), ParameterIn::Query, part.description(), schema.into()));
        }
        signature.problems.push(ProblemKind::InvalidFields);
    }
}

impl<A: Permission> Describe for Authorized<'_, A> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_session();
        signature.allow_api_key(Some(A::SCOPE));
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.push(Forbidden);
        let id = text().format(Some(SchemaFormat::Custom("uuid".to_owned()))).build();
        if A::BY_EMAIL {
            signature.path_parameter("id", "The user's id, or their e-mail in any spelling of it.", text().build());
        } else {
            signature.path_parameter("id", "The user's id.", id);
        }
        if signature.path_parameter_count > 1 {
            signature.path_parameter("session_id", "The session's id, as in the list of sessions.", text().build());
        }
    }
}

impl Describe for SessionAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.allow_session();
        signature.problems.extend(AUTH_PROBLEMS);
        signature.problems.push(Forbidden);
    }
}

impl Describe for SignOutAuth<'_> {
    fn describe(signature: &mut HandlerSignature) {
        SessionAuth::describe(signature);
    }
}

impl Describe for IfMatch {
    fn describe(signature: &mut HandlerSignature) {
        signature.header_parameter("If-Match", "The states (`ETag`) in which the change is wanted; `*` is any.");
        signature.problems.push(ProblemKind::PreconditionFailed);
    }
}

impl Describe for IfNoneMatch<'_> {
    fn describe(signature: &mut HandlerSignature) {
        signature.header_parameter(
            "If-None-Match",
            "The states (`ETag`) that the reader already has: the answer is then 304.",
        );
    }
}

impl Describe for FilePath {
    fn describe(signature: &mut HandlerSignature) {
        signature.path_parameter("path", "The file below the folder that the operator has named.", text().build());
    }
}

/// What is managed is nothing that a request says.
impl<T: Send + Sync + 'static> Describe for &State<T> {
    fn describe(_: &mut HandlerSignature) {}
}

/// The body of which at least one field must be there, and not null.
fn any_required(body: Object, names: &[&str]) -> Schema {
    let mut any = AnyOfBuilder::new();
    for name in names {
        let one = ObjectBuilder::new().schema_type(Type::Boolean).build();
        any = any.item(ObjectBuilder::new().schema_type(Type::Object).property(*name, one).required(*name));
    }
    AllOfBuilder::new().item(body).item(any).build().into()
}

impl<T: FromJsonBody> Describe for ValidatedBody<T> {
    fn describe(signature: &mut HandlerSignature) {
        let fields = declared::<T>(signature.policy);
        let read = fields.iter().map(|field| field.name).collect();
        let mut schema = ObjectBuilder::new().schema_type(Type::Object);
        for field in fields {
            let mut of_field = field.schema;
            if field.required {
                schema = schema.required(field.name);
            } else if let SchemaType::Type(one) = of_field.schema_type {
                of_field.schema_type = SchemaType::Array(vec![one, Type::Null]);
            }
            schema = schema.property(field.name, of_field);
        }
        let schema = schema.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let schema = if T::ANY_REQUIRED { any_required(schema.build(), T::NAMES) } else { schema.build().into() };
        let name = T::SCHEMA_NAME;
        signature.body = Some(BodySchema { name, schema, names: (T::NAMES.to_vec(), read) });
        signature.problems.extend([
            BadRequest,
            Internal,
            ProblemKind::MalformedJson,
            ProblemKind::BodyTimeout,
            ProblemKind::BodyTooLarge,
            ProblemKind::UnsupportedMediaType,
            ProblemKind::InvalidFields,
        ]);
    }
}

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
    AnonymousAccess, Authorized, BrowserCookies, CredentialSource, Permission, ServiceAccess, UserAccess, UserInPath,
};
use crate::body::ValidatedBody;
use crate::conditions::{IfMatch, IfNoneMatch};
use crate::json_body::{FromJsonBody, declared};
use crate::problem::ProblemKind::{self, AuthenticationRequired, BadRequest, CrossSite, Forbidden, Internal, NotFound};
use crate::query::{FromQuery, LIMIT_DEFAULT, LIMIT_MAX, QueryParam, ValidatedQuery};

/// The names of what can be shown.
pub(super) const SESSION: &str = "session";
pub(super) const COOKIE: &str = "session_cookie";
pub(super) const API_KEY: &str = "api_key";

/// What looking at who asks can give.
const AUTH_PROBLEMS: [ProblemKind; 5] =
    [BadRequest, AuthenticationRequired, Internal, ProblemKind::RecordUnreadable, ProblemKind::StoreUnavailable];

impl HandlerSignature {
    fn path_parameter(&mut self, name: &'static str, description: &str, schema: impl Into<Schema>) {
        self.path_names.push(name);
        self.parameters.push(parameter(name, ParameterIn::Path, description, schema.into()));
        self.problems.extend([BadRequest, NotFound]);
    }

    fn describe_user_path(&mut self, user_in_path: UserInPath) {
        if self.path_parameter_count == 0 {
            return;
        }
        let id = || text().format(Some(SchemaFormat::Custom("uuid".to_owned()))).build();
        let (description, schema) = match user_in_path {
            UserInPath::Absent => return,
            UserInPath::Id => ("The user's id.", id()),
            UserInPath::IdOrEmail => ("The user's id, or their e-mail in any spelling of it.", text().build()),
            UserInPath::IdOrEmailToRead => ("The user's id; to look one up, their e-mail, too.", text().build()),
        };
        self.path_parameter("id", description, schema);
        if self.path_parameter_count > 1 {
            self.path_parameter("session_id", "The session's id, as in the list of sessions.", text().build());
        }
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

/// Everything comes from the permission's row in `auth::permissions`.
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

impl Describe for BrowserCookies<'_> {
    fn describe(_: &mut HandlerSignature) {}
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

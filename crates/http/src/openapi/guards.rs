//! What each guard says of itself: what can be shown to it, what it reads, and which problems it gives.

use rocket::State;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::SecurityRequirement;

use super::endpoint::{BodySchema, Part, Signature};
use crate::api::FilePath;
use crate::body::Body;
use crate::callers::{Act, Administrator, Anyone, May, MayCount, MayScrape, MaySignUp, Public, SignedIn, SigningOut};
use crate::conditions::{IfMatch, IfNoneMatch};
use crate::fields::{FromFields, declared};
use crate::problem::ProblemKind::{self, BadRequest, CrossSite, Forbidden, Internal, NotFound, NotSignedIn};
use crate::queries::{FromParts, LIMIT_MAX, LIMIT_USUAL, Query, QueryPart};
use userd_core::Scope;

/// The names of what can be shown.
pub(super) const SESSION: &str = "session";
pub(super) const COOKIE: &str = "session_cookie";
pub(super) const API_KEY: &str = "api_key";

/// What looking at who asks can give.
const OF_CALLERS: [ProblemKind; 5] =
    [BadRequest, NotSignedIn, Internal, ProblemKind::RecordUnreadable, ProblemKind::StoreUnavailable];

impl Signature {
    fn nothing_shown(&mut self) {
        self.security.push(SecurityRequirement::default());
    }

    fn session_shown(&mut self) {
        for scheme in [SESSION, COOKIE] {
            self.security.push(SecurityRequirement::new(scheme, [""; 0]));
        }
        if self.changes {
            self.problems.push(CrossSite);
        }
    }

    fn key_shown(&mut self, scope: Option<Scope>) {
        self.security.push(SecurityRequirement::new(API_KEY, scope.map(Scope::word)));
    }

    fn in_path(&mut self, name: &'static str, says: &str, schema: impl Into<Schema>) {
        self.path_names.push(name);
        self.parameters.push(parameter(name, ParameterIn::Path, says, schema.into()));
        self.problems.extend([BadRequest, NotFound]);
    }

    fn in_header(&mut self, name: &'static str, says: &str) {
        let schema = ObjectBuilder::new().schema_type(Type::String).build();
        self.parameters.push(parameter(name, ParameterIn::Header, says, schema.into()));
    }
}

fn parameter(name: &str, place: ParameterIn, says: &str, schema: Schema) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(Some(says)).schema(Some(schema)).build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl Part for Public<'_> {
    fn tell(signature: &mut Signature) {
        signature.problems.extend([Internal, ProblemKind::StoreUnavailable]);
    }
}

impl Part for Anyone<'_> {
    fn tell(signature: &mut Signature) {
        signature.nothing_shown();
        signature.key_shown(None);
        signature.problems.extend(OF_CALLERS);
    }
}

impl Part for MaySignUp<'_> {
    fn tell(signature: &mut Signature) {
        signature.nothing_shown();
        signature.key_shown(Some(Scope::UsersWrite));
        signature.problems.extend(OF_CALLERS);
        signature.problems.extend([Forbidden, CrossSite]);
    }
}

impl Part for MayCount<'_> {
    fn tell(signature: &mut Signature) {
        signature.key_shown(Some(Scope::UsersRead));
        signature.problems.extend(OF_CALLERS);
        signature.problems.push(Forbidden);
    }
}

impl Part for MayScrape {
    fn tell(signature: &mut Signature) {
        signature.nothing_shown();
        signature.key_shown(Some(Scope::Metrics));
        signature.key_shown(Some(Scope::Admin));
        signature.problems.extend(OF_CALLERS);
        signature.problems.push(Forbidden);
    }
}

impl Part for Administrator<'_> {
    fn tell(signature: &mut Signature) {
        signature.key_shown(Some(Scope::Admin));
        signature.problems.extend(OF_CALLERS);
        signature.problems.push(Forbidden);
        if signature.changes {
            signature.problems.push(CrossSite);
        }
        if signature.segments_open > 0 {
            signature.in_path("id", "The user's id; to look one up, their e-mail, too.", text().build());
        }
        if signature.segments_open > 1 {
            signature.in_path("session_id", "The session's id, as in the list of sessions.", text().build());
        }
    }
}

impl<T: FromParts> Part for Query<T> {
    fn tell(signature: &mut Signature) {
        for part in T::NAMES {
            let schema = match part {
                QueryPart::Limit => {
                    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
                    number.maximum(Some(LIMIT_MAX)).default(Some(LIMIT_USUAL.into())).build()
                }
                QueryPart::Order => text().enum_values(Some(["asc", "desc"])).build(),
                QueryPart::Cursor | QueryPart::Email => text().build(),
            };
            signature.parameters.push(parameter(part.name(), ParameterIn::Query, part.says(), schema.into()));
        }
        signature.problems.push(ProblemKind::InvalidFields);
    }
}

impl<A: Act> Part for May<'_, A> {
    fn tell(signature: &mut Signature) {
        signature.session_shown();
        signature.key_shown(Some(A::SCOPE));
        signature.problems.extend(OF_CALLERS);
        signature.problems.push(Forbidden);
        let id = text().format(Some(SchemaFormat::Custom("uuid".to_owned()))).build();
        if A::BY_EMAIL {
            signature.in_path("id", "The user's id, or their e-mail in any spelling of it.", text().build());
        } else {
            signature.in_path("id", "The user's id.", id);
        }
        if signature.segments_open > 1 {
            signature.in_path("session_id", "The session's id, as in the list of sessions.", text().build());
        }
    }
}

impl Part for SignedIn<'_> {
    fn tell(signature: &mut Signature) {
        signature.session_shown();
        signature.problems.extend(OF_CALLERS);
        signature.problems.push(Forbidden);
    }
}

impl Part for SigningOut<'_> {
    fn tell(signature: &mut Signature) {
        SignedIn::tell(signature);
    }
}

impl Part for IfMatch {
    fn tell(signature: &mut Signature) {
        signature.in_header("If-Match", "The states (`ETag`) in which the change is wanted; `*` is any.");
        signature.problems.push(ProblemKind::PreconditionFailed);
    }
}

impl Part for IfNoneMatch<'_> {
    fn tell(signature: &mut Signature) {
        signature
            .in_header("If-None-Match", "The states (`ETag`) that the reader already has: the answer is then 304.");
    }
}

impl Part for FilePath {
    fn tell(signature: &mut Signature) {
        signature.in_path("path", "The file below the folder that the operator has named.", text().build());
    }
}

/// What is managed is nothing that a request says.
impl<T: Send + Sync + 'static> Part for &State<T> {
    fn tell(_: &mut Signature) {}
}

/// The body of which at least one field must be there, and not null.
fn some_needed(body: Object, names: &[&str]) -> Schema {
    let mut any = AnyOfBuilder::new();
    for name in names {
        let one = ObjectBuilder::new().schema_type(Type::Boolean).build();
        any = any.item(ObjectBuilder::new().schema_type(Type::Object).property(*name, one).required(*name));
    }
    AllOfBuilder::new().item(body).item(any).build().into()
}

impl<T: FromFields> Part for Body<T> {
    fn tell(signature: &mut Signature) {
        let fields = declared::<T>(signature.policy);
        let read = fields.iter().map(|field| field.name).collect();
        let mut schema = ObjectBuilder::new().schema_type(Type::Object);
        for field in fields {
            let mut of_field = field.schema;
            if field.needed {
                schema = schema.required(field.name);
            } else if let SchemaType::Type(one) = of_field.schema_type {
                of_field.schema_type = SchemaType::Array(vec![one, Type::Null]);
            }
            schema = schema.property(field.name, of_field);
        }
        let schema = schema.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let schema = if T::SOME_NEEDED { some_needed(schema.build(), T::NAMES) } else { schema.build().into() };
        let name = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
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

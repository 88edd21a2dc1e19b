//! What no type says of an endpoint, told here: what it is for, an example of its body, what it answers, and the problems
//! of its use case. One file for each group of endpoints.
//!
//! Examples belong together: tests send them one after another, and hold every answer against what is told of it.

mod admin;
mod monitoring;
mod sessions;
mod tokens;
mod users;

use rocket::http::Method;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::problem::ProblemKind;

/// A group of endpoints, and what it is about.
pub(super) const TAGS: [(&str, &str); 6] = [
    ("users", "People with a name, an e-mail and a password."),
    ("sessions", "Signing in and out, and where a user is signed in."),
    ("tokens", "Tokens that other services check by themselves."),
    ("admin", "For administrators: a service whose key has the scope `admin`."),
    ("operations", "For whoever runs userd."),
    ("files", "Files of the operator's."),
];

/// What is told of one endpoint.
pub(super) struct OperationDoc {
    /// Which one: the method and the path, as Rocket has them.
    pub(super) route: (Method, &'static str),
    /// What programs call it.
    pub(super) operation_id: &'static str,
    /// Which group it belongs to.
    pub(super) tag: &'static str,
    /// What it does, in a few words.
    pub(super) summary: &'static str,
    /// The same at length.
    pub(super) description: &'static str,
    /// A body.
    pub(super) body: Option<Value>,
    /// What it answers when all went well.
    pub(super) responses: Vec<ResponseDoc>,
    /// The problems of its use case.
    pub(super) problems: Vec<ProblemKind>,
}

/// An answer when all went well.
pub(super) struct ResponseDoc {
    /// Its status.
    pub(super) status: u16,
    /// What it is.
    pub(super) description: &'static str,
    /// The headers that it has besides those of every answer.
    pub(super) headers: Vec<&'static str>,
    /// Its content, if it has any.
    pub(super) content: Option<ResponseContent>,
}

/// What is in an answer.
pub(super) struct ResponseContent {
    /// Of which kind it is.
    pub(super) media_type: &'static str,
    /// Its schema.
    pub(super) schema: Option<RefOr<Schema>>,
    /// The schemas that the schema names.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    /// One of it.
    pub(super) example: Option<Value>,
}

impl ResponseDoc {
    /// A view as JSON.
    fn view<V: ToSchema>(description: &'static str, example: Value) -> Self {
        let mut schemas = vec![(V::name().into_owned(), V::schema())];
        V::schemas(&mut schemas);
        let schema = RefOr::from(Ref::from_schema_name(V::name()));
        Self::content(
            description,
            ResponseContent { media_type: "application/json", schema: Some(schema), schemas, example: Some(example) },
        )
    }

    /// A page of views.
    fn page<V: ToSchema>(description: &'static str, item: &Value) -> Self {
        let mut schemas = vec![(V::name().into_owned(), V::schema())];
        V::schemas(&mut schemas);
        let cursor = || {
            let kinds = SchemaType::Array(vec![Type::String, Type::Null]);
            ObjectBuilder::new().schema_type(kinds).description(Some("A `cursor`, or null at the end.")).build()
        };
        let page = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("items", ArrayBuilder::new().items(Ref::from_schema_name(V::name())).build())
            .property("next", cursor())
            .property("previous", cursor())
            .required("items")
            .required("next")
            .required("previous");
        let name = format!("{}Page", V::name());
        schemas.push((name.clone(), page.build().into()));
        let (schema, example) =
            (Ref::from_schema_name(name).into(), json!({ "items": [item], "next": null, "previous": null }));
        Self::content(
            description,
            ResponseContent { media_type: "application/json", schema: Some(schema), schemas, example: Some(example) },
        )
    }

    /// JSON without a name.
    fn json(description: &'static str, schema: impl Into<RefOr<Schema>>, example: Value) -> Self {
        let (media_type, schema) = ("application/json", Some(schema.into()));
        Self::content(description, ResponseContent { media_type, schema, schemas: Vec::new(), example: Some(example) })
    }

    /// Content that is no JSON.
    fn non_json(
        description: &'static str,
        media_type: &'static str,
        schema: impl Into<RefOr<Schema>>,
        example: Option<Value>,
    ) -> Self {
        Self::content(
            description,
            ResponseContent { media_type, schema: Some(schema.into()), schemas: Vec::new(), example },
        )
    }

    fn content(description: &'static str, content: ResponseContent) -> Self {
        Self { status: 200, description, headers: Vec::new(), content: Some(content) }
    }

    /// No content.
    fn empty(status: u16, description: &'static str) -> Self {
        Self { status, description, headers: Vec::new(), content: None }
    }

    /// The same, of this kind.
    fn with_media_type(mut self, media_type: &'static str) -> Self {
        self.content = self.content.map(|content| ResponseContent { media_type, ..content });
        self
    }

    /// The same with one more header.
    fn with_header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }
}

/// What is told of every endpoint.
pub(super) fn all() -> Vec<OperationDoc> {
    [users::docs(), sessions::docs(), tokens::docs(), monitoring::docs(), admin::docs()].into_iter().flatten().collect()
}

/// Ada, who is in every example.
fn ada() -> Value {
    json!({
        "id": ADA,
        "name": "Ada Lovelace",
        "email": "Ada@Example.com",
        "created_at": "2026-11-22T14:31:02.007Z",
        "updated_at": "2026-11-22T14:31:02.007Z",
    })
}

/// A text that is always this one.
fn constant(text: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([text])).build()
}

/// Her id.
const ADA: &str = "01a203aa-e877-7395-9e1c-3ee1eb7d3f0a";

/// Her password, and her next one.
const PASSWORD: &str = "blue kite over Delft";
const NEXT_PASSWORD: &str = "seven grey herons, wading";

/// What checking a password can give.
const PASSWORD_PROBLEMS: [ProblemKind; 5] = [
    ProblemKind::InvalidCredentials,
    ProblemKind::AccountDisabled,
    ProblemKind::PasswordExpired,
    ProblemKind::TooManyAttempts,
    ProblemKind::Busy,
];

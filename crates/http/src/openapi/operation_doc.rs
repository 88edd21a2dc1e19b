//! What no type says about an endpoint: its purpose, an example of its body, its responses, and the problems of its use
//! case. Each endpoint's file has its own [`OperationDoc`].
//!
//! Tests send the examples one after another and compare every response with its description.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::problem::ProblemKind;

/// The groups of endpoints.
pub(super) const TAGS: [(&str, &str); 6] = [
    ("users", "User accounts: name, e-mail and password."),
    ("sessions", "Sign-in, sign-out, and the sessions of a user."),
    ("tokens", "Tokens (JWT) that other services verify themselves."),
    ("admin", "For administrators. Requires an API key with the scope `admin`."),
    ("operations", "Health checks, metrics and documentation."),
    ("files", "Static files of the operator."),
];

/// The description of one endpoint.
#[derive(Default)]
pub(crate) struct OperationDoc {
    /// Its name for generated clients.
    pub(crate) operation_id: &'static str,
    /// Its group, one of [`TAGS`].
    pub(crate) tag: &'static str,
    /// Its purpose in a few words.
    pub(crate) summary: &'static str,
    /// The same at length.
    pub(crate) description: &'static str,
    /// An example of its body.
    pub(crate) body: Option<Value>,
    /// Its responses, problems excluded.
    pub(crate) responses: Vec<ResponseDoc>,
    /// The problems of its use case. Those of its arguments come from their types.
    pub(crate) problems: Vec<ProblemKind>,
}

/// A response that is no problem.
pub(crate) struct ResponseDoc {
    /// Its status.
    pub(super) status: u16,
    /// What it is.
    pub(super) description: &'static str,
    /// Its headers besides those of every response.
    pub(super) headers: Vec<&'static str>,
    /// Its content.
    pub(super) content: Option<ResponseContent>,
}

/// The content of a response.
pub(super) struct ResponseContent {
    /// Its media type.
    pub(super) media_type: &'static str,
    /// Its schema.
    pub(super) schema: Option<RefOr<Schema>>,
    /// The schemas that the schema names.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    /// An example.
    pub(super) example: Option<Value>,
}

impl ResponseDoc {
    /// A view as JSON.
    pub(crate) fn view<V: ToSchema>(description: &'static str, example: Value) -> Self {
        let mut schemas = vec![(V::name().into_owned(), V::schema())];
        V::schemas(&mut schemas);
        let schema = RefOr::from(Ref::from_schema_name(V::name()));
        Self::content(
            description,
            ResponseContent { media_type: "application/json", schema: Some(schema), schemas, example: Some(example) },
        )
    }

    /// A page of views.
    pub(crate) fn page<V: ToSchema>(description: &'static str, item: &Value) -> Self {
        let mut schemas = vec![(V::name().into_owned(), V::schema())];
        V::schemas(&mut schemas);
        let cursor = || {
            let kinds = SchemaType::Array(vec![Type::String, Type::Null]);
            ObjectBuilder::new()
                .schema_type(kinds)
                .description(Some("A `cursor`, or null if there is no such page."))
                .build()
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

    /// JSON whose schema has no name.
    pub(crate) fn json(description: &'static str, schema: impl Into<RefOr<Schema>>, example: Value) -> Self {
        let (media_type, schema) = ("application/json", Some(schema.into()));
        Self::content(description, ResponseContent { media_type, schema, schemas: Vec::new(), example: Some(example) })
    }

    /// A JSON string that is always this one.
    pub(crate) fn constant(description: &'static str, text: &'static str) -> Self {
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([text])).build();
        Self::json(description, schema, json!(text))
    }

    /// Any other content.
    pub(crate) fn non_json(
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
    pub(crate) fn empty(status: u16, description: &'static str) -> Self {
        Self { status, description, headers: Vec::new(), content: None }
    }

    /// The same with another media type.
    pub(crate) fn with_media_type(mut self, media_type: &'static str) -> Self {
        self.content = self.content.map(|content| ResponseContent { media_type, ..content });
        self
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str) -> Self {
        self.headers.push(name);
        self
    }
}

/// The schema of a text without rules.
pub(crate) fn plain_text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

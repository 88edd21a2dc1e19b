//! What no type says about an endpoint: its purpose, an example of its body, its responses, and the problems of its use
//! case. Each endpoint's file has its own [`OperationDoc`].
//!
//! Tests send the examples one after another and compare every response with its description.

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
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
    pub(super) operation_id: &'static str,
    /// Its group, one of [`TAGS`].
    pub(super) tag: &'static str,
    /// Its purpose in a few words.
    pub(super) summary: &'static str,
    /// The same at length.
    pub(super) description: &'static str,
    /// An example of its body.
    pub(super) body: Option<Value>,
    /// Its responses, problems excluded.
    pub(super) responses: Vec<ResponseDoc>,
    /// The problems of its use case. Those of its arguments come from their types.
    pub(super) problems: Vec<ProblemKind>,
}

impl OperationDoc {
    /// The description of an endpoint with this id and purpose.
    pub(crate) fn new(operation_id: &'static str, summary: &'static str) -> Self {
        Self { operation_id, summary, ..Self::default() }
    }

    /// Sets the description.
    pub(crate) fn description(self, description: &'static str) -> Self {
        Self { description, ..self }
    }

    /// Sets the group, one of [`TAGS`], unless the endpoint has one: by default it is that of its area.
    pub(crate) fn tag(self, tag: &'static str) -> Self {
        if self.tag.is_empty() { Self { tag, ..self } } else { self }
    }

    /// Sets the example of the body.
    pub(crate) fn body(self, example: Value) -> Self {
        Self { body: Some(example), ..self }
    }

    /// Adds a response that is not a problem.
    pub(crate) fn response(mut self, response: ResponseDoc) -> Self {
        self.responses.push(response);
        self
    }

    /// Adds problems of the use case.
    pub(crate) fn problems(mut self, problems: impl IntoIterator<Item = ProblemKind>) -> Self {
        self.problems.extend(problems);
        self
    }
}

/// A response that is not a problem.
pub(crate) struct ResponseDoc {
    /// Its status.
    pub(super) status: u16,
    /// What it is.
    pub(super) description: &'static str,
    /// Its headers besides those of every response.
    pub(super) headers: Vec<&'static str>,
    /// Its content.
    pub(super) content: Option<ResponseContent>,
    /// The schemas that the content's schema names.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

/// The content of a response.
pub(super) struct ResponseContent {
    /// Its media type.
    pub(super) media_type: &'static str,
    /// Its schema.
    pub(super) schema: RefOr<Schema>,
    /// An example.
    pub(super) example: Option<Value>,
}

impl ResponseDoc {
    /// A view as JSON.
    pub(crate) fn view<V: ToSchema>(description: &'static str, example: Value) -> Self {
        let schema = Ref::from_schema_name(V::name());
        Self { schemas: schemas_of::<V>(), ..Self::json(description, schema, example) }
    }

    /// A page of views.
    pub(crate) fn page<V: ToSchema>(description: &'static str, item: &Value) -> Self {
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
        let mut schemas = schemas_of::<V>();
        schemas.push((name.clone(), page.into()));
        let example = json!({ "items": [item], "next": null, "previous": null });
        Self { schemas, ..Self::json(description, Ref::from_schema_name(name), example) }
    }

    /// A JSON string that is always this one.
    pub(crate) fn constant(description: &'static str, text: &'static str) -> Self {
        Self::json(description, string().enum_values(Some([text])), json!(text))
    }

    /// JSON whose schema has no name.
    pub(crate) fn json(description: &'static str, schema: impl Into<RefOr<Schema>>, example: Value) -> Self {
        Self::new(description, "application/json", schema, Some(example))
    }

    /// Any content.
    pub(crate) fn new(
        description: &'static str,
        media_type: &'static str,
        schema: impl Into<RefOr<Schema>>,
        example: Option<Value>,
    ) -> Self {
        let content = ResponseContent { media_type, schema: schema.into(), example };
        Self { content: Some(content), ..Self::empty(200, description) }
    }

    /// No content.
    pub(crate) fn empty(status: u16, description: &'static str) -> Self {
        Self { status, description, headers: Vec::new(), content: None, schemas: Vec::new() }
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

/// The schema of `V` and those it names.
fn schemas_of<V: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(V::name().into_owned(), V::schema())];
    V::schemas(&mut schemas);
    schemas
}

/// The schema of a string without rules.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

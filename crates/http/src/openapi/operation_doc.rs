//! What no type says about an endpoint: its purpose, an example of its body, its responses, and the problems of its use
//! case. Each endpoint's file has its own [`OperationDoc`].
//!
//! Tests send the examples one after another and compare every response with its description.

use serde_json::{Value, json};
use utoipa::ToSchema;

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
    /// Its description, headers and content, as in the document.
    pub(super) doc: Value,
    /// The schemas that the content's schema names.
    pub(super) schemas: Vec<(String, Value)>,
}

impl ResponseDoc {
    /// A view as JSON.
    pub(crate) fn view<V: ToSchema>(description: &'static str, example: Value) -> Self {
        let schema = reference("schemas", &V::name());
        Self { schemas: schemas_of::<V>(), ..Self::json(description, schema, example) }
    }

    /// A page of views.
    pub(crate) fn page<V: ToSchema>(description: &'static str, item: &Value) -> Self {
        let cursor =
            json!({ "type": ["string", "null"], "description": "A `cursor`, or null if there is no such page." });
        let page = json!({
            "type": "object",
            "required": ["items", "next", "previous"],
            "properties": {
                "items": { "type": "array", "items": reference("schemas", &V::name()) },
                "next": cursor,
                "previous": cursor,
            },
        });
        let name = format!("{}Page", V::name());
        let schema = reference("schemas", &name);
        let mut schemas = schemas_of::<V>();
        schemas.push((name, page));
        let example = json!({ "items": [item], "next": null, "previous": null });
        Self { schemas, ..Self::json(description, schema, example) }
    }

    /// A JSON string that is always this one.
    pub(crate) fn constant(description: &'static str, text: &'static str) -> Self {
        Self::json(description, json!({ "type": "string", "enum": [text] }), json!(text))
    }

    /// JSON whose schema has no name.
    pub(crate) fn json(description: &'static str, schema: Value, example: Value) -> Self {
        Self::new(description, "application/json", schema, Some(example))
    }

    /// Any content.
    pub(crate) fn new(
        description: &'static str,
        media_type: &'static str,
        schema: Value,
        example: Option<Value>,
    ) -> Self {
        let mut response = Self::empty(200, description);
        response.doc["content"][media_type] = content(schema, example);
        response
    }

    /// No content.
    pub(crate) fn empty(status: u16, description: &'static str) -> Self {
        let doc = json!({ "description": description });
        Self { status, doc, schemas: Vec::new() }.with_header("X-Request-Id")
    }

    /// The same with another media type.
    pub(crate) fn with_media_type(mut self, media_type: &'static str) -> Self {
        let content = self.doc["content"]["application/json"].take();
        self.doc["content"] = json!({ media_type: content });
        self
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: &'static str) -> Self {
        self.doc["headers"][name] = reference("headers", name);
        self
    }
}

/// The schema of `V` and those it names.
fn schemas_of<V: ToSchema>() -> Vec<(String, Value)> {
    let mut schemas = vec![(V::name().into_owned(), V::schema())];
    V::schemas(&mut schemas);
    schemas.into_iter().map(|(name, schema)| (name, json!(schema))).collect()
}

/// The content of a body or a response.
pub(super) fn content(schema: Value, example: Option<Value>) -> Value {
    let mut content = json!({});
    content["schema"] = schema;
    if let Some(example) = example {
        content["example"] = example;
    }
    content
}

/// A reference to the component `name`, one of the `kind`.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

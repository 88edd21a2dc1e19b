//! Bodies and queries in the API's description.

use serde_json::json;

use super::body::ValidatedBody;
use super::field_schema::DeclaredField;
use super::json_body::{FromJsonBody, declared};
use super::query::{FromQuery, ValidatedQuery};
use crate::openapi::{BodySchema, Describe, HandlerSignature};
use crate::problem::ProblemKind;

impl<T: FromQuery> Describe for ValidatedQuery<T> {
    fn describe(signature: &mut HandlerSignature) {
        for param in T::PARAMS {
            signature.parameter("query", param.name, param.description, (param.schema)());
        }
        signature.problems.push(ProblemKind::InvalidFields);
    }
}

impl<T: FromJsonBody> Describe for ValidatedBody<T> {
    fn describe(signature: &mut HandlerSignature) {
        let fields = declared::<T>(signature.policy);
        let read = fields.iter().map(|field| field.name).collect();
        let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let mut schema = json!({ "type": "object", "additionalProperties": false });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        for DeclaredField { name, required, schema: mut field } in fields {
            if !required {
                field["type"] = json!([field["type"], "null"]);
            }
            schema["properties"][name] = field;
        }
        if T::ANY_REQUIRED {
            let one = |name: &&str| json!({ "type": "object", "required": [name], "properties": { *name: { "type": "boolean" } } });
            let any: Vec<_> = T::NAMES.iter().map(one).collect();
            schema = json!({ "allOf": [schema, { "anyOf": any }] });
        }
        signature.body = Some(BodySchema { name: T::SCHEMA_NAME, schema, names: (T::NAMES.to_vec(), read) });
        signature.problems.extend([
            ProblemKind::BadRequest,
            ProblemKind::Internal,
            ProblemKind::MalformedJson,
            ProblemKind::BodyTimeout,
            ProblemKind::BodyTooLarge,
            ProblemKind::UnsupportedMediaType,
            ProblemKind::InvalidFields,
        ]);
    }
}

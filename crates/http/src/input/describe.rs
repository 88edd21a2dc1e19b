//! Bodies and queries in the API's description.

use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};

use super::body::ValidatedBody;
use super::json_body::{FromJsonBody, declared};
use super::query::{FromQuery, ValidatedQuery};
use crate::openapi::{BodySchema, Describe, HandlerSignature};
use crate::problem::ProblemKind;

impl<T: FromQuery> Describe for ValidatedQuery<T> {
    fn describe(signature: &mut HandlerSignature) {
        for param in T::PARAMS {
            signature.query_parameter(param.name, param.description, (param.schema)());
        }
        signature.problems.push(ProblemKind::InvalidFields);
    }
}

impl<T: FromJsonBody> Describe for ValidatedBody<T> {
    fn describe(signature: &mut HandlerSignature) {
        let fields = declared::<T>(signature.policy);
        let read = fields.iter().map(|field| field.name).collect();
        let mut schema = ObjectBuilder::new().schema_type(Type::Object);
        for field in fields {
            if field.required {
                schema = schema.required(field.name).property(field.name, field.schema);
            } else {
                schema = schema.property(field.name, nullable(field.schema));
            }
        }
        let schema = schema.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        let schema = if T::ANY_REQUIRED { any_required(schema.build(), T::NAMES) } else { schema.build().into() };
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

/// The same, or null.
fn nullable(mut schema: Schema) -> Schema {
    let schema_type = match &mut schema {
        Schema::Object(object) => &mut object.schema_type,
        Schema::Array(array) => &mut array.schema_type,
        _ => return schema,
    };
    if let SchemaType::Type(one) = schema_type {
        *schema_type = SchemaType::Array(vec![one.clone(), Type::Null]);
    }
    schema
}

/// The body of which at least one field must be there and not null.
fn any_required(body: Object, names: &[&str]) -> Schema {
    let mut any = AnyOfBuilder::new();
    for name in names {
        let one = ObjectBuilder::new().schema_type(Type::Boolean).build();
        any = any.item(ObjectBuilder::new().schema_type(Type::Object).property(*name, one).required(*name));
    }
    AllOfBuilder::new().item(body).item(any).build().into()
}

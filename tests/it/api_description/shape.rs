//! Validates a value against a schema: the part of JSON Schema that the description uses, and stricter in one point:
//! fields that no schema names are violations, so no field stays undocumented.

use serde_json::Value;

/// All violations of the schema by `value`, which is at the path `at`.
pub(super) fn schema_violations(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = resolve(document, schema);
    let mut found = Vec::new();
    if let Some(any) = schema["oneOf"]
        .as_array()
        .filter(|any| any.iter().all(|one| !schema_violations(document, one, value, at).is_empty()))
    {
        found.push(format!("{at} matches none of {any:?}: {value}"));
    }
    if let Some(types) = types(schema).filter(|types| !types.iter().any(|kind| is(value, kind))) {
        return vec![format!("{at} is no {}: {value}", types.join(" or "))];
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| !values.contains(value)) {
        found.push(format!("{at} is none of {values:?}: {value}"));
    }
    if schema["minLength"]
        .as_u64()
        .is_some_and(|least| value.as_str().is_some_and(|text| (text.chars().count() as u64) < least))
    {
        found.push(format!("{at} is too short: {value}"));
    }
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                found.push(format!("{at}/{name} is missing"));
            }
        }
        for (name, field) in fields {
            match properties.get(name) {
                Some(of_field) => found.extend(schema_violations(document, of_field, field, &format!("{at}/{name}"))),
                None => found.push(format!("{at}/{name} is not described")),
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(schema_violations(document, &schema["items"], item, &format!("{at}/{index}")));
    }
    found
}

/// The schema to which a `$ref` leads, or the schema itself.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap_or_else(|| panic!("{path} does not exist")),
        None => schema,
    }
}

fn types(schema: &Value) -> Option<Vec<&str>> {
    match &schema["type"] {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn violations_of_a_schema_are_found() {
    let document = serde_json::json!({ "a": { "type": "object", "required": ["n"], "properties": {
        "n": { "type": ["integer", "null"] }, "t": { "enum": ["x"] }, "l": { "type": "array", "items": { "type": "string" } },
    } } });
    let schema = serde_json::json!({ "$ref": "#/a" });
    let check = |value| schema_violations(&document, &schema, &value, "");
    assert_eq!(check(serde_json::json!({ "n": null, "t": "x", "l": ["y"] })), Vec::<String>::new());
    for wrong in [
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!({ "n": "1" }),
        serde_json::json!({ "n": 1, "t": "y" }),
        serde_json::json!({ "n": 1, "l": [1] }),
        serde_json::json!({ "n": 1, "more": 1 }),
    ] {
        assert_eq!(check(wrong.clone()).len(), 1, "{wrong}");
    }
}

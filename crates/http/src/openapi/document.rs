//! The whole document: the description of every endpoint, and the components they share.

use serde_json::{Value, json};

use super::endpoint::{Endpoint, HandlerSignature};
use super::guards::{API_KEY, COOKIE, SESSION};
use super::operation_doc::{OperationDoc, TAGS, content, reference};
use super::problems::{self, PROBLEM, ProblemResponse};

/// The description of the whole API.
const ABOUT: &str = "User accounts and sessions for your services: one account per e-mail. Every error is a problem \
                     document (RFC 9457). An unsupported method returns 405 with `Allow`; `HEAD` works wherever `GET` \
                     does; `OPTIONS` returns 204 with `Allow`. In protected mode, until the first API key exists, userd \
                     accepts requests from its own machine only and requires no credentials. docs/API.md has the \
                     details.";

/// Headers of responses: name, whether every response that names it has it, description.
const HEADERS: [(&str, bool, &str); 9] = [
    ("X-Request-Id", true, "The id of the request, as in the log: the client's, if it is valid, or a generated one."),
    ("ETag", true, "The version of the user, for `If-Match` and `If-None-Match`."),
    ("Cache-Control", true, "How long a cache may keep the response."),
    ("Set-Cookie", false, "For browsers: sets or clears the session and the trusted device."),
    ("WWW-Authenticate", true, "The expected credentials: `Bearer`, or the password in the body."),
    ("Retry-After", true, "The seconds to wait before the next attempt."),
    ("RateLimit", true, "The remaining requests of the limit."),
    ("RateLimit-Policy", true, "The limit that was exceeded."),
    ("Allow", true, "The methods that the path supports."),
];

/// The document of these endpoints.
pub(super) fn document(endpoints: Vec<Endpoint>) -> Value {
    let mut paths = json!({});
    let mut components = components();
    for endpoint in endpoints {
        let (path, method) = (endpoint.path(), endpoint.method.as_str().to_lowercase());
        let Endpoint { signature, doc, .. } = endpoint;
        if let Some(body) = &signature.body {
            components["schemas"][body.name] = body.schema.clone();
        }
        for (name, schema) in doc.responses.iter().flat_map(|response| &response.schemas) {
            components["schemas"][name] = schema.clone();
        }
        let problems = problems::responses(&[&signature.problems[..], &doc.problems[..]].concat());
        paths[path][method] = operation(signature, doc, &problems);
        for problem in problems {
            components["responses"][problem.name] = problem.response;
        }
    }
    let license = "MIT OR Apache-2.0";
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "userd",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": license, "identifier": license },
        },
        "paths": paths,
        "components": components,
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
    })
}

fn operation(signature: HandlerSignature, doc: OperationDoc, problems: &[ProblemResponse]) -> Value {
    let mut operation = json!({
        "tags": [doc.tag],
        "operationId": doc.operation_id,
        "summary": doc.summary,
        "description": doc.description,
        // Also if it is empty: no credentials are needed.
        "security": signature.security,
    });
    if !signature.parameters.is_empty() {
        operation["parameters"] = signature.parameters.into();
    }
    if let Some(body) = signature.body {
        let content = content(reference("schemas", body.name), doc.body);
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": content } });
    }
    for response in doc.responses {
        operation["responses"][response.status.to_string()] = response.doc;
    }
    for problem in problems {
        operation["responses"][problem.status.to_string()] = reference("responses", &problem.name);
    }
    operation
}

fn components() -> Value {
    let header = |(name, always, description)| {
        (name, json!({ "description": description, "required": always, "schema": { "type": "string" } }))
    };
    let bearer = |description: &str, format: &str| json!({ "type": "http", "scheme": "bearer", "bearerFormat": format, "description": description });
    let cookie = "Set by `POST /api/login` with `\"cookie\": true`. Requests that change state also need \
                  `Sec-Fetch-Site: same-origin` or the `Origin` of this site. On plain HTTP on loopback its name is `sid`.";
    json!({
        "schemas": { PROBLEM: problems::schema() },
        "examples": problems::examples(),
        "headers": HEADERS.into_iter().map(header).collect::<Value>(),
        "securitySchemes": {
            SESSION: bearer("The session token: `token` of the response to `POST /api/login`.", "v1.…"),
            COOKIE: { "type": "apiKey", "in": "cookie", "name": "__Host-sid", "description": cookie },
            API_KEY: bearer("An API key with scopes, as `userd api-keys create` prints it.", "k1.…"),
        },
    })
}

#[cfg(test)]
mod tests {
    use rocket::http::Method;

    use super::*;
    use userd_core::PasswordPolicy;

    fn named(endpoint: &Endpoint) -> (Method, String) {
        (endpoint.method, endpoint.route.clone())
    }

    #[test]
    fn every_route_is_described_once() {
        let mut routes: Vec<_> =
            crate::api::routes().iter().map(|route| (route.method.to_string(), route.uri.path().to_owned())).collect();
        let endpoints = crate::api::endpoints(PasswordPolicy::default());
        let mut described: Vec<_> =
            endpoints.iter().map(named).map(|(method, route)| (method.to_string(), route)).collect();
        routes.sort();
        described.sort();
        assert_eq!(routes, described);
        let mut ids: Vec<_> = endpoints.iter().map(|endpoint| endpoint.doc.operation_id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), endpoints.len(), "an endpoint's `doc` has the operation id of another");
        for Endpoint { method, route, doc, .. } in endpoints {
            let texts = [doc.operation_id, doc.summary, doc.description];
            assert!(texts.iter().all(|text| !text.is_empty()), "the `doc` of {method} {route} lacks a text");
            assert!(!doc.responses.is_empty(), "the `doc` of {method} {route} lacks a response");
        }
    }

    #[test]
    fn every_open_segment_of_a_path_has_a_name() {
        for endpoint in crate::api::endpoints(PasswordPolicy::default()) {
            let (open, names) = (endpoint.signature.path_parameter_count, endpoint.signature.path_names.len());
            assert_eq!(open, names, "{:?}: its guards name {names} of its parameters", named(&endpoint));
        }
    }

    #[test]
    fn the_fields_of_a_body_are_those_that_are_read() {
        for endpoint in crate::api::endpoints(PasswordPolicy::default()) {
            if let Some(body) = &endpoint.signature.body {
                let (said, read) = &body.names;
                assert_eq!(said, read, "{}: NAMES, and what from_json_body reads before its first `?`", body.name);
            }
        }
    }

    #[test]
    fn every_group_is_one_that_is_explained() {
        for endpoint in crate::api::endpoints(PasswordPolicy::default()) {
            let group = endpoint.doc.tag;
            assert!(TAGS.iter().any(|(name, _)| *name == group), "{group} is not in operation_doc::TAGS");
        }
    }
}

//! The whole document: the description of every endpoint, and the components they share.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::info::{InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{Operation, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder, ResponsesBuilder};
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{OpenApi, OpenApiBuilder, Ref, Required};

use super::endpoint::{Endpoint, HandlerSignature};
use super::guards::{API_KEY, COOKIE, SESSION};
use super::operation_doc::{OperationDoc, ResponseDoc, TAGS, string};
use super::problems::{self, ProblemResponse};

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
pub(super) fn document(endpoints: Vec<Endpoint>) -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut parts = components();
    for endpoint in endpoints {
        let (path, Some(method)) = (endpoint.path(), endpoint.http_method()) else { continue };
        let Endpoint { signature, doc, .. } = endpoint;
        if let Some(body) = &signature.body {
            parts = parts.schema(body.name, body.schema.clone());
        }
        for response_doc in &doc.responses {
            parts = parts.schemas_from_iter(response_doc.schemas.clone());
        }
        let problems = problems::responses(&[&signature.problems[..], &doc.problems[..]].concat());
        paths = paths.path(path, PathItem::new(method, operation(signature, doc, &problems)));
        for problem in problems {
            parts = parts.response(problem.name, problem.response);
        }
    }
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = InfoBuilder::new()
        .title("userd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license.build()));
    let tags = TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new().info(info).paths(paths).components(Some(parts.build())).tags(Some(tags)).build()
}

fn operation(signature: HandlerSignature, doc: OperationDoc, problems: &[ProblemResponse]) -> Operation {
    let mut responses = ResponsesBuilder::new();
    for response_doc in &doc.responses {
        responses = responses.response(response_doc.status.to_string(), success(response_doc));
    }
    for problem in problems {
        responses = responses.response(problem.status.to_string(), Ref::from_response_name(&problem.name));
    }
    let body = signature.body.map(|body| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(body.name))).example(doc.body);
        RequestBodyBuilder::new().content("application/json", content.build()).required(Some(Required::True)).build()
    });
    let mut operation = OperationBuilder::new()
        .tag(doc.tag)
        .operation_id(Some(doc.operation_id))
        .summary(Some(doc.summary))
        .description(Some(doc.description))
        .request_body(body)
        .responses(responses.build());
    for parameter in signature.parameters {
        operation = operation.parameter(parameter);
    }
    // Also if it is empty: no credentials are needed.
    operation.securities(Some(signature.security)).build()
}

fn success(response_doc: &ResponseDoc) -> Response {
    let mut response = ResponseBuilder::new().description(response_doc.description);
    if let Some(content) = &response_doc.content {
        let doc = ContentBuilder::new().schema(Some(content.schema.clone())).example(content.example.clone());
        response = response.content(content.media_type, doc.build());
    }
    for name in ["X-Request-Id"].iter().chain(&response_doc.headers) {
        response = response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")));
    }
    response.build()
}

fn components() -> ComponentsBuilder {
    let mut parts = ComponentsBuilder::new().schema(problems::PROBLEM, problems::schema());
    for (name, example) in problems::examples() {
        parts = parts.example(name, example);
    }
    for (name, always, description) in HEADERS {
        parts = parts.header(name, header(always, description));
    }
    let bearer = |description: &str, format: &str| {
        let http =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(description));
        SecurityScheme::Http(http.build())
    };
    let cookie = "Set by `POST /api/login` with `\"cookie\": true`. Requests that change state also need \
                  `Sec-Fetch-Site: same-origin` or the `Origin` of this site. On plain HTTP on loopback its name is `sid`.";
    parts
        .security_scheme(SESSION, bearer("The session token: `token` of the response to `POST /api/login`.", "v1.…"))
        .security_scheme(
            COOKIE,
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("__Host-sid", cookie))),
        )
        .security_scheme(API_KEY, bearer("An API key with scopes, as `userd api-keys create` prints it.", "k1.…"))
}

fn header(always: bool, description: &str) -> Header {
    // OpenAPI has this field, utoipa does not.
    let always = Extensions::from_iter([("required", always)]);
    HeaderBuilder::new().schema(Some(string())).description(Some(description)).extensions(Some(always)).build()
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

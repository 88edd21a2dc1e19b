//! Methods that a known path does not support: 405 with `Allow`, and `OPTIONS` with the same list.
//!
//! Rocket answers such requests with 404. So at ignition every path gets a fallback route for each remaining method,
//! ranked behind all real routes. Fallbacks are derived from the mounted routes, so no path can lack them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rocket::fairing::AdHoc;
use rocket::http::{Header, Method, Status};
use rocket::route::{Handler, Outcome, Route};
use rocket::{Build, Data, Request, Response, Rocket};

use super::cors;
use crate::problem::Problem;

/// Behind every real route, whose ranks are between -12 and 0.
const FIRST_RANK: isize = 1000;

/// Every method that Rocket knows, in the order of an `Allow` header. Rocket serves `HEAD` with `GET`.
const METHODS: [Method; 8] = [
    Method::Get,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Trace,
    Method::Connect,
];

/// Mounts the fallbacks at ignition, when all routes are known.
pub(crate) fn method_fallbacks() -> AdHoc {
    AdHoc::on_ignite("other methods", |rocket| async {
        let paths = paths(&rocket);
        rocket.mount("/", fallbacks(&paths)).manage(RoutePaths(paths))
    })
}

/// A path with routes, and their methods.
struct RoutePath {
    /// The path in Rocket's syntax.
    route: String,
    methods: Vec<Method>,
    allow: Arc<str>,
}

/// Every path with routes, the more specific ones first.
struct RoutePaths(Vec<RoutePath>);

/// The problem of a method that Rocket does not know (`QUERY`), at a path with others. Rocket rejects it as a bad
/// request before it routes; the path is then still the request's, or `/` if Rocket could not parse the path.
pub(super) fn unknown_method(request: &Request<'_>) -> Option<Problem> {
    let RoutePaths(paths) = request.rocket().state::<RoutePaths>()?;
    let requested = request.uri().path().as_str();
    let path = paths.iter().find(|path| matches_route(&path.route, requested))?;
    Some(Problem::method_not_allowed(path.allow.to_string()))
}

/// Whether `route` matches the path `requested`. Redundant slashes are ignored, as in Rocket's router.
fn matches_route(route: &str, requested: &str) -> bool {
    let mut requested = requested.split('/').filter(|segment| !segment.is_empty());
    for segment in route.split('/').filter(|segment| !segment.is_empty()) {
        if segment.ends_with("..>") {
            return true;
        }
        if !requested.next().is_some_and(|one| segment.starts_with('<') || one == segment) {
            return false;
        }
    }
    requested.next().is_none()
}

fn paths(rocket: &Rocket<Build>) -> Vec<RoutePath> {
    let mut paths: BTreeMap<String, (isize, &str, Vec<Method>)> = BTreeMap::new();
    for route in rocket.routes() {
        let path = route.uri.path();
        let known = paths.entry(shape(path)).or_insert((route.rank, path, Vec::new()));
        known.0 = known.0.min(route.rank);
        known.2.push(route.method);
    }
    let mut paths: Vec<_> = paths.into_values().collect();
    // The more specific path first, as among the real routes.
    paths.sort_by_key(|(rank, path, _)| (*rank, path.len()));
    let each = paths.into_iter();
    each.map(|(_, path, methods)| RoutePath { route: path.to_owned(), allow: allow(&methods), methods }).collect()
}

fn fallbacks(paths: &[RoutePath]) -> Vec<Route> {
    let mut fallbacks = Vec::new();
    for (rank, path) in (FIRST_RANK..).zip(paths) {
        let handler = MethodFallback { allow: Arc::clone(&path.allow) };
        for method in METHODS.into_iter().filter(|method| !path.methods.contains(method)) {
            fallbacks.push(Route::ranked(rank, method, &path.route, handler.clone()));
        }
    }
    fallbacks
}

/// The path without the names of its parameters: `/a/<b>` and `/a/<c>` are the same path.
fn shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        _ if !segment.starts_with('<') => segment,
        _ if segment.ends_with("..>") => "<..>",
        _ => "<>",
    });
    segments.collect::<Vec<_>>().join("/")
}

fn allow(methods: &[Method]) -> Arc<str> {
    let mut names = Vec::new();
    for method in METHODS {
        if methods.contains(&method) || method == Method::Options {
            names.push(method.as_str());
        }
        if method == Method::Get && methods.contains(&method) {
            names.push(Method::Head.as_str());
        }
    }
    names.join(", ").into()
}

/// The handler of the methods that a path does not support.
#[derive(Clone)]
struct MethodFallback {
    allow: Arc<str>,
}

#[rocket::async_trait]
impl Handler for MethodFallback {
    async fn handle<'r>(&self, request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r> {
        if request.method() == Method::Options {
            let allow = Header::new("Allow", self.allow.to_string());
            let mut response = Response::build().status(Status::NoContent).header(allow).finalize();
            cors::answer_preflight(request, &self.allow, &mut response);
            return Outcome::Success(response);
        }
        Outcome::from(request, Problem::method_not_allowed(self.allow.to_string()))
    }
}

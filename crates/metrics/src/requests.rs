//! HTTP requests by route, method and status, and their duration.
//!
//! A route is known by its pattern (`/api/users/<_>`), never by a path. A request that matches no route counts under
//! the route `-`, so the mounted routes bound the number of series, whatever clients request.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use crate::instruments::{Counter, Gauge, Histogram};

/// The label of requests that match no route.
const NO_ROUTE: &str = "-";

/// Every method that the server knows; it rejects any other before routing.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

/// The statuses with a series of their own, in ascending order.
const STATUSES: [u16; 19] =
    [200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 428, 429, 500, 503];

/// The labels of [`STATUSES`], then those of the classes that all other statuses count under.
const STATUS_LABELS: [&str; 24] = [
    "200", "201", "204", "304", "400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "422", "428",
    "429", "500", "503", "1xx", "2xx", "3xx", "4xx", "5xx",
];

/// Shown from the first request on: an alert sees no increase in a counter that starts at 1.
const SHOWN_AT_ZERO: [&str; 2] = ["500", "503"];

/// The requests so far.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    routes: OnceLock<HashMap<Box<str>, MethodSeries>>,
    unmatched: MethodSeries,
    /// Requests in flight; set at each scrape.
    pub in_flight: Gauge,
}

/// The series of one route, by method; each is created by its first request.
#[derive(Debug, Default)]
struct MethodSeries([OnceLock<Box<RequestSeries>>; METHODS.len()]);

/// The series of one method of one route.
#[derive(Debug, Default)]
pub(crate) struct RequestSeries {
    statuses: [Counter; STATUS_LABELS.len()],
    pub(crate) duration: Histogram,
}

impl RequestSeries {
    fn record(&self, status: u16, duration: Duration) {
        self.duration.observe_duration(duration);
        let class = || STATUSES.len() - 1 + usize::from(status / 100);
        let place = STATUSES.binary_search(&status).unwrap_or_else(|_| class());
        if let Some(count) = self.statuses.get(place) {
            count.inc();
        }
    }

    /// Each status that was answered.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (&'static str, &Counter)> {
        let all = STATUS_LABELS.into_iter().zip(&self.statuses);
        all.filter(|(status, count)| count.get() > 0 || SHOWN_AT_ZERO.contains(status))
    }
}

impl HttpMetrics {
    /// Sets the patterns that are mounted. Only the first call counts; without one every request counts under `-`.
    pub fn register_routes<'a>(&self, patterns: impl IntoIterator<Item = &'a str>) {
        let routes = patterns.into_iter().map(|pattern| (Box::from(pattern), MethodSeries::default())).collect();
        // A second set would drop the counts of the first.
        let _ = self.routes.set(routes);
    }

    /// Counts an answered request.
    pub fn record_request(&self, method: &str, route: Option<&str>, status: u16, duration: Duration) {
        let Some(place) = METHODS.iter().position(|known| *known == method) else { return };
        let known = route.zip(self.routes.get()).and_then(|(route, routes)| routes.get(route));
        let series = known.unwrap_or(&self.unmatched).0[place].get_or_init(Box::default);
        series.record(status, duration);
    }

    /// The series of each method of each route that was requested, in a stable order.
    pub(crate) fn each(&self) -> Vec<([&str; 2], &RequestSeries)> {
        let routes = self.routes.get().into_iter().flatten().map(|(route, methods)| (&**route, methods));
        let mut routes: Vec<_> = routes.chain([(NO_ROUTE, &self.unmatched)]).collect();
        routes.sort_by_key(|(route, _)| *route);
        let each = routes.into_iter().flat_map(|(route, methods)| {
            let series = METHODS.iter().zip(&methods.0);
            series.filter_map(move |(method, series)| Some(([route, *method], &**series.get()?)))
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_match_no_route_share_one_series() {
        let requests = HttpMetrics::default();
        requests.register_routes(["/ping", "/api/users/<_>"]);
        for path in ["/ada@example.org", "/api/users/1", "/nothing"] {
            requests.record_request("GET", Some(path), 404, Duration::ZERO);
        }
        requests.record_request("GET", None, 418, Duration::ZERO);
        requests.record_request("BREW", None, 200, Duration::ZERO);
        requests.record_request("PUT", Some("/api/users/<_>"), 200, Duration::ZERO);
        let each = requests.each();
        let shown = each.iter().map(|([route, method], series)| {
            let statuses = series.statuses().map(|(status, count)| format!("{status}:{}", count.get()));
            format!("{method} {route} {}", statuses.collect::<Vec<_>>().join(" "))
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["GET - 404:3 500:0 503:0 4xx:1", "PUT /api/users/<_> 200:1 500:0 503:0"]
        );
    }

    #[test]
    fn statuses_are_sorted_as_the_search_requires_and_have_their_labels() {
        assert!(STATUSES.is_sorted());
        assert!(STATUSES.iter().zip(STATUS_LABELS).all(|(status, label)| status.to_string() == label));
    }
}

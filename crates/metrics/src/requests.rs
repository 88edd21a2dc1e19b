//! What was asked over HTTP: by route, method and status, and how long it took.
//!
//! A route is known by its pattern (`/api/users/<_>`), never by a path. What was asked for elsewhere is on the route
//! `-`; so the number of lines is bounded by what is mounted, whatever clients ask for.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use super::instruments::{AtomicCounter, AtomicGauge, Histogram, REQUEST_NS};

/// The route of what no route answers.
const NO_ROUTE: &str = "-";

/// Every method that the server knows; what is none of them is refused before it is routed.
const METHODS: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"];

/// The statuses that are counted by themselves; the rest is under its class.
const STATUSES: [(u16, &str); 19] = [
    (200, "200"),
    (201, "201"),
    (204, "204"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (428, "428"),
    (429, "429"),
    (500, "500"),
    (503, "503"),
];

/// The classes of all other statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Statuses that are shown from the first request on: a counter that begins at 1 has no increase to alert on.
const SHOWN_AT_ZERO: [u16; 2] = [500, 503];

/// The requests so far.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    routes: OnceLock<HashMap<Box<str>, MethodSeries>>,
    elsewhere: MethodSeries,
    /// How many are under way; set when somebody looks.
    pub in_flight: AtomicGauge,
}

/// What was asked of one route, by method; each is made with its first request.
#[derive(Debug, Default)]
struct MethodSeries([OnceLock<Box<RequestSeries>>; METHODS.len()]);

/// What one method of one route has answered.
#[derive(Debug)]
pub(super) struct RequestSeries {
    statuses: [AtomicCounter; STATUSES.len()],
    classes: [AtomicCounter; CLASSES.len()],
    pub(super) duration: Histogram,
}

impl RequestSeries {
    fn new() -> Self {
        Self {
            statuses: STATUSES.map(|_| AtomicCounter::default()),
            classes: CLASSES.map(|_| AtomicCounter::default()),
            duration: Histogram::of_durations(REQUEST_NS),
        }
    }

    /// Each status that was answered.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = STATUSES.iter().zip(&self.statuses);
        let known = known.map(|((status, word), count)| (*word, count.get(), SHOWN_AT_ZERO.contains(status)));
        let classes = CLASSES.iter().zip(&self.classes).map(|(word, count)| (*word, count.get(), false));
        known.chain(classes).filter(|(_, count, shown)| *count > 0 || *shown).map(|(word, count, _)| (word, count))
    }
}

impl HttpMetrics {
    /// These are the patterns that are mounted. Counts once; nothing is lost if it never comes: all is on `-` then.
    pub fn register_routes<'a>(&self, patterns: impl IntoIterator<Item = &'a str>) {
        let routes = patterns.into_iter().map(|pattern| (Box::from(pattern), MethodSeries::default())).collect();
        // A second call would forget what was counted.
        let _ = self.routes.set(routes);
    }

    /// A request was answered.
    pub fn record_request(&self, method: &str, route: Option<&str>, status: u16, duration: Duration) {
        let Some(place) = METHODS.iter().position(|known| *known == method) else { return };
        let known = route.zip(self.routes.get()).and_then(|(route, routes)| routes.get(route));
        let series = known.unwrap_or(&self.elsewhere).0[place].get_or_init(|| Box::new(RequestSeries::new()));
        series.duration.observe_duration(duration);
        match STATUSES.binary_search_by_key(&status, |(known, _)| *known) {
            Ok(place) => series.statuses[place].add_one(),
            Err(_) => {
                if let Some(class) = usize::from(status / 100).checked_sub(1).and_then(|at| series.classes.get(at)) {
                    class.add_one();
                }
            }
        }
    }

    /// Each method of each route that was ever asked, in an order that stays.
    pub(super) fn each(&self) -> Vec<(&str, &'static str, &RequestSeries)> {
        let routes = self.routes.get().into_iter().flatten().map(|(route, methods)| (&**route, methods));
        let mut routes: Vec<_> = routes.chain([(NO_ROUTE, &self.elsewhere)]).collect();
        routes.sort_by_key(|(route, _)| *route);
        let each = routes.into_iter().flat_map(|(route, methods)| {
            let series = METHODS.iter().zip(&methods.0);
            series.filter_map(move |(method, series)| Some((route, *method, &**series.get()?)))
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_elsewhere_makes_no_series_of_its_own() {
        let requests = HttpMetrics::default();
        requests.register_routes(["/ping", "/api/users/<_>"]);
        for path in ["/ada@example.org", "/api/users/1", "/nothing"] {
            requests.record_request("GET", Some(path), 404, Duration::ZERO);
        }
        requests.record_request("GET", None, 418, Duration::ZERO);
        requests.record_request("BREW", None, 200, Duration::ZERO);
        requests.record_request("PUT", Some("/api/users/<_>"), 200, Duration::ZERO);
        let each = requests.each();
        let shown = each.iter().map(|(route, method, series)| {
            let statuses: Vec<String> = series.statuses().map(|(status, count)| format!("{status}:{count}")).collect();
            format!("{method} {route} {}", statuses.join(" "))
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            ["GET - 404:3 500:0 503:0 4xx:1", "PUT /api/users/<_> 200:1 500:0 503:0"]
        );
    }

    #[test]
    fn statuses_are_in_order_as_the_search_wants_them() {
        assert!(STATUSES.is_sorted_by_key(|(status, _)| *status));
        assert!(STATUSES.iter().all(|(status, word)| status.to_string() == *word));
    }
}

//! Guards: what the query of a request says, every part of it right. Nothing in it is passed over: who writes `limt=5`
//! must not get everybody.

use std::fmt;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::json_body::{FieldError, Rejected};
use super::problem::{Problem, ProblemKind};
use userd_core::EmailPrefix;
use userd_service::{PageCursor, PageRequest, UserListingRequest};
use userd_store::SortOrder;

/// The most items of a page: some 60 KB of JSON.
pub(super) const LIMIT_MAX: usize = 200;

/// The items of a page if the request does not say.
pub(super) const LIMIT_DEFAULT: usize = 50;

/// What a query says.
pub(super) struct ValidatedQuery<T>(pub(super) T);

/// What can be made of the parts of a query.
pub(super) trait FromQuery: Sized + Send + 'static {
    /// The parts there are.
    const NAMES: &'static [QueryParam];

    /// Reads every part, so that each one's mistake is noted; `None` if there was one.
    fn from_query(params: &mut QueryParams<'_>) -> Option<Self>;
}

/// A part of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryParam {
    Limit,
    Cursor,
    Order,
    Email,
}

impl QueryParam {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Cursor => "cursor",
            Self::Order => "order",
            Self::Email => "email",
        }
    }

    /// What it is, for the API's description.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Limit => "How many items a page has at most.",
            Self::Cursor => "Which page: `next` or `previous` of another one.",
            Self::Order => "In the order of sign-up (of e-mails, where `email` is given), or the reverse.",
            Self::Email => "Only users whose e-mail begins so, in any spelling of it.",
        }
    }
}

/// No query is known here.
pub(super) struct NoQuery;

impl FromQuery for NoQuery {
    const NAMES: &'static [QueryParam] = &[];

    fn from_query(_: &mut QueryParams<'_>) -> Option<Self> {
        Some(Self)
    }
}

impl FromQuery for PageRequest {
    const NAMES: &'static [QueryParam] = &[QueryParam::Limit, QueryParam::Cursor];

    fn from_query(params: &mut QueryParams<'_>) -> Option<Self> {
        let limit = params.optional(QueryParam::Limit, limit);
        let cursor = params.optional(QueryParam::Cursor, PageCursor::parse);
        Some(Self { limit: limit.ok()?.unwrap_or(LIMIT_DEFAULT), cursor: cursor.ok()? })
    }
}

impl FromQuery for UserListingRequest {
    const NAMES: &'static [QueryParam] = &[QueryParam::Limit, QueryParam::Cursor, QueryParam::Order, QueryParam::Email];

    fn from_query(params: &mut QueryParams<'_>) -> Option<Self> {
        let page = PageRequest::from_query(params);
        let order = params.optional(QueryParam::Order, order);
        let prefix = params.optional(QueryParam::Email, EmailPrefix::parse);
        Some(Self { page: page?, order: order.ok()?, prefix: prefix.ok()? })
    }
}

fn limit(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
    number.ok_or_else(|| format!("must be a number from 1 to {LIMIT_MAX}"))
}

fn order(text: &str) -> Result<SortOrder, &'static str> {
    match text {
        "asc" => Ok(SortOrder::Ascending),
        "desc" => Ok(SortOrder::Descending),
        _ => Err("must be asc or desc"),
    }
}

/// The parts of a query, and what was found to be wrong with them.
pub(super) struct QueryParams<'r> {
    values: Vec<(&'r str, &'r str)>,
    errors: Vec<FieldError>,
}

impl<'r> QueryParams<'r> {
    /// The parts `names` of the query, and the others noted.
    fn of(request: &'r Request<'_>, known: &[QueryParam]) -> Self {
        let names: Vec<&str> = known.iter().map(|param| param.name()).collect();
        let mut params = Self { values: Vec::new(), errors: Vec::new() };
        for (name, value) in request.uri().query().into_iter().flat_map(|query| query.segments()) {
            if !names.contains(&name) {
                let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                params.reject(FieldError::new(name, format!("is not known; the query may have {known}")));
            } else if params.values.iter().any(|(there, _)| *there == name) {
                params.reject(FieldError::new(name, "must be given only once"));
            } else {
                params.values.push((name, value));
            }
        }
        params
    }

    /// The part as `parse` understands it; `None` if it is not there.
    fn optional<T, E: fmt::Display>(
        &mut self,
        param: QueryParam,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Rejected> {
        let name = param.name();
        let Some((_, value)) = self.values.iter().find(|(there, _)| *there == name) else { return Ok(None) };
        match parse(value) {
            Ok(value) => Ok(Some(value)),
            Err(rule) => {
                self.reject(FieldError::new(name, rule.to_string()));
                Err(Rejected)
            }
        }
    }

    fn reject(&mut self, error: FieldError) {
        // As of a body: a query of nothing but mistakes must not make a longer answer.
        if self.errors.len() < 20 {
            self.errors.push(error);
        }
    }
}

#[rocket::async_trait]
impl<'r, T: FromQuery> FromRequest<'r> for ValidatedQuery<T> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let mut params = QueryParams::of(request, T::NAMES);
        match T::from_query(&mut params) {
            Some(value) if params.errors.is_empty() => Outcome::Success(Self(value)),
            _ => {
                let detail = params.errors.iter().map(FieldError::sentence).collect::<Vec<_>>().join("; ");
                let kind = Problem::invalid_fields(detail, params.errors).stash(request);
                Outcome::Error((kind.status(), kind))
            }
        }
    }
}

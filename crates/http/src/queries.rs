//! Guards: what the query of a request says, every part of it right. Nothing in it is passed over: who writes `limt=5`
//! must not get everybody.

use std::fmt;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::fields::{FieldError, Noted};
use super::problem::{Problem, ProblemKind};
use userd_core::EmailPrefix;
use userd_service::{Cursor, UsersWanted, Wanted};
use userd_store::Order;

/// The most items of a page: some 60 KB of JSON.
pub(super) const LIMIT_MAX: usize = 200;

/// The items of a page if the request does not say.
pub(super) const LIMIT_USUAL: usize = 50;

/// What a query says.
pub(super) struct Query<T>(pub(super) T);

/// What can be made of the parts of a query.
pub(super) trait FromParts: Sized + Send + 'static {
    /// The parts there are.
    const NAMES: &'static [QueryPart];

    /// Reads every part, so that each one's mistake is noted; `None` if there was one.
    fn from_parts(parts: &mut Parts<'_>) -> Option<Self>;
}

/// A part of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueryPart {
    Limit,
    Cursor,
    Order,
    Email,
}

impl QueryPart {
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
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Limit => "How many items a page has at most.",
            Self::Cursor => "Which page: `next` or `previous` of another one.",
            Self::Order => "In the order of sign-up (of e-mails, where `email` is given), or the reverse.",
            Self::Email => "Only users whose e-mail begins so, in any spelling of it.",
        }
    }
}

/// No query is known here.
pub(super) struct Nothing;

impl FromParts for Nothing {
    const NAMES: &'static [QueryPart] = &[];

    fn from_parts(_: &mut Parts<'_>) -> Option<Self> {
        Some(Self)
    }
}

impl FromParts for Wanted {
    const NAMES: &'static [QueryPart] = &[QueryPart::Limit, QueryPart::Cursor];

    fn from_parts(parts: &mut Parts<'_>) -> Option<Self> {
        let limit = parts.read(QueryPart::Limit, limit);
        let cursor = parts.read(QueryPart::Cursor, Cursor::parse);
        Some(Self { limit: limit.ok()?.unwrap_or(LIMIT_USUAL), cursor: cursor.ok()? })
    }
}

impl FromParts for UsersWanted {
    const NAMES: &'static [QueryPart] = &[QueryPart::Limit, QueryPart::Cursor, QueryPart::Order, QueryPart::Email];

    fn from_parts(parts: &mut Parts<'_>) -> Option<Self> {
        let page = Wanted::from_parts(parts);
        let order = parts.read(QueryPart::Order, order);
        let prefix = parts.read(QueryPart::Email, EmailPrefix::parse);
        Some(Self { page: page?, order: order.ok()?, prefix: prefix.ok()? })
    }
}

fn limit(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
    number.ok_or_else(|| format!("must be a number from 1 to {LIMIT_MAX}"))
}

fn order(text: &str) -> Result<Order, &'static str> {
    match text {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err("must be asc or desc"),
    }
}

/// The parts of a query, and what was found to be wrong with them.
pub(super) struct Parts<'r> {
    values: Vec<(&'r str, &'r str)>,
    errors: Vec<FieldError>,
}

impl<'r> Parts<'r> {
    /// The parts `names` of the query, and the others noted.
    fn of(request: &'r Request<'_>, known: &[QueryPart]) -> Self {
        let names: Vec<&str> = known.iter().map(|part| part.name()).collect();
        let mut parts = Self { values: Vec::new(), errors: Vec::new() };
        for (name, value) in request.uri().query().into_iter().flat_map(|query| query.segments()) {
            if !names.contains(&name) {
                let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                parts.wrong(FieldError::new(name, format!("is not known; the query may have {known}")));
            } else if parts.values.iter().any(|(there, _)| *there == name) {
                parts.wrong(FieldError::new(name, "must be given only once"));
            } else {
                parts.values.push((name, value));
            }
        }
        parts
    }

    /// The part as `parse` understands it; `None` if it is not there.
    fn read<T, E: fmt::Display>(
        &mut self,
        part: QueryPart,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Noted> {
        let name = part.name();
        let Some((_, value)) = self.values.iter().find(|(there, _)| *there == name) else { return Ok(None) };
        match parse(value) {
            Ok(value) => Ok(Some(value)),
            Err(rule) => {
                self.wrong(FieldError::new(name, rule.to_string()));
                Err(Noted)
            }
        }
    }

    fn wrong(&mut self, error: FieldError) {
        // As of a body: a query of nothing but mistakes must not make a longer answer.
        if self.errors.len() < 20 {
            self.errors.push(error);
        }
    }
}

#[rocket::async_trait]
impl<'r, T: FromParts> FromRequest<'r> for Query<T> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let mut parts = Parts::of(request, T::NAMES);
        match T::from_parts(&mut parts) {
            Some(value) if parts.errors.is_empty() => Outcome::Success(Self(value)),
            _ => {
                let detail = parts.errors.iter().map(FieldError::sentence).collect::<Vec<_>>().join("; ");
                let kind = Problem::invalid_fields(detail, parts.errors).leave_in(request);
                Outcome::Error((kind.status(), kind))
            }
        }
    }
}

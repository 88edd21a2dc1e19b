//! The guard of queries. Unknown parameters are refused: `limt=5` must not list everything.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use serde_json::Value;

use super::problem::invalid_query;
use crate::problem::ProblemKind;
use userd_core::input::{InputObject, InputReader, ObjectReader, RepeatedFields};

/// The query of a request.
pub(crate) struct ValidatedQuery<T>(pub(crate) T);

/// A type that is made of the parameters of a query.
pub(crate) trait FromQuery: Sized + Send + 'static {
    /// The parameters.
    const PARAMS: &'static [QueryParam];

    /// Reads every parameter, all of them texts; `None` if one is invalid.
    fn from_query(params: &mut ObjectReader<'_>) -> Option<Self>;
}

/// A parameter of a query, for the API's description.
pub(crate) struct QueryParam {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) description: &'static str,
    /// The schema of its value.
    pub(crate) schema: fn() -> Value,
}

/// No query.
pub(crate) struct NoQuery;

impl FromQuery for NoQuery {
    const PARAMS: &'static [QueryParam] = &[];

    fn from_query(_: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self)
    }
}

#[rocket::async_trait]
impl<'r, T: FromQuery> FromRequest<'r> for ValidatedQuery<T> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let pairs = request.uri().query().into_iter().flat_map(|query| query.segments());
        let object = InputObject::from_texts(pairs);
        let names: Vec<&'static str> = T::PARAMS.iter().map(|param| param.name).collect();
        let mut reader = InputReader::new(RepeatedFields::Reject);
        let read = T::from_query(&mut reader.object(&object, &names));
        match reader.finish(read) {
            Ok(value) => Outcome::Success(Self(value)),
            Err(errors) => Outcome::Error(invalid_query(&errors).stash(request)),
        }
    }
}

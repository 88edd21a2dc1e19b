//! The guard in front of every handler with a body: the right kind of body, not too large, not too slow, and
//! every field of it right. A handler that has a `ValidatedBody<T>` need not look at it again.

use std::time::Duration;

use rocket::data::{self, Data, FromData, Outcome, ToByteUnit};
use rocket::http::HeaderMap;
use rocket::request::Request;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::json_body::{self, FromJsonBody};
use super::problem::{Problem, ProblemKind};
use userd_core::PasswordPolicy;

/// How much room a body gets before it has arrived, at most: a mere announcement must not take more.
const ROOM_BYTES_MAX: u64 = 64 * 1024;

/// What is taken of a body.
pub(super) struct BodyLimits {
    /// The most bytes.
    pub(super) bytes_max: u64,
    /// How long it may take to arrive.
    pub(super) timeout: Duration,
    /// What a new password has to be.
    pub(super) policy: PasswordPolicy,
}

/// What the body says.
pub(super) struct ValidatedBody<T>(pub(super) T);

#[rocket::async_trait]
impl<'r, T: FromJsonBody> FromData<'r> for ValidatedBody<T> {
    /// Only for Rocket's own log; the catcher finds the problem in the request.
    type Error = ProblemKind;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read_and_parse(request, data).await {
            Ok(value) => Outcome::Success(Self(value)),
            Err(problem) => {
                let kind = problem.stash(request);
                Outcome::Error((kind.status(), kind))
            }
        }
    }
}

async fn read_and_parse<T: FromJsonBody>(request: &Request<'_>, data: Data<'_>) -> Result<T, Problem> {
    let Some(limits) = request.rocket().state::<BodyLimits>() else {
        return Err(Problem::new(ProblemKind::Internal, "no limits are managed"));
    };
    check_media_type(request.headers())?;
    let bytes = tokio::time::timeout(limits.timeout, read(request, data, limits.bytes_max)).await.map_err(|_| {
        Problem::new(ProblemKind::BodyTimeout, format!("the body took longer than {:?}", limits.timeout))
    })??;
    json_body::parse(&bytes, limits.policy)
}

/// Only `application/json`, in UTF-8 (RFC 8259 knows no other), not compressed.
fn check_media_type(headers: &HeaderMap<'_>) -> Result<(), Problem> {
    let refuse = |detail| Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
    let mut types = headers.get("Content-Type");
    match (types.next(), types.next()) {
        (Some(one), None) if is_json(one) => {}
        _ => return refuse("the body must be application/json; send Content-Type: application/json"),
    }
    let encodings = headers.get("Content-Encoding").flat_map(|list| list.split(','));
    if encodings.map(str::trim).any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return refuse("the body must not be compressed; send no Content-Encoding");
    }
    Ok(())
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    essence
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            None => parameter.is_empty(),
        })
}

/// The whole body, if it has at most `bytes_max` bytes. The room is taken at once, so that no copy of a
/// password is left behind where a growing buffer has been; what is returned is wiped when dropped.
async fn read(request: &Request<'_>, data: Data<'_>, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let too_large = || Problem::new(ProblemKind::BodyTooLarge, format!("the body may have {bytes_max} bytes"));
    let announced = request.headers().get_one("Content-Length").and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let room = announced.unwrap_or(bytes_max).saturating_add(1).min(ROOM_BYTES_MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).map_err(|_| too_large())?));
    let mut stream = data.open(bytes_max.saturating_add(1).bytes());
    loop {
        match stream.read_buf(&mut *bytes).await {
            Ok(0) => break,
            Ok(_) if bytes.len() as u64 > bytes_max => return Err(too_large()),
            Ok(_) => {}
            Err(_) => return Err(Problem::new(ProblemKind::BadRequest, "the body ended before its end")),
        }
    }
    Ok(bytes)
}

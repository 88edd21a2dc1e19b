//! The guard of bodies: media type, size, time, and then every field.

use rocket::data::{self, Data, FromData, Outcome, ToByteUnit};
use rocket::http::HeaderMap;
use rocket::request::Request;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::json_body::{self, FromJsonBody};
use crate::problem::{Problem, ProblemKind};
use crate::settings::{HttpLimits, HttpSettings};
use userd_core::PasswordPolicy;

/// The most memory that is allocated for a `Content-Length` before the body has arrived.
const ROOM_BYTES_MAX: u64 = 64 * 1024;

/// The body of a request.
pub(crate) struct ValidatedBody<T>(pub(crate) T);

#[rocket::async_trait]
impl<'r, T: FromJsonBody> FromData<'r> for ValidatedBody<T> {
    /// For Rocket's own log; the catcher takes the problem from the request.
    type Error = ProblemKind;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read_and_parse(request, data).await {
            Ok(value) => Outcome::Success(Self(value)),
            Err(problem) => Outcome::Error(problem.stash(request)),
        }
    }
}

async fn read_and_parse<T: FromJsonBody>(request: &Request<'_>, data: Data<'_>) -> Result<T, Problem> {
    let HttpLimits { body_bytes_max, body_timeout, .. } = HttpSettings::of(request)?.limits;
    let Some(policy) = request.rocket().state::<PasswordPolicy>() else {
        return Err(Problem::new(ProblemKind::Internal, "no password policy is managed"));
    };
    check_media_type(request.headers())?;
    let bytes = tokio::time::timeout(body_timeout, read(request, data, body_bytes_max))
        .await
        .map_err(|_| Problem::new(ProblemKind::BodyTimeout, format!("the body took longer than {body_timeout:?}")))??;
    json_body::parse(&bytes, *policy)
}

/// Only `application/json` in UTF-8 (RFC 8259, section 8.1), not compressed.
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

/// The whole body, if it has at most `bytes_max` bytes. The buffer is allocated once: one that grows would leave copies
/// of a password behind. It is wiped when dropped.
async fn read(request: &Request<'_>, data: Data<'_>, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let too_large = || Problem::new(ProblemKind::BodyTooLarge, format!("the body must not exceed {bytes_max} bytes"));
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
            Err(_) => return Err(Problem::new(ProblemKind::BadRequest, "the body ended early")),
        }
    }
    Ok(bytes)
}

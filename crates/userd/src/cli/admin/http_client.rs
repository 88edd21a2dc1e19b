//! The HTTP client of the admin API. It knows userd's problem documents, and nothing about users.
//!
//! The API key is sent to that server only: redirects are not followed, and unencrypted requests use no proxy.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use crate::cli::command_error::{CommandError, CommandResult};
use crate::cli::console::note;
use crate::cli::sanitize::sanitize;

/// The time limit for connecting, TLS included.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The time limit for a response. A password is hashed first, which takes longer on a busy server.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(30);
/// The largest response: 200 users with names of 200 characters are 0.4 MiB.
const RESPONSE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The ASCII characters that are escaped: all but letters, digits and `-._~` (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The largest file with a key or certificates.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A client of one server.
pub(super) struct AdminClient {
    agent: Agent,
    /// The server's address, without a slash at the end.
    pub(super) base: String,
    key: Option<Zeroizing<String>>,
}

/// A problem document (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemDocument {
    r#type: String,
    title: String,
    detail: String,
}

impl AdminClient {
    /// A client of the server at `url`, with `key`.
    pub(super) fn new(url: &str, key: Option<Zeroizing<String>>, tls_ca: Option<&Path>) -> CommandResult<Self> {
        let wrong = |why: &str| {
            let url = sanitize(url);
            CommandError::InvalidInput(format!("--server: {url:?} {why}: write http://HOST:PORT or https://HOST"))
        };
        let base = url.trim_end_matches('/');
        let uri: Uri = base.parse().map_err(|_| wrong("is not an address of a server"))?;
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return Err(wrong("has no host")) };
        if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("has more than scheme, host, port and path"));
        }
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("is neither http nor https")),
        };
        let client = Self { agent: agent(encrypted, tls_ca)?, base: base.to_owned(), key };
        if !encrypted && !is_loopback_host(host) {
            note(&format!(
                "warning: {base} is not encrypted: others in the network can read the key and every password"
            ));
        }
        Ok(client)
    }

    /// Sends a request and parses the JSON of the response.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> CommandResult<T> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {}", key.as_str()));
        }
        let sent = match body {
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
            Some(body) => {
                let json = request.header("Content-Type", "application/json").body(body.to_string());
                json.map_err(ureq::Error::from).and_then(|request| self.agent.run(request))
            }
        };
        let mut response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = response.body_mut().with_config().limit(RESPONSE_BYTES_MAX).lossy_utf8(true).read_to_string();
        let text = text.map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(self.error_from_problem(status, &text));
        }
        serde_json::from_str(&text).map_err(|_| {
            CommandError::Failed(format!(
                "{} answered {status}, which is not a response of userd's admin API",
                self.base
            ))
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> CommandError {
        let base = &self.base;
        CommandError::Failed(match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                format!("can't reach {base}: the connection was refused")
            }
            ureq::Error::HostNotFound => format!("can't reach {base}: there is no such host"),
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                format!("can't reach {base} within {} seconds", CONNECT_TIME_MAX.as_secs())
            }
            ureq::Error::Timeout(_) => format!(
                "{base} did not answer within {} seconds; the change may have been made",
                RESPONSE_TIME_MAX.as_secs()
            ),
            other => format!("can't talk to {base}: {}", sanitize(&other.to_string())),
        })
    }

    fn error_from_problem(&self, status: StatusCode, text: &str) -> CommandError {
        let base = &self.base;
        let problem: Option<ProblemDocument> = serde_json::from_str(text).ok();
        let Some(problem) = problem.filter(|problem| problem.r#type.starts_with("urn:userd:problem:")) else {
            return CommandError::Failed(format!("{base} answered {status}, which is not a response of userd"));
        };
        let sentence = format!("{}: {}", sanitize(&problem.title), sanitize(&problem.detail));
        match (status.as_u16(), problem.r#type.as_str()) {
            (404, "urn:userd:problem:user-not-found") => CommandError::UserNotFound(sentence),
            (404, "urn:userd:problem:not-found") => CommandError::Failed(format!(
                "{base} has no admin API: it is an older userd, or the path of the address is wrong"
            )),
            (401, _) if self.key.is_some() => CommandError::Failed(format!(
                "{sentence}; `userd api-keys list` on its machine lists the keys that it accepts"
            )),
            (401, _) => CommandError::Failed(format!(
                "{sentence}; give an API key with the scope admin: --key-file FILE, or USERD_API_KEY in the environment"
            )),
            (403, _) => CommandError::Failed(format!(
                "{sentence}; create a key with `userd api-keys create --name NAME --scope admin` on its machine"
            )),
            // The detail names the invalid fields.
            (400 | 422, _) => CommandError::InvalidInput(sanitize(&problem.detail).into_owned()),
            _ => CommandError::Failed(sentence),
        }
    }
}

fn agent(encrypted: bool, tls_ca: Option<&Path>) -> CommandResult<Agent> {
    let roots = match tls_ca {
        None => RootCerts::WebPki,
        Some(path) => {
            let pem = read(path, "--tls-ca")?;
            let certificates: Vec<_> = parse_pem(pem.as_bytes())
                .filter_map(|item| if let Ok(PemItem::Certificate(one)) = item { Some(one) } else { None })
                .collect();
            if certificates.is_empty() {
                return Err(CommandError::InvalidInput(format!(
                    "--tls-ca: {} has no certificate in PEM format",
                    path.display()
                )));
            }
            RootCerts::from(certificates)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build();
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_TIME_MAX))
        .timeout_global(Some(RESPONSE_TIME_MAX))
        .user_agent(concat!("userd/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls);
    if !encrypted {
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

/// Whether the host is this machine.
fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The API key in this file. Warns if other users can access the file, because the key is a secret.
pub(super) fn read_key_file(path: &Path) -> CommandResult<Zeroizing<String>> {
    let text = read(path, "--key-file")?;
    // If the mode can't be read, there is nothing to warn of.
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        let name = sanitize(&path.to_string_lossy()).into_owned();
        note(&format!("warning: other users of this machine may read or change {name}: run chmod 600"));
    }
    parse_key(&text, &format!("--key-file: {}", path.display()))
}

/// The API key in `text`, which came from `place`.
pub(super) fn parse_key(text: &str, place: &str) -> CommandResult<Zeroizing<String>> {
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CommandError::InvalidInput(format!(
            "{place} has no API key: write one line, as `userd api-keys create` prints it"
        )));
    }
    Ok(Zeroizing::new(key.to_owned()))
}

fn read(path: &Path, flag: &str) -> CommandResult<Zeroizing<String>> {
    let text = fs::metadata(path).and_then(|file| match file.len() {
        ..=FILE_BYTES_MAX => fs::read_to_string(path),
        _ => Err(io::Error::other("it is too large")),
    });
    text.map(Zeroizing::new)
        .map_err(|error| CommandError::InvalidInput(format!("{flag}: can't read {}: {error}", path.display())))
}

/// `text` percent-encoded as one part of a path or a query.
pub(super) fn percent_encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(url: &str) -> String {
        match AdminClient::new(url, None, None).map(|client| client.base) {
            Err(CommandError::InvalidInput(sentence)) => sentence,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn an_address_that_is_no_server_is_refused_with_an_example() {
        for (url, why) in [
            ("127.0.0.1:8000", "neither http nor https"),
            ("ftp://example.org", "neither http nor https"),
            ("https://ada:secret@example.org", "more than scheme, host"),
            ("http://example.org?x=1", "more than scheme, host"),
            ("http://exa mple.org", "not an address"),
            ("", "not an address"),
        ] {
            let sentence = mistake(url);
            assert!(sentence.contains(why) && sentence.contains("http://HOST:PORT"), "{url}: {sentence}");
        }
    }

    #[test]
    fn a_server_may_be_below_a_path() {
        let client = AdminClient::new("https://example.org/accounts/", None, None).ok();
        assert_eq!(client.as_ref().map(|client| client.base.as_str()), Some("https://example.org/accounts"));
    }

    #[test]
    fn the_names_of_this_machine_are_recognised() {
        assert!(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].into_iter().all(is_loopback_host));
        assert!(!["example.org", "10.0.0.1", "[::2]", "localhost.example.org"].into_iter().any(is_loopback_host));
    }

    #[test]
    fn parts_of_paths_are_escaped() {
        assert_eq!(percent_encode("ada+x/y@exämple.org?").to_string(), "ada%2Bx%2Fy%40ex%C3%A4mple.org%3F");
    }
}

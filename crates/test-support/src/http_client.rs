//! A raw HTTP/1.1 client: it sends exactly the given bytes, and returns the whole response.
//!
//! It follows no redirect, retries nothing, and panics where a response is not HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The time limit for a response; many times every limit of userd.
pub const HANGS_AFTER: Duration = Duration::from_secs(60);

/// A password that every rule accepts.
pub const PASSWORD: &str = "correct horse battery";

/// A whole response.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The header's value; its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The `id` of the user in the body.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().expect("a user has an id").to_owned()
    }

    /// Whether it is the problem with this status and slug.
    pub fn is_problem(&self, status: u16, slug: &str) -> bool {
        self.status == status && self.json()["type"] == format!("urn:userd:problem:{slug}")
    }

    /// Whether it is a 503 with a `Retry-After` of 1 to 5 seconds.
    pub fn is_retryable_503(&self) -> bool {
        let seconds = self.header("Retry-After").and_then(|seconds| seconds.parse::<u32>().ok());
        self.status == 503 && seconds.is_some_and(|seconds| (1..=5).contains(&seconds))
    }
}

/// Why there is no whole response.
#[derive(Debug)]
pub enum ResponseError {
    /// The connection could not be made, or ended before the first byte of a response.
    NoResponse,
    /// It ended within the response, after these bytes.
    TruncatedResponse(Vec<u8>),
}

/// One connection for several requests.
pub struct HttpConnection {
    stream: BufReader<TcpStream>,
}

impl HttpConnection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // A small buffer, because some tests hold thousands of connections.
        Ok(Self { stream: BufReader::with_capacity(1024, stream) })
    }

    /// Connects to a running server.
    pub async fn to(address: SocketAddr) -> Self {
        Self::open(address).await.expect("it listens")
    }

    /// Sends these bytes; false if the other end has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Waits for a whole response.
    pub async fn answer(&mut self) -> Result<HttpResponse, ResponseError> {
        let mut raw = Vec::new();
        let Ok(read) = tokio::time::timeout(HANGS_AFTER, self.read_response(&mut raw)).await else {
            panic!("no answer within {HANGS_AFTER:?}; so far: {}", String::from_utf8_lossy(&raw));
        };
        read.map_err(|_| if raw.is_empty() { ResponseError::NoResponse } else { ResponseError::TruncatedResponse(raw) })
    }

    /// Sends a request and waits for its response. A rejected request may not have been read to its end.
    pub async fn fetch(&mut self, request: &[u8]) -> Result<HttpResponse, ResponseError> {
        self.send(request).await;
        self.answer().await
    }

    /// Whether a byte of a response, or the end, has arrived.
    pub async fn has_response(&mut self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.stream.fill_buf()).await.is_ok()
    }

    /// Whether the other end closes without another byte.
    pub async fn is_closed(&mut self) -> bool {
        let read = tokio::time::timeout(HANGS_AFTER, self.stream.fill_buf()).await.expect("it closes or answers");
        read.map_or(true, <[u8]>::is_empty)
    }

    async fn read_response(&mut self, raw: &mut Vec<u8>) -> io::Result<HttpResponse> {
        let line = self.line(raw).await?;
        let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or_else(|| panic!("no HTTP: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line(raw).await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut answer = HttpResponse { status, headers, body: Vec::new() };
        let start = raw.len();
        if answer.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let length = self.line(raw).await?;
                let length = usize::from_str_radix(length.trim(), 16).expect("the length of a chunk");
                let chunk = self.bytes(raw, length).await?;
                answer.body.extend(chunk);
                self.line(raw).await?;
                if length == 0 {
                    break;
                }
            }
        } else if let Some(length) = answer.header("Content-Length") {
            let length = length.parse().expect("a length");
            answer.body = self.bytes(raw, length).await?;
        } else if !matches!(status, 100..=199 | 204 | 304) {
            self.stream.read_to_end(raw).await?;
            answer.body = raw[start..].to_vec();
        }
        Ok(answer)
    }

    async fn line(&mut self, raw: &mut Vec<u8>) -> io::Result<String> {
        let start = raw.len();
        self.stream.read_until(b'\n', raw).await?;
        let line = String::from_utf8_lossy(&raw[start..]).into_owned();
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    async fn bytes(&mut self, raw: &mut Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
        let start = raw.len();
        raw.resize(start + length, 0);
        self.stream.read_exact(&mut raw[start..]).await?;
        Ok(raw[start..].to_vec())
    }
}

/// The bytes of a request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// The bytes of a request with a JSON body.
pub fn json_request(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// The bytes of a sign-up.
pub fn sign_up(email: &str) -> Vec<u8> {
    json_request("POST", "/api/users", &json!({"name": "Ada Lovelace", "email": email, "password": PASSWORD}))
}

/// The offset of a request's body.
pub fn body_offset(request: &[u8]) -> usize {
    request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head has an end") + 4
}

/// The bytes of a change to another e-mail.
pub fn change_email(id: &str, email: &str) -> Vec<u8> {
    let body = json!({"name": "Ada Lovelace", "email": email, "password": PASSWORD});
    json_request("PUT", &format!("/api/users/{id}"), &body)
}

/// The bytes of a deletion.
pub fn delete(id: &str) -> Vec<u8> {
    json_request("DELETE", &format!("/api/users/{id}"), &json!({"password": PASSWORD}))
}

/// Sends one request on a connection of its own; panics if there is no response.
pub async fn fetch(address: SocketAddr, request: &[u8]) -> HttpResponse {
    let answer = HttpConnection::to(address).await.fetch(request).await;
    answer.unwrap_or_else(|broken| panic!("{broken:?}: {}", String::from_utf8_lossy(request)))
}

/// The status of one `GET`.
pub async fn status_of(address: SocketAddr, path: &str) -> u16 {
    fetch(address, &get(path)).await.status
}

/// Retries until the path is answered with this status.
pub async fn wait_for_status(address: SocketAddr, path: &str, status: u16) {
    let reached = async {
        while status_of(address, path).await != status {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANGS_AFTER, reached).await.unwrap_or_else(|_| panic!("{path} never answers {status}"));
}

/// Retries until a sign-up for `email` succeeds; every response before has to be a retryable 503.
pub async fn wait_until_signed_up(address: SocketAddr, email: &str) -> HttpResponse {
    let signed_up = async {
        loop {
            let answer = fetch(address, &sign_up(email)).await;
            if answer.status == 200 {
                return answer;
            }
            assert!(answer.is_retryable_503(), "{answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANGS_AFTER, signed_up).await.expect("sign-ups are served again")
}

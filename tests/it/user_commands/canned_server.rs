//! A server that answers what a test tells it to, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// It answers one request for each answer, in their order, and is gone then.
pub(super) struct CannedServer {
    pub(super) address: SocketAddr,
    asked: Receiver<String>,
}

impl CannedServer {
    /// With these answers: a status line, and a body of JSON.
    pub(super) fn answering(answers: Vec<(String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (tell, asked) = channel();
        thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().expect("somebody comes");
                let mut reader = BufReader::new(stream.try_clone().expect("a connection can be had twice"));
                let mut request = String::new();
                while reader.read_line(&mut request).expect("the request comes") > 2 {}
                let length = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.trim().parse().ok();
                let mut sent = vec![0; request.lines().find_map(length).unwrap_or_default()];
                reader.read_exact(&mut sent).expect("the body comes");
                request.push_str(&String::from_utf8(sent).expect("it is UTF-8"));
                // The test may have ended, which shows there.
                let _ = tell.send(request);
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { address, asked }
    }

    /// The URL of it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that it was asked.
    pub(super) fn requests(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

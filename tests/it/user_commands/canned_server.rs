//! A server with prepared responses, which records the requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// It accepts one request for each response, in their order, then ends.
pub(super) struct CannedServer {
    pub(super) address: SocketAddr,
    asked: Receiver<String>,
}

impl CannedServer {
    /// With these responses: a status line, and a body of JSON.
    pub(super) fn answering(answers: Vec<(String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (tell, asked) = channel();
        thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().expect("a client connects");
                let mut reader = BufReader::new(stream.try_clone().expect("a connection can be had twice"));
                let mut request = String::new();
                while reader.read_line(&mut request).expect("the request comes") > 2 {}
                let length = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.trim().parse().ok();
                let mut sent = vec![0; request.lines().find_map(length).unwrap_or_default()];
                reader.read_exact(&mut sent).expect("the body comes");
                request.push_str(&String::from_utf8(sent).expect("it is UTF-8"));
                // Fails if the test has ended, which then has failed itself.
                let _ = tell.send(request);
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { address, asked }
    }

    /// Its URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.asked.try_iter().collect()
    }
}

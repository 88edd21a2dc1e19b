//! What userd is compared with in the same run: a bare Rocket service, and bare Argon2id.
//!
//! `baseline serve PORT REDIS_PORT KEY` serves `/ping` and `/user/<id>`, which does one `HMGET` of nine
//! fields over one multiplexed connection and writes the same JSON as userd. `baseline hash
//! SECONDS THREADS` hashes as fast as the cores can, with userd's default parameters, and prints hashes and
//! seconds.

#![expect(clippy::print_stdout, reason = "a program for the bench, which reads what it prints")]
#![expect(clippy::expect_used, reason = "a bench that can't go on stops with the sentence in `expect`")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use redis::aio::MultiplexedConnection;
use rocket::State;
use rocket::http::ContentType;
use rocket::{get, routes};
use serde::Serialize;

#[derive(Serialize)]
struct UserView<'a> {
    id: &'a str,
    name: &'a str,
    email: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
}

#[get("/ping")]
fn ping() -> &'static str {
    "PONG!"
}

#[get("/user/<id>")]
async fn user(id: &str, connection: &State<MultiplexedConnection>) -> Option<(ContentType, String)> {
    let mut read = redis::cmd("HMGET");
    read.arg(format!("baseline:user:{id}")).arg(&["st", "rev", "name", "email", "as", "salt", "hash", "made", "upd"]);
    let fields: Vec<Option<String>> = read.query_async(&mut connection.inner().clone()).await.ok()?;
    let field = |place: usize| fields.get(place).and_then(Option::as_deref);
    let (created_at, updated_at) = (field(7)?, field(8)?);
    let view = UserView { id, name: field(2)?, email: field(3)?, created_at, updated_at };
    Some((ContentType::JSON, serde_json::to_string(&view).ok()?))
}

async fn serve(port: u16, redis_port: u16) {
    let address = redis::ConnectionAddr::Tcp("127.0.0.1".to_owned(), redis_port);
    let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
    let info = redis::IntoConnectionInfo::into_connection_info(address).expect("an address").set_tcp_settings(tcp);
    let client = redis::Client::open(info).expect("an address");
    let connection = client.get_multiplexed_async_connection().await.expect("redis is there");
    let figment = rocket::Config::figment().merge(("port", port)).merge(("log_level", "off")).merge(("workers", 2));
    rocket::custom(figment).manage(connection).mount("/", routes![ping, user]).launch().await.expect("it serves");
}

fn hash(seconds: u64, threads: usize) {
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (stop, done) = (&stop, &done);
            scope.spawn(move || {
                let params = Params::new(19_456, 2, 1, Some(32)).expect("OWASP's parameters");
                let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let mut out = [0_u8; 32];
                while !stop.load(Ordering::Relaxed) {
                    let salt =
                        (u128::from(done.fetch_add(1, Ordering::Relaxed)) + ((thread as u128) << 64)).to_le_bytes();
                    argon.hash_password_into(b"correct horse battery", &salt, &mut out).expect("it hashes");
                }
            });
        }
        #[expect(clippy::disallowed_methods, reason = "the time that is measured over")]
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    println!("{} {:.3}", done.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok()).expect("a number");
    match words.first().map(String::as_str) {
        Some("serve") => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
            let (port, redis_port): (u64, u64) = (number(1), number(2));
            runtime.block_on(serve(u16::try_from(port).expect("a port"), u16::try_from(redis_port).expect("a port")));
        }
        Some("hash") => hash(number(1), usize::try_from(number(2)).expect("a few")),
        _ => println!("baseline serve PORT REDIS_PORT | baseline hash SECONDS THREADS"),
    }
}

//! The rows of sessions: the cost of checking, opening, revoking and storing one.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::common::{HASHING_CONNECTIONS, baseline, median_of, redis_command, row, used_memory};
use super::context::BenchContext;
use super::load::{LoadProfile, LoadResult};
use super::seed::{self, SeededUsers};
use super::server::ServerProcess;

/// Users with sessions; as many as in the look-up rows.
const SEEDED_USERS: usize = 10_000;

/// Users whose sessions are measured in Redis memory.
const MEMORY_USERS: usize = 50_000;

/// Sessions that are revoked, one after the other.
const REVOCATIONS: usize = 1_000;

/// Session checks.
pub fn checks(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let seeded = runtime.block_on(seed::fill_redis(redis.port, SEEDED_USERS, bench.folder.path(), "sessions-redis"));
    let userd = bench.userd(&format!("redis://127.0.0.1:{}/0", redis.port), &[]);
    let of = bench.interleaved(&[(&userd, bench.paths(&seeded.by_id)), (&userd, tokens(bench, &seeded))]);
    let ratio = of[1].cpu_us / of[0].cpu_us;
    row("session check, Redis", "≤ 1.25× look-up by id", &format!("{ratio:.2}× ({})", cost(&of[1])));

    let path = bench.folder.path().join("sessions.db");
    let seeded = runtime.block_on(seed::fill_sqlite(&path, SEEDED_USERS, bench.folder.path(), "sessions-embedded"));
    let bare = baseline(bench, &redis);
    let userd = bench.userd(&format!("sqlite:{}", path.display()), &[]);
    let of = bench.interleaved(&[(&bare, bench.load("/ping")), (&userd, tokens(bench, &seeded))]);
    let more = of[1].cpu_us - of[0].cpu_us;
    row("session check, embedded", "≤ bare `/ping` + 20 µs", &format!("+{more:.1} µs ({})", cost(&of[1])));
}

/// Sign-ins.
pub fn sign_ins(bench: &BenchContext, runtime: &Runtime) {
    let count = 1_000;
    let redis = bench.redis();
    runtime.block_on(seed::fill_redis(redis.port, count, bench.folder.path(), "sign-ins"));
    let path = bench.folder.path().join("sign-ins.db");
    runtime.block_on(seed::fill_sqlite(&path, count, bench.folder.path(), "sign-ins-embedded"));
    let on_redis = bench.userd(&format!("redis://127.0.0.1:{}/0", redis.port), &[]);
    let on_file = bench.userd(&format!("sqlite:{}", path.display()), &[]);
    let load = LoadProfile {
        script: Some(("sign_ins", vec![("COUNT", count.to_string())])),
        connections: HASHING_CONNECTIONS,
        ..bench.load("/")
    };
    let (mut bare, mut rates) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..bench.settings.turns {
        bare.push(bench.bare_hashes_per_s());
        for (place, server) in [&on_redis, &on_file].into_iter().enumerate() {
            let outcome = load.run(server);
            assert_eq!(outcome.failed, 0, "every sign-in succeeds: {outcome:?}");
            rates[place].push(outcome.per_s);
        }
    }
    let bare = median_of(&mut bare);
    row("bare Argon2id, both cores, beside the sign-ins", "—", &format!("{bare:.1} hashes/s"));
    for (what, rates) in ["sign-ins, Redis", "sign-ins, embedded"].into_iter().zip(&mut rates) {
        let rate = median_of(rates);
        row(what, "≥ 95 % of bare", &format!("{:.1} % ({rate:.1}/s)", 100.0 * rate / bare));
    }
}

/// Sessions are revoked on one node and checked on another.
pub fn revocations(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let seeded = runtime.block_on(seed::fill_redis(redis.port, REVOCATIONS, bench.folder.path(), "revocations"));
    let store = format!("redis://127.0.0.1:{}/0", redis.port);
    let (one, other) = (bench.userd(&store, &[]), bench.userd(&store, &[]));
    let tokens = std::fs::read_to_string(&seeded.tokens).expect("the tokens were written");
    let (mut revoking, mut checking) = (connect(&one), connect(&other));
    let mut taken = Vec::new();
    for token in tokens.lines() {
        assert_eq!(request_session(&mut checking, "GET", token), 200);
        assert_eq!(request_session(&mut revoking, "DELETE", token), 200);
        let ended = Instant::now();
        while request_session(&mut checking, "GET", token) != 401 {}
        taken.push(ended.elapsed());
    }
    taken.sort();
    let p99 = taken[taken.len() * 99 / 100];
    row(
        "from the answer of the sign-out to the first refusal on a second node: p99",
        "milliseconds",
        &format!("{:.2} ms over {} sessions", p99.as_secs_f64() * 1000.0, taken.len()),
    );
}

/// The memory of sessions in Redis.
pub fn bytes(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let store = runtime.block_on(seed::redis(redis.port));
    let people = runtime.block_on(seed::seed_users(&store, MEMORY_USERS));
    let mut before = used_without_events(&redis);
    let mut total = 0;
    for (more, what) in [(1, "the first of each user"), (4, "four more of each user")] {
        for _ in 0..more {
            runtime.block_on(seed::open_sessions(&store, &people));
        }
        total += more;
        let after = used_without_events(&redis);
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
        let each = (after - before) as f64 / (MEMORY_USERS * more) as f64;
        row(
            &format!("Redis memory a session, {what}"),
            "≤ 300 bytes",
            &format!("{each:.0} bytes ({} sessions in all)", MEMORY_USERS * total),
        );
        before = after;
    }
    runtime.block_on(store.close());
}

/// The memory that Redis uses, without the account events.
fn used_without_events(redis: &ServerProcess) -> i64 {
    let events = (0..1024).filter_map(|shard| {
        let key = format!("userd:{{{shard:03x}}}:events");
        let bytes = redis_command(redis, &["MEMORY", "USAGE", &key, "SAMPLES", "0"]);
        redis::from_redis_value::<Option<i64>>(bytes).expect("a number")
    });
    used_memory(redis) - events.sum::<i64>()
}

fn tokens(bench: &BenchContext, seeded: &SeededUsers) -> LoadProfile {
    LoadProfile { script: Some(("sessions", vec![("TOKENS", seeded.tokens.clone())])), ..bench.load("/") }
}

fn cost(outcome: &LoadResult) -> String {
    assert_eq!(outcome.failed, 0, "every session is valid: {outcome:?}");
    outcome.to_string()
}

fn connect(server: &ServerProcess) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("userd takes connections");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Sends a request with this token; returns the status.
fn request_session(stream: &mut TcpStream, method: &str, token: &str) -> u16 {
    write!(stream, "{method} /api/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .expect("userd reads");
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
            }
        }
        let read = stream.read(&mut part).expect("userd answers");
        assert!(read > 0, "userd answers in full");
        answer.extend_from_slice(&part[..read]);
    }
}

//! The rows of the table, each a measurement of its own, and the list of all rows.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::common::{HASHING_CONNECTIONS, baseline, median_of, redis_command, row, used_memory};
use super::context::BenchContext;
use super::load::{LoadProfile, LoadResult};
use super::server::pause;
use super::{compare, doctor, listing, seed, sessions};

/// A row: its name on the command line, and its measurement.
type BenchRow = (&'static str, fn(&BenchContext, &Runtime));

/// All of them, in the order of the table.
pub const ALL: [BenchRow; 13] = [
    ("redis", look_ups_on_redis),
    ("embedded", look_ups_on_sqlite),
    ("hashes", sign_ups_and_password_checks),
    ("storm", reads_under_load),
    ("memory", memory_and_start),
    ("growth", growth_and_bytes),
    ("listing", listing::first_page),
    ("doctor", doctor::throughput_and_interference),
    ("sessions", sessions::checks),
    ("sign-ins", sessions::sign_ins),
    ("revocations", sessions::revocations),
    ("session-bytes", sessions::bytes),
    ("compare", compare::with_other_build),
];

/// Settings without rate limits, so that the verification of wrong passwords can be measured.
const RATE_LIMITS_OFF: [(&str, &str); 4] = [
    ("USERD_RATE_LIMIT__ACCOUNT_BURST", "1000000"),
    ("USERD_RATE_LIMIT__ACCOUNT_ADDRESS_BURST", "1000000"),
    ("USERD_RATE_LIMIT__ADDRESS_BURST", "1000000"),
    ("USERD_RATE_LIMIT__GLOBAL_BURST", "1000000"),
];

/// Stalled connections.
const STALLED: usize = 10_000;

fn look_ups_on_redis(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let seeded = runtime.block_on(seed::fill_redis(redis.port, 10_000, bench.folder.path(), "redis"));
    let record = [
        "HSET",
        "baseline:user:1",
        "st",
        "A",
        "rev",
        "1",
        "name",
        "Made-up Person 1",
        "email",
        "person.1@mail1.example.org",
        "as",
        "",
        "salt",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
        "hash",
        "RdescudvJCsgt3ub+b5dWRWJTmaaJObGRdescudvJCs",
        "made",
        "2026-11-22T14:31:02.007Z",
        "upd",
        "2026-11-22T14:31:02.007Z",
    ];
    redis_command(&redis, &record);
    let bare = baseline(bench, &redis);
    let userd = bench.userd(&format!("redis://127.0.0.1:{}/0", redis.port), &[]);
    let of = bench.interleaved(&[
        (&bare, bench.load("/user/1")),
        (&userd, bench.paths(&seeded.by_id)),
        (&userd, bench.paths(&seeded.by_email)),
        (&userd, bench.load(&format!("/api/users/{}", seeded.one))),
    ]);
    row("bare Rocket, one `HMGET` and the same JSON: CPU a request", "—", &of[0].to_string());
    let ratio = of[3].cpu_us / of[0].cpu_us;
    row("look-up by id, Redis, one user as the bare route", "≤ 1.15× bare", &format!("{ratio:.2}× ({})", of[3]));
    let ratio = of[1].cpu_us / of[0].cpu_us;
    row("look-up by id, Redis, 10,000 users at random", "—", &format!("{ratio:.2}× ({})", of[1]));
    let ratio = of[2].cpu_us / of[1].cpu_us;
    row("look-up by e-mail, Redis", "≤ 1.6× by id", &format!("{ratio:.2}× ({})", of[2]));
}

fn look_ups_on_sqlite(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let path = bench.folder.path().join("look-ups.db");
    let seeded = runtime.block_on(seed::fill_sqlite(&path, 10_000, bench.folder.path(), "embedded"));
    let bare = baseline(bench, &redis);
    let userd = bench.userd(&format!("sqlite:{}", path.display()), &[]);
    let of = bench.interleaved(&[
        (&bare, bench.load("/ping")),
        (&userd, bench.load("/ping")),
        (&userd, bench.paths(&seeded.by_id)),
        (&userd, bench.paths(&seeded.by_email)),
    ]);
    row("bare Rocket `/ping`: CPU a request", "—", &of[0].to_string());
    row("userd `/ping`", "—", &of[1].to_string());
    for (what, place) in [("look-up by id, embedded", 2), ("look-up by e-mail, embedded", 3)] {
        let more = of[place].cpu_us - of[0].cpu_us;
        row(what, "≤ bare `/ping` + 15 µs", &format!("+{more:.1} µs ({})", of[place]));
    }
}

fn sign_ups_and_password_checks(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let seeded = runtime.block_on(seed::fill_redis(redis.port, 1000, bench.folder.path(), "hashes"));
    let database = bench.folder.path().join("hashes.db");
    let on_redis = bench.userd(&format!("redis://127.0.0.1:{}/0", redis.port), &RATE_LIMITS_OFF);
    let on_file = bench.userd(&format!("sqlite:{}", database.display()), &[]);
    let (mut bare, mut rates) = (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    for turn in 0..bench.settings.turns {
        bare.push(bench.bare_hashes_per_s());
        let sign_ups = |tag: &str| LoadProfile {
            script: Some(("sign_ups", vec![("TAG", format!("{tag}{turn}"))])),
            connections: HASHING_CONNECTIONS,
            ..bench.load("/")
        };
        let checks = LoadProfile { script: Some(("checks", vec![("PATHS", seeded.by_id.clone())])), ..sign_ups("") };
        for (place, outcome) in
            [sign_ups("r").run(&on_redis), sign_ups("e").run(&on_file), checks.run(&on_redis)].into_iter().enumerate()
        {
            assert!(place == 2 || outcome.failed == 0, "every sign-up succeeds: {outcome:?}");
            rates[place].push(outcome.per_s);
        }
    }
    let bare = median_of(&mut bare);
    row("bare Argon2id (m=19456, t=2, p=1), both cores", "—", &format!("{bare:.1} hashes/s"));
    for (what, place) in [("sign-ups, Redis", 0), ("sign-ups, embedded", 1), ("password checks, Redis", 2)] {
        let rate = median_of(&mut rates[place]);
        row(what, "≥ 95 % of bare", &format!("{:.1} % ({rate:.1}/s)", 100.0 * rate / bare));
    }
    let cheap = [("USERD_HASH__MEMORY_KIB", "8"), ("USERD_HASH__ITERATIONS", "1")];
    for (what, store) in [
        ("sign-up, Redis", format!("redis://127.0.0.1:{}/0", redis.port)),
        ("sign-up, embedded", format!("sqlite:{}", bench.folder.path().join("cheap.db").display())),
    ] {
        let userd = bench.userd(&store, &cheap);
        let load = LoadProfile {
            script: Some(("sign_ups", vec![("TAG", "cheap".to_owned())])),
            connections: HASHING_CONNECTIONS,
            ..bench.load("/")
        };
        let outcome = load.run(&userd);
        row(
            &format!("{what}: own CPU beside the hash (measured with m=8, t=1)"),
            "< 1 ms",
            &format!("{:.0} µs", outcome.cpu_us),
        );
    }
}

fn reads_under_load(bench: &BenchContext, runtime: &Runtime) {
    let redis = bench.redis();
    let by_redis = runtime.block_on(seed::fill_redis(redis.port, 10_000, bench.folder.path(), "storm-redis"));
    let path = bench.folder.path().join("storm.db");
    let by_file = runtime.block_on(seed::fill_sqlite(&path, 10_000, bench.folder.path(), "storm-embedded"));
    for (what, store, seeded) in [
        ("Redis", format!("redis://127.0.0.1:{}/0", redis.port), by_redis),
        ("embedded", format!("sqlite:{}", path.display()), by_file),
    ] {
        let userd = bench.userd(&store, &[]);
        let reads = LoadProfile { connections: 4, ..bench.paths(&seeded.by_id) };
        let mut turns: Vec<(LoadResult, LoadResult, LoadResult)> = (0..bench.settings.turns)
            .map(|turn| {
                let idle = reads.run(&userd);
                let storm = LoadProfile {
                    script: Some(("sign_ups", vec![("TAG", format!("storm{turn}"))])),
                    connections: HASHING_CONNECTIONS,
                    seconds: bench.settings.seconds + 2,
                    ..bench.load("/")
                }
                .begin(&userd);
                pause(Duration::from_secs(1));
                let stormy = reads.run(&userd);
                (idle, stormy, storm.finish())
            })
            .collect();
        turns.sort_by(|one, other| (one.1.p99_ms / one.0.p99_ms).total_cmp(&(other.1.p99_ms / other.0.p99_ms)));
        let (idle, stormy, hashes) = turns[turns.len() / 2];
        row(
            &format!("look-ups by id, {what}, while sign-ups saturate both cores: p99"),
            "< 10× idle, < 25 ms",
            &format!(
                "{:.2} ms, {:.1}× idle ({:.2} ms); {:.0} reads/s beside {:.0} sign-ups/s",
                stormy.p99_ms,
                stormy.p99_ms / idle.p99_ms,
                idle.p99_ms,
                stormy.per_s,
                hashes.per_s
            ),
        );
    }
}

fn memory_and_start(bench: &BenchContext, runtime: &Runtime) {
    let path = bench.folder.path().join("million.db");
    let seeded = runtime.block_on(seed::fill_sqlite(&path, bench.settings.many, bench.folder.path(), "million"));
    let store = format!("sqlite:{}", path.display());
    let mut starts = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let userd = bench.userd(&store, &[]);
        get(userd.port, &format!("/api/users/{}", seeded.one));
        starts.push(started.elapsed());
    }
    starts.sort();
    row(
        &format!("start to the first answer, embedded, {} users", bench.settings.many),
        "< 100 ms",
        &format!("{:.0} ms (median of 5)", starts[2].as_secs_f64() * 1000.0),
    );
    let userd = bench.userd(&store, &[]);
    get(userd.port, "/ping");
    row("resident memory, idle", "< 20 MB", &format!("{:.1} MiB", userd.rss_mib()));
    let stalled: Vec<TcpStream> = (0..STALLED)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", userd.port)).expect("userd takes connections");
            stream.write_all(b"GET /api/users/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").expect("userd reads");
            stream
        })
        .collect();
    pause(Duration::from_secs(2));
    let memory = userd.rss_mib();
    let served = bench.paths(&seeded.by_id).run(&userd);
    row(
        &format!("resident memory with {STALLED} stalled connections"),
        "< 120 MB",
        &format!("{memory:.1} MiB; meanwhile {:.0} look-ups/s, p99 {:.1} ms", served.per_s, served.p99_ms),
    );
    drop(stalled);
}

/// Sends one request, and reads the response.
fn get(port: u16, path: &str) {
    use std::io::Read as _;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("userd takes connections");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("userd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("userd answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn growth_and_bytes(bench: &BenchContext, runtime: &Runtime) {
    for count in [100_000, bench.settings.many] {
        #[expect(clippy::cast_precision_loss, reason = "some millions at most")]
        let users = count as f64;
        let redis = bench.redis();
        let empty = used_memory(&redis);
        runtime.block_on(seed::fill_redis_without_sessions(redis.port, count));
        #[expect(clippy::cast_precision_loss, reason = "some gigabytes at most")]
        let bytes = (used_memory(&redis) - empty) as f64 / users;
        row(&format!("Redis memory a user, {count} users"), "≤ 1,000 bytes at a million", &format!("{bytes:.0} bytes"));
    }
    let small = bench.folder.path().join("small.db");
    let large = bench.folder.path().join("large.db");
    let few = runtime.block_on(seed::fill_sqlite(&small, 1000, bench.folder.path(), "small"));
    let many = runtime.block_on(seed::fill_sqlite(&large, bench.settings.many, bench.folder.path(), "large"));
    let (on_small, on_large) = (
        bench.userd(&format!("sqlite:{}", small.display()), &[]),
        bench.userd(&format!("sqlite:{}", large.display()), &[]),
    );
    for (what, few, many) in [("by id", few.by_id, many.by_id), ("by e-mail", few.by_email, many.by_email)] {
        let of = bench.interleaved(&[(&on_small, bench.paths(&few)), (&on_large, bench.paths(&many))]);
        row(
            &format!("look-up {what}, embedded, {} users against 1,000", bench.settings.many),
            "≤ 1.2×",
            &format!("{:.2}× ({:.1} µs against {:.1} µs)", of[1].cpu_us / of[0].cpu_us, of[1].cpu_us, of[0].cpu_us),
        );
    }
}

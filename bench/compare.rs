//! CPU per request of this userd against another build of it: `BENCH_OTHER=/path/to/userd bench compare`.
//!
//! Each program has stores of its own, which it fills itself over HTTP, so the formats may differ.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::common::{HASHING_CONNECTIONS, median_of, row};
use super::context::{BenchContext, start_userd};
use super::load::LoadProfile;
use super::server::ServerProcess;

/// Users of each store; the loads select among all of them.
const USERS: usize = 2_000;

/// A cheap hash, so that what is compared is everything else; the key has this name in every version.
const CHEAP_HASH: [(&str, &str); 1] = [("USERD_HASH__MEMORY_KIB", "8")];

/// The load of a row on a server; the turn keeps the users of sign-ups apart.
type LoadOfTurn<'a> = &'a dyn Fn(&ComparedServer, usize) -> LoadProfile;

/// A program with a filled store.
struct ComparedServer {
    userd: ServerProcess,
    program: PathBuf,
    store: String,
    /// Files of paths by id and by e-mail, and of session tokens.
    files: [String; 3],
}

/// Session check, look-ups, sign-up and sign-in on Redis and on SQLite, in turns. Does nothing without `BENCH_OTHER`.
pub fn with_other_build(bench: &BenchContext, _: &Runtime) {
    #[expect(clippy::disallowed_methods, reason = "the bench is its own program")]
    let Some(other) = std::env::var_os("BENCH_OTHER").map(PathBuf::from) else { return };
    for on_redis in [true, false] {
        let redis = on_redis.then(|| [bench.redis(), bench.redis()]);
        let servers = [("own", bench.userd.as_path()), ("other", other.as_path())];
        let compared: Vec<ComparedServer> = servers
            .iter()
            .enumerate()
            .map(|(place, (name, program))| {
                let store = match &redis {
                    Some(redis) => format!("redis://127.0.0.1:{}/0", redis[place].port),
                    None => format!("sqlite:{}", bench.folder.path().join(format!("{name}.db")).display()),
                };
                start_and_fill(bench, program, &store, &format!("compare-{name}-{on_redis}"))
            })
            .collect();
        let store = if on_redis { "Redis" } else { "embedded" };
        let rows: [(&str, LoadOfTurn<'_>); 5] = [
            ("look-up by id", &|server, _| reads(bench, "paths", "PATHS", &server.files[0])),
            ("look-up by e-mail", &|server, _| reads(bench, "paths", "PATHS", &server.files[1])),
            ("session check", &|server, _| reads(bench, "sessions", "TOKENS", &server.files[2])),
            ("sign-up", &|_, turn| hashes(bench, "sign_ups", "TAG", format!("turn-{turn}"))),
            ("sign-in", &|_, _| hashes(bench, "sign_ins", "COUNT", USERS.to_string())),
        ];
        for (what, load) in rows {
            compare(bench, &compared, &format!("{what}, {store}"), load);
        }
        let restarted: Vec<ComparedServer> = compared.into_iter().map(ComparedServer::with_default_hash).collect();
        compare(bench, &restarted, &format!("sign-up with the default hash, {store}"), &|_, turn| {
            hashes(bench, "sign_ups", "TAG", format!("default-{turn}"))
        });
    }
}

impl ComparedServer {
    /// The same program on the same store, with its default settings.
    fn with_default_hash(self) -> Self {
        drop(self.userd);
        Self { userd: start_userd(&self.program, &self.store, &[]), ..self }
    }
}

fn reads(bench: &BenchContext, script: &'static str, variable: &'static str, file: &str) -> LoadProfile {
    LoadProfile { script: Some((script, vec![(variable, file.to_owned())])), ..bench.load("/") }
}

fn hashes(bench: &BenchContext, script: &'static str, variable: &'static str, value: String) -> LoadProfile {
    let script = Some((script, vec![(variable, value)]));
    LoadProfile { script, connections: HASHING_CONNECTIONS, ..bench.load("/") }
}

/// Runs a load on both servers in turns, and writes the row.
fn compare(bench: &BenchContext, compared: &[ComparedServer], what: &str, load: LoadOfTurn<'_>) {
    let mut results: [Vec<f64>; 2] = Default::default();
    for turn in 0..bench.settings.turns {
        for (server, results) in compared.iter().zip(&mut results) {
            let result = load(server, turn).run(&server.userd);
            assert_eq!(result.failed, 0, "{what}: every request succeeds: {result:?}");
            results.push(result.cpu_us);
        }
    }
    let [own, other] = results.map(|mut results| median_of(&mut results));
    row(&format!("{what}, against BENCH_OTHER"), "—", &format!("{:.3}× ({own:.1} µs, {other:.1} µs)", own / other));
}

/// Starts a program on an empty store, signs users up and in, and writes the files of the loads.
fn start_and_fill(bench: &BenchContext, program: &Path, store: &str, name: &str) -> ComparedServer {
    let userd = start_userd(program, store, &CHEAP_HASH);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", userd.port);
    let post = |path: &str, body: &Value| -> Value {
        let mut response = ureq::post(url(path)).send_json(body).expect("the request succeeds");
        response.body_mut().read_json().expect("a JSON body")
    };
    let mut lines: [String; 3] = Default::default();
    for number in 0..USERS {
        let email = format!("person.{number}@mail{}.example.org", number % 100);
        let password = "correct horse battery";
        let user = post("/api/users", &json!({"name": "Ada Lovelace", "email": email, "password": password}));
        let session = post("/api/login", &json!({"email": email, "password": password}));
        let text = |value: &Value, member: &str| value[member].as_str().expect("a string").to_owned();
        let values =
            [format!("/api/users/{}", text(&user, "id")), format!("/api/users/{email}"), text(&session, "token")];
        for (lines, value) in lines.iter_mut().zip(values) {
            lines.push_str(&value);
            lines.push('\n');
        }
    }
    let files =
        ["id", "email", "token"].map(|kind| bench.folder.path().join(format!("{name}-{kind}")).display().to_string());
    for (file, lines) in files.iter().zip(lines) {
        std::fs::write(file, lines).expect("a file in the bench's folder");
    }
    ComparedServer { userd, program: program.to_owned(), store: store.to_owned(), files }
}

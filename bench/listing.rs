//! The rows of listings: the first page of users among many users, and among a thousand.

use tokio::runtime::Runtime;

use super::common::row;
use super::context::BenchContext;
use super::load::LoadProfile;
use super::seed;

/// The smaller of the two stores that are compared.
const FEW: usize = 1_000;

/// One request at a time, so that the latency contains no queue.
const CONNECTIONS: usize = 1;

/// The latency of the first page among many users against a thousand, on each store, in sign-up order and by e-mail
/// prefix.
pub fn first_page(bench: &BenchContext, runtime: &Runtime) {
    let many = bench.settings.many;
    let (on_few, on_many) = (bench.redis(), bench.redis());
    runtime.block_on(seed::fill_redis_without_sessions(on_few.port, FEW));
    runtime.block_on(seed::fill_redis_without_sessions(on_many.port, many));
    let redis = [on_few.port, on_many.port].map(|port| format!("redis://127.0.0.1:{port}/0"));
    compare(bench, "Redis", &redis);
    let files = [("few", FEW), ("many", many)].map(|(name, count)| {
        let path = bench.folder.path().join(format!("listing-{name}.db"));
        runtime.block_on(seed::fill_sqlite(&path, count, bench.folder.path(), name));
        format!("sqlite:{}", path.display())
    });
    compare(bench, "embedded", &files);
}

fn compare(bench: &BenchContext, store: &str, [few, many]: &[String; 2]) {
    let (few, many) = (bench.userd(few, &[]), bench.userd(many, &[]));
    for (what, path) in [("first page", "/admin/users"), ("first page by e-mail", "/admin/users?email=p")] {
        let load = || LoadProfile { connections: CONNECTIONS, ..bench.load(path) };
        let of = bench.interleaved(&[(&few, load()), (&many, load())]);
        row(
            &format!("{what}, {store}, {} users against {FEW}", bench.settings.many),
            "≤ 1.2×",
            &format!("{:.2}× ({:.2} ms against {:.2} ms)", of[1].p50_ms / of[0].p50_ms, of[1].p50_ms, of[0].p50_ms),
        );
    }
}

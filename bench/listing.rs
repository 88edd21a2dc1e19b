//! The rows of long lists: what the first page of users costs among many, and among a thousand.

use tokio::runtime::Runtime;

use super::load::LoadProfile;
use super::{BenchContext, row, seed};

/// The smaller of the two stores that are compared.
const FEW: usize = 1_000;

/// One request at a time: latency is what a page takes, on both sides of the connection to the store, and no queue.
const CONNECTIONS: usize = 1;

/// How much longer the first page takes among many users than among a thousand, on each store, in sign-up order and by
/// the beginning of an e-mail.
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

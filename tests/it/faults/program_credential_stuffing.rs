//! Credential stuffing: ten thousand wrong passwords from many addresses, while the account owners go on signing in.
//! (Row 25 of the fault table, and row 26 for sign-ins.)

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use userd_test_support::fault_report::report_row;
use userd_test_support::http_client::{HttpConnection, PASSWORD, sign_up};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::sign_in_requests::{login, login_with_device, sign_in, sign_up_user, text_field, with_header};
use userd_test_support::stores::run_concurrently;
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

const ATTEMPTS: usize = 10_000;

/// Accounts that are attacked, and as many that are not.
const ACCOUNTS: usize = 20;

const ATTACKERS: usize = 16;

/// The default of `rate_limit.account_burst`.
const ACCOUNT_BURST: usize = 20;

/// The time until one more attempt is allowed, in seconds.
const ACCOUNT_REFILL_S: u64 = 900;

/// Room for connections and requests in flight in a debug build, and for the hash workers' cheap memory.
const SLACK_KIB: u64 = 24 * 1024;

fn victim(number: usize) -> String {
    format!("victim{}@example.org", number % ACCOUNTS)
}

/// An address from the blocks for documentation and for private use: another one for each attempt.
fn address(number: usize) -> String {
    let number = number % 5_000;
    if number.is_multiple_of(3) {
        format!("2001:db8:{:x}:{:x}::1", number / 256, number % 256)
    } else {
        format!("10.7.{}.{}", number / 256, number % 256)
    }
}

/// A userd behind a proxy on this machine, which needs an API key.
fn serving(launch: &UserdCommand) -> UserdProcess {
    launch.make_api_key("users:read");
    launch.start()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_passwords_reach_no_account_and_lock_out_no_user_on_the_embedded_store() {
    let folder = tempfile::tempdir().expect("a folder");
    run_credential_stuffing(&UserdCommand::in_folder(folder.path()), "embedded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_passwords_reach_no_account_and_lock_out_no_user_on_redis() {
    let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
    run_credential_stuffing(&UserdCommand::in_folder(folder.path()).redis(&server), "Redis").await;
}

async fn run_credential_stuffing(launch: &UserdCommand, store: &str) {
    let userd = serving(&launch.clone().cheap_hashes().set("proxy.trusted_proxies", "127.0.0.1, ::1"));
    let mut devices = Vec::new();
    for number in 0..ACCOUNTS {
        sign_up_user(userd.address(), &victim(number)).await;
        sign_up_user(userd.address(), &format!("bystander{number}@example.org")).await;
        devices.push(text_field(&sign_in(userd.address(), &victim(number)).await, "device_token"));
    }
    let base = userd.memory_kib();
    let (started, over) = (Instant::now(), AtomicBool::new(false));
    let mut attackers = JoinSet::new();
    for attacker in 0..ATTACKERS {
        attackers.spawn(attack(userd.address(), attacker));
    }
    let mut verified: BTreeMap<String, usize> = BTreeMap::new();
    let attack = async {
        let found = attackers.join_all().await;
        over.store(true, Ordering::SeqCst);
        found
    };
    let (found, signed_in) = tokio::join!(attack, sign_in_honestly(userd.address(), devices, &over));
    for email in found.into_iter().flatten() {
        *verified.entry(email).or_default() += 1;
    }
    assert!(signed_in > 2 * ACCOUNTS, "only {signed_in} honest sign-ins were made meanwhile");
    let most = verified.values().max().copied().unwrap_or_default();
    report_row(
        "Stuffing",
        &[
            ("store", store.to_owned()),
            ("wrong passwords from 5,000 addresses", ATTEMPTS.to_string()),
            ("passwords verified", verified.values().sum::<usize>().to_string()),
            ("at one account at most", most.to_string()),
            ("honest sign-ins meanwhile, all served", (2 * signed_in).to_string()),
        ],
    );
    let refilled = usize::try_from(started.elapsed().as_secs() / ACCOUNT_REFILL_S).expect("some hours") + 1;
    for (email, attempts) in verified {
        assert!(attempts <= ACCOUNT_BURST + refilled, "{attempts} passwords were verified for {email}");
    }
    let (peak, most) = (userd.memory_peak_kib(), base + SLACK_KIB);
    assert!(peak <= most, "{peak} KiB at most, {base} before");
}

/// Tries its share of the passwords, each from another address; returns the accounts whose password was verified.
async fn attack(address: std::net::SocketAddr, attacker: usize) -> Vec<String> {
    let (mut connection, mut verified) = (HttpConnection::to(address).await, Vec::new());
    for number in (attacker..ATTEMPTS).step_by(ATTACKERS) {
        let request = login(&victim(number), &format!("wrong password {number}"));
        let request = with_header(request, "X-Forwarded-For", &self::address(number));
        let answer = connection.fetch(&request).await.expect("an answer");
        match answer.status {
            401 => verified.push(victim(number)),
            429 => {
                let seconds = answer.header("Retry-After").and_then(|seconds| seconds.parse::<u64>().ok());
                assert!(seconds.is_some_and(|seconds| seconds >= 1), "{answer:?}");
                assert!(answer.header("RateLimit").is_some(), "{answer:?}");
            }
            _ => panic!("{}", answer.text()),
        }
    }
    verified
}

/// Goes on signing in: users of attacked accounts from trusted devices, the others from any device.
async fn sign_in_honestly(address: std::net::SocketAddr, devices: Vec<String>, over: &AtomicBool) -> usize {
    let (mut connection, mut signed_in) = (HttpConnection::to(address).await, 0);
    while !over.load(Ordering::SeqCst) || signed_in <= 2 * ACCOUNTS {
        let number = signed_in % ACCOUNTS;
        let known = login_with_device(&devices[number], &victim(number), PASSWORD);
        let unknown = login(&format!("bystander{number}@example.org"), PASSWORD);
        for (request, from) in [(known, "192.0.2.1"), (unknown, "192.0.2.2")] {
            let answer = connection.fetch(&with_header(request, "X-Forwarded-For", from)).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        signed_in += 1;
    }
    signed_in
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_sign_ins_at_once_are_served_or_refused_within_their_memory_and_sessions_go_on() {
    const WORKERS: u64 = 2;
    const HASH_KIB: u64 = 19 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let workers = WORKERS.to_string();
    let userd = UserdCommand::in_folder(folder.path()).set("hash.workers", &workers).without_rate_limits().start();
    let address = userd.address();
    let base = userd.memory_kib();
    assert_eq!(userd_test_support::http_client::fetch(address, &sign_up("ada@example.org")).await.status, 200);
    let token = text_field(&sign_in(address, "ada@example.org").await, "token");
    let mut sign_ins = Vec::new();
    for _ in 0..500 {
        let mut connection = HttpConnection::to(address).await;
        sign_ins.push(async move { connection.fetch(&login("ada@example.org", PASSWORD)).await.expect("an answer") });
    }
    let checks = async {
        for _ in 0..20 {
            // More than twenty sign-ins end the oldest session, so this one may have ended.
            let answer = userd_test_support::sign_in_requests::current_session(address, &token).await;
            assert!(matches!(answer.status, 200 | 401), "{}", answer.text());
        }
    };
    let (answers, ()) = tokio::join!(run_concurrently(sign_ins), checks);
    let (served, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served, {} refused", served.len(), refused.len());
    for answer in refused {
        assert!(answer.is_retryable_503(), "{answer:?}");
    }
    let (peak, most) = (userd.memory_peak_kib(), base + WORKERS * HASH_KIB + SLACK_KIB);
    assert!(peak <= most, "{peak} KiB at most, {base} before: more than {most}");
}

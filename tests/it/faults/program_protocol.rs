//! The real userd killed or frozen before and after every step of the claim protocol. (Rows 3 and 4 of the
//! fault table; the same below the HTTP layer, with lost answers and repeats, is in `redis_protocol`.)

use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::Notify;
use userd_core::clock::{Clock, ManualClock, SystemClock};
use userd_core::{Actor, UserId};
use userd_store::{CreateUserOutcome, Store};
use userd_store_redis::INTENT_MS;

use userd_test_support::fault_proxy::{FaultProxy, ProxyAction};
use userd_test_support::fixtures::new_user;
use userd_test_support::http_client::{
    HttpConnection, HttpResponse, ResponseError, change_email, delete, fetch, get, sign_up,
};
use userd_test_support::recovery::{assert_no_contradictions, assert_recovers, owner, store_with_long_timeout};
use userd_test_support::redis_server::RedisServer;
use userd_test_support::userd_process::{UserdCommand, UserdProcess};

const OLD: &str = "old@example.org";
const NEW: &str = "new@example.org";

/// More steps than any operation has; a loop that gets here does not end.
const STEPS_MAX: usize = 20;

/// The requests that go through the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProtocolRequest {
    Post,
    Put,
    Delete,
}

/// One Redis with a user where the operation needs one, and a userd that is disturbed at one step.
struct ProtocolRun {
    server: RedisServer,
    folder: TempDir,
    proxy: FaultProxy,
    serving: UserdProcess,
    /// The user who exists already.
    id: Option<String>,
    request: Vec<u8>,
}

impl ProtocolRun {
    /// A userd behind a proxy that lets the operation's `at`-th step meet `fate` and all others pass; the two
    /// steps of connecting (self-test, namespace) are not counted.
    async fn start(operation: ProtocolRequest, at: usize, fate: ProxyAction) -> Self {
        let (server, folder) = (RedisServer::start(), tempfile::tempdir().expect("a folder"));
        let connecting = 2;
        let mut id = None;
        // The first userd makes the keys that sign tokens, which is a step, too.
        let other = launch(&folder).redis(&server).start();
        if operation != ProtocolRequest::Post {
            id = Some(fetch(other.address(), &sign_up(OLD)).await.id());
        }
        drop(other);
        let decide = move |step| if step == connecting + at { fate.clone() } else { ProxyAction::Forward };
        let proxy = FaultProxy::start(server.port(), decide).await;
        let serving = launch(&folder).store(&format!("redis://127.0.0.1:{}/0", proxy.port())).start();
        assert_eq!(proxy.steps(), connecting, "connecting takes as many steps as the test expects");
        let known = id.as_deref().unwrap_or_default();
        let request = match operation {
            ProtocolRequest::Post => sign_up(OLD),
            ProtocolRequest::Put => change_email(known, NEW),
            ProtocolRequest::Delete => delete(known),
        };
        Self { server, folder, proxy, serving, id, request }
    }

    /// The answer to the operation, or `None` if the disturbed step arrives first.
    async fn run(&self, connection: &mut HttpConnection, arrived: &Notify) -> Option<HttpResponse> {
        tokio::select! {
            answer = connection.fetch(&self.request) => Some(answer.expect("an answer")),
            () = arrived.notified() => None,
        }
    }

    /// The user of each e-mail after the operation was acknowledged.
    fn outcome(&self, operation: ProtocolRequest, answer: &HttpResponse) -> [(&'static str, Option<UserId>); 2] {
        assert_eq!(answer.status, 200, "{operation:?}: {}", answer.text());
        let id = UserId::parse(&answer.id()).expect("an id");
        if let Some(known) = &self.id {
            assert_eq!(known, &id.to_string());
        }
        match operation {
            ProtocolRequest::Post => [(OLD, Some(id)), (NEW, None)],
            ProtocolRequest::Put => [(OLD, None), (NEW, Some(id))],
            ProtocolRequest::Delete => [(OLD, None), (NEW, None)],
        }
    }
}

/// With calls to Redis that have time enough for what the tests do to them.
fn launch(folder: &TempDir) -> UserdCommand {
    UserdCommand::in_folder(folder.path()).cheap_hashes().set("redis.timeout_ms", "20000")
}

/// Kills userd at every step of `operation`, until one run of it goes through.
async fn kill_at_every_step(operation: ProtocolRequest, fate: fn(Arc<Notify>) -> ProxyAction) {
    for at in 0..=STEPS_MAX {
        assert!(at < STEPS_MAX, "{operation:?} never runs through");
        let what = format!("{operation:?}, killed at step {at}");
        let arrived = Arc::new(Notify::new());
        let mut run_setup = ProtocolRun::start(operation, at, fate(Arc::clone(&arrived))).await;
        let mut connection = HttpConnection::to(run_setup.serving.address()).await;
        let answer = run_setup.run(&mut connection, &arrived).await;
        run_setup.serving.kill();
        if answer.is_none() {
            let broken = connection.answer().await;
            assert!(matches!(broken, Err(ResponseError::NoResponse)), "{what}: {broken:?}");
        }
        let acknowledged = answer.as_ref().map(|answer| run_setup.outcome(operation, answer));
        let acknowledged = acknowledged.as_ref().map_or(&[][..], |outcome| &outcome[..]);
        let clock = ManualClock::at(SystemClock.now());
        assert_recovers(&run_setup.server, &clock, acknowledged, &[OLD, NEW], &what).await;
        let again = launch(&run_setup.folder).redis(&run_setup.server).start();
        for email in [OLD, NEW] {
            let found = fetch(again.address(), &get(&format!("/api/users/{email}"))).await;
            assert_eq!(found.status, 200, "{what}: {email} has its one user: {}", found.text());
            assert_eq!(fetch(again.address(), &sign_up(email)).await.status, 409, "{what}: {email}");
        }
        if answer.is_some() {
            assert!(at > 2, "{operation:?} has at least three steps, and they were disturbed");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_killed_before_any_step_leaves_no_contradiction_and_blocks_nothing() {
    for operation in [ProtocolRequest::Post, ProtocolRequest::Put, ProtocolRequest::Delete] {
        kill_at_every_step(operation, ProxyAction::StopBefore).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_killed_after_any_step_leaves_no_contradiction_and_blocks_nothing() {
    for operation in [ProtocolRequest::Post, ProtocolRequest::Put, ProtocolRequest::Delete] {
        kill_at_every_step(operation, ProxyAction::StopAfter).await;
    }
}

/// Freezes userd at every step of `operation`, for longer than the deadline of intents by the clock of another client,
/// which takes the e-mail meanwhile.
async fn freeze_at_every_step(operation: ProtocolRequest, wanted: &str) {
    for at in 0..=STEPS_MAX {
        assert!(at < STEPS_MAX, "{operation:?} never runs through");
        let what = format!("{operation:?}, frozen at step {at}");
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let run_setup =
            ProtocolRun::start(operation, at, ProxyAction::Hold(Arc::clone(&arrived), Arc::clone(&go_on))).await;
        let mut connection = HttpConnection::to(run_setup.serving.address()).await;
        if let Some(answer) = run_setup.run(&mut connection, &arrived).await {
            assert_eq!(answer.status, 200, "{operation:?}: {}", answer.text());
            assert!(at > 2, "{operation:?} has at least three steps, and they were disturbed");
            break;
        }
        run_setup.serving.freeze();
        let clock = ManualClock::at(SystemClock.now());
        clock.advance_ms(2 * INTENT_MS);
        let store = store_with_long_timeout(run_setup.server.settings()).await;
        let rival = new_user(&clock, wanted);
        let rival_won =
            store.create_user(&rival, Actor::anonymous()).await.expect("served") == CreateUserOutcome::Created;
        go_on.notify_one();
        run_setup.serving.thaw();
        let answer = connection.answer().await.expect("an answer");
        assert!([200, 409, 503].contains(&answer.status), "{what}: {}", answer.text());
        assert!(!(rival_won && answer.status == 200), "{what}: both have {wanted}");
        let owner = owner(&store, wanted).await;
        if rival_won {
            assert_eq!(owner, Some(rival.id), "{what}");
        } else {
            assert!(owner.is_some_and(|id| id != rival.id), "{what}: {owner:?}");
        }
        assert_no_contradictions(&run_setup.server, &what);
        assert!(run_setup.proxy.steps() > 2 + at, "{what}: the step was met");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_frozen_past_the_deadline_inside_a_sign_up_can_not_double_the_email() {
    freeze_at_every_step(ProtocolRequest::Post, OLD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_userd_frozen_past_the_deadline_inside_a_change_can_not_double_the_email() {
    freeze_at_every_step(ProtocolRequest::Put, NEW).await;
}

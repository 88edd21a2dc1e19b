//! What the steps of an import are sent: users of one shard together, and what each answer means.
//!
//! Not the order of the steps: see `importing`.

use ::redis::{Cmd, Value};
use sha2::{Digest, Sha256};

use super::RedisStore;
use super::keys::Shard;
use super::link::Batched;
use super::record::{self, Pointer};
use super::script::Script;
use super::session_fields as fields;
use super::sessions::KEPT_MS_MAX;
use super::sign_up::INTEND_NOT_AFTER_MS;
use super::steps::{ABORTED_TTL_MS, intent_deadline};
use userd_core::{Client, EventKind, RefreshState, Session, SessionLimits, Timestamp};
use userd_store::Account;

/// The most users in one call: it keeps a server from others for about a millisecond.
const TOGETHER_MAX: usize = 32;

/// What holds for a whole batch.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) limits: &'a SessionLimits,
    pub(super) client: &'a Client,
    pub(super) now: Timestamp,
}

/// One of the batch.
pub(super) struct Newcomer<'a> {
    pub(super) account: &'a Account,
    pub(super) shard: Shard,
    /// What its record will hold.
    written: Vec<String>,
    /// By which a pending record is known as this one.
    digest: String,
}

impl<'a> Newcomer<'a> {
    pub(super) fn new(account: &'a Account) -> Self {
        let (user, written) = (&account.user, record::written(&account.user));
        let mut digest = Sha256::new();
        for text in written.iter().chain([&user.email.canonical().as_str().to_owned()]) {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
        for session in &account.sessions {
            digest.update(session.id.as_bytes());
            digest.update(session.proof.as_bytes());
        }
        let digest = digest.finalize();
        let digest = digest[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self { account, shard: Shard::of_user(user.id), written, digest: format!("{digest:016x}") }
    }
}

impl Newcomer<'_> {
    /// The claim on the e-mail under `op`.
    pub(super) fn pointer(&self, op: u64) -> Pointer {
        Pointer { id: self.account.user.id, op }
    }
}

/// Groups of users of one shard, none too large; each by their places in `newcomers`.
pub(super) fn together(newcomers: &[Newcomer<'_>], mut places: Vec<usize>) -> Vec<Vec<usize>> {
    places.sort_by_key(|place| newcomers[*place].shard);
    let by_shard = places.chunk_by(|one, other| newcomers[*one].shard == newcomers[*other].shard);
    by_shard.flat_map(|group| group.chunks(TOGETHER_MAX)).map(<[usize]>::to_vec).collect()
}

impl RedisStore {
    /// Reads what is there: the record, then the claim.
    pub(super) fn look_commands(&self, newcomer: &Newcomer<'_>) -> [(Shard, Batched); 2] {
        let (user, mut record) = (&newcomer.account.user, Cmd::new());
        record.arg("HMGET").arg(self.keys.user(user.id)).arg(&record::READ);
        let email = user.email.canonical();
        [(newcomer.shard, Batched::Command(record)), (Shard::of_email(email), Batched::Command(self.get_claim(email)))]
    }

    /// C1.
    pub(super) fn intend_step(&self, group: &[&Newcomer<'_>], now: Timestamp, server_now_ms: u64) -> Batched {
        let texts = [
            (server_now_ms + INTEND_NOT_AFTER_MS).to_string(),
            intent_deadline(now),
            ABORTED_TTL_MS.to_string(),
            now.as_millis().to_string(),
            (group.first().map_or(0, |one| one.written.len()) + 2).to_string(),
        ];
        let mut args: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        for one in group {
            args.push(one.account.user.email.canonical().as_str().into());
            args.push(one.digest.clone().into_bytes());
            args.extend(one.written.iter().map(|text| text.clone().into_bytes()));
        }
        let keys = group.iter().map(|one| self.keys.user(one.account.user.id)).collect();
        Batched::Script { script: Script::ImportIntend, keys, args }
    }

    /// C2 where nobody has the claim: the plain command, which is the script's compare-and-set with "none" expected.
    pub(super) fn claim_command(&self, newcomer: &Newcomer<'_>, op: u64) -> (Shard, Batched) {
        let (email, mut set) = (newcomer.account.user.email.canonical(), Cmd::new());
        set.arg("SET").arg(self.keys.claim(email)).arg(newcomer.pointer(op).to_string()).arg("NX");
        (Shard::of_email(email), Batched::Command(set))
    }

    /// C3 for some of one shard, each with its op.
    pub(super) fn commit_step(&self, group: &[(&Newcomer<'_>, u64)], terms: Terms<'_>) -> Batched {
        let shard = group.first().map_or(Shard::FIRST, |(one, _)| one.shard);
        let mut keys = vec![self.keys.users(shard), self.keys.emails(shard), self.keys.events(shard)];
        let mut args = Vec::new();
        for (one, op) in group {
            let id = one.account.user.id;
            keys.extend([self.keys.user(id), self.keys.sessions(id)]);
            if args.is_empty() {
                let [kept, _, about @ ..] = self.event(id, EventKind::Imported, terms.client, terms.now);
                args.push(kept);
                args.extend(about);
                args.push(terms.limits.absolute_ms.clamp(1, KEPT_MS_MAX).to_string().into_bytes());
            }
            let sessions: Vec<Vec<u8>> = one.account.sessions.iter().flat_map(session_pairs).collect();
            args.extend([id.to_string().into_bytes(), id.as_bytes().to_vec(), one.digest.clone().into_bytes()]);
            args.extend([op.to_string().into_bytes(), sessions.len().to_string().into_bytes()]);
            args.extend(sessions);
        }
        Batched::Script { script: Script::ImportCommit, keys, args }
    }
}

/// Fields and values of a session in the epoch with which a record begins.
fn session_pairs(session: &Session) -> Vec<Vec<u8>> {
    let refresh = session.refresh.as_ref().map(RefreshState::to_bytes).unwrap_or_default();
    let pieces = refresh.chunks(fields::PIECE).map(<[u8]>::to_vec);
    let values = [fields::whole_core(session), session.agent.as_str().into()].into_iter().chain(pieces);
    let pairs = fields::names(session.id).into_iter().zip(values);
    pairs.filter(|(_, value)| !value.is_empty()).flat_map(|(name, value)| [name, value]).collect()
}

/// What the answer to a step says of each of so many users; `None` where nothing is known.
pub(super) fn words_of(answer: Option<Value>, count: usize) -> Vec<Option<String>> {
    let words = answer.map(super::steps::words).unwrap_or_default();
    words.into_iter().map(Some).chain(std::iter::repeat(None)).take(count).collect()
}

//! The steps of an import: what each is sent, for several users of one shard together, and what its answer means. The
//! order of the steps is in `import`.

use ::redis::{Cmd, ToRedisArgs};
use sha2::{Digest, Sha256};

use super::deadlines::{ABORTED_TTL_MS, intent_deadline};
use super::sign_up::INTEND_NOT_AFTER_MS;
use crate::connection::PipelineStep;
use crate::layout::Shard;
use crate::script::Script;
use crate::session_record;
use crate::sessions::SESSION_TTL_MS_MAX;
use crate::store::RedisStore;
use crate::user_record::{self, ClaimPointer};
use userd_core::{Actor, EventKind, RefreshState, Session, SessionLimits, Timestamp};
use userd_store::AccountRecord;

/// The most users in one script: it blocks the server for about a millisecond.
const GROUP_USERS_MAX: usize = 32;

/// What is the same for a whole batch.
#[derive(Clone, Copy)]
pub(crate) struct ImportContext<'a> {
    /// Limits of sessions.
    pub(crate) limits: &'a SessionLimits,
    /// Who imports.
    pub(crate) actor: &'a Actor,
    /// The time of the import.
    pub(crate) now: Timestamp,
}

/// One user of the batch.
pub(crate) struct PendingImport<'a> {
    /// The imported account.
    pub(crate) account: &'a AccountRecord,
    /// The shard of its record.
    pub(crate) shard: Shard,
    /// The fields and values of the record.
    written: Vec<String>,
    /// A digest of the content, by which a pending record is recognised.
    digest: String,
}

impl<'a> PendingImport<'a> {
    /// The account before its first step.
    pub(crate) fn new(account: &'a AccountRecord) -> Self {
        let (user, written) = (&account.user, user_record::user_fields(&account.user));
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

    /// The claim on the address under the operation id `op`.
    pub(crate) fn pointer(&self, op: u64) -> ClaimPointer {
        ClaimPointer { id: self.account.user.id, op }
    }
}

/// Groups of at most [`GROUP_USERS_MAX`] users of one shard, as the shard and indices into `imports`.
pub(crate) fn group_by_shard(imports: &[PendingImport<'_>], mut places: Vec<usize>) -> Vec<(Shard, Vec<usize>)> {
    places.sort_by_key(|place| imports[*place].shard);
    let by_shard = places.chunk_by(|one, other| imports[*one].shard == imports[*other].shard);
    let groups = by_shard.flat_map(|group| group.chunks(GROUP_USERS_MAX));
    groups.map(|group| (imports[group[0]].shard, group.to_vec())).collect()
}

impl RedisStore {
    /// Reads the record, then the claim.
    pub(crate) fn lookup_commands(&self, import: &PendingImport<'_>) -> [(Shard, PipelineStep); 2] {
        let (user, email) = (&import.account.user, import.account.user.email.canonical());
        let (shard, record) = self.get_fields(user.id, &user_record::USER_FIELDS);
        [(shard, PipelineStep::Command(record)), (Shard::of_email(email), PipelineStep::Command(self.get_claim(email)))]
    }

    /// The step `import_intend` for some users of one shard.
    pub(crate) fn intend_step(&self, group: &[&PendingImport<'_>], now: Timestamp, server_now_ms: u64) -> PipelineStep {
        let times = (server_now_ms + INTEND_NOT_AFTER_MS, intent_deadline(now), ABORTED_TTL_MS, now.as_millis());
        let fields_count = group.first().map_or(0, |one| one.written.len()) + 2;
        let mut args = (times, fields_count).to_redis_args();
        for one in group {
            let email = one.account.user.email.canonical().as_str();
            (email, &one.digest, &one.written).write_redis_args(&mut args);
        }
        let keys = group.iter().map(|one| self.keys.user(one.account.user.id)).collect();
        PipelineStep::Script { script: Script::ImportIntend, keys, args }
    }

    /// The step `claim` on a free address: a plain command, equal to the script's compare-and-set with "none" expected.
    pub(crate) fn claim_command(&self, import: &PendingImport<'_>, op: u64) -> (Shard, PipelineStep) {
        let (email, mut set) = (import.account.user.email.canonical(), Cmd::new());
        set.arg("SET").arg(self.keys.claim(email)).arg(import.pointer(op).to_string()).arg("NX");
        (Shard::of_email(email), PipelineStep::Command(set))
    }

    /// The step `import_commit` for some users of one shard, each with its operation id.
    pub(crate) fn commit_step(
        &self,
        shard: Shard,
        group: &[(&PendingImport<'_>, u64)],
        context: ImportContext<'_>,
    ) -> PipelineStep {
        let mut keys = vec![self.keys.users(shard), self.keys.emails(shard), self.keys.events(shard)];
        let mut args = Vec::new();
        for (one, op) in group {
            let id = one.account.user.id;
            keys.extend([self.keys.user(id), self.keys.sessions(id)]);
            if args.is_empty() {
                // The script sets the user of each event.
                args = self.event_args(id, EventKind::Imported, context.actor, context.now);
                args.remove(1);
                context.limits.absolute_ms.clamp(1, SESSION_TTL_MS_MAX).write_redis_args(&mut args);
            }
            let sessions: Vec<Vec<u8>> = one.account.sessions.iter().flat_map(session_pairs).collect();
            let user = (id.to_string(), id.as_bytes(), &one.digest, op);
            (user, sessions.len(), &sessions).write_redis_args(&mut args);
        }
        PipelineStep::Script { script: Script::ImportCommit, keys, args }
    }
}

/// Fields and values of a session in the first epoch of a record.
fn session_pairs(session: &Session) -> Vec<Vec<u8>> {
    let refresh = session.refresh.as_ref().map(RefreshState::to_bytes).unwrap_or_default();
    let pieces = refresh.chunks(session_record::REFRESH_CHUNK_BYTES).map(<[u8]>::to_vec);
    let core = session_record::encode_core(session.proof, session.created_at, session.last_used_at, session.address);
    let values = [core, session.agent.as_str().into()].into_iter().chain(pieces);
    let pairs = session_record::field_names(session.id).into_iter().zip(values);
    pairs.filter(|(_, value)| !value.is_empty()).flat_map(|(name, value)| [name, value]).collect()
}

//! The repairs: the protocol's own steps, each safe at any moment, and `relist`. What would be a guess is left.

use super::reading::{Held, Worth};
use super::records::{Look, Problem, said};
use super::{Case, mendable, person};
use crate::RedisStore;
use crate::keys::Shard;
use crate::record::{Owed, Pointer};
use crate::script::Script;
use crate::steps::{Acquired, Judgement};
use userd_core::{CanonicalEmail, UserId};
use userd_store::{Finding, FindingKind, StoreError};

impl RedisStore {
    /// Mends what stayed wrong with a record, or says what is to be done about it. `None`: it was nothing.
    pub(super) async fn mend_record(
        &self,
        case: Case,
        look: &Look,
        problem: Problem,
    ) -> Result<Option<Finding>, StoreError> {
        let (id, place) = (look.id, self.keys.user(look.id));
        Ok(Some(match problem {
            Problem::Unreadable(what) => person(FindingKind::Unreadable, Some(id), place, what),
            Problem::CanonicalWrong => {
                let detail = "the canonical e-mail is not that of the e-mail as written";
                person(FindingKind::CanonicalWrong, Some(id), place, detail)
            }
            Problem::ClaimNotOwn(held) => {
                let Some(said) = said(&look.record) else { return Ok(None) };
                return self.mend_claim(case, Pointer { id, op: said.eop }, &said.email, held).await.map(Some);
            }
            Problem::NotListed => {
                let mended = case.repairs() && self.relist(id, &[]).await?;
                mendable(
                    FindingKind::ListingMissing,
                    mended,
                    Some(id),
                    place,
                    "the listings of its shard lack the user",
                )
            }
            Problem::Overdue(Owed { op, email }) => {
                let mended = case.repairs() && self.give_up(case, Pointer { id, op }, &email).await?;
                let detail = "a sign-up or an e-mail change was neither finished nor given up in time";
                mendable(FindingKind::IntentOverdue, mended, Some(id), place, detail)
            }
            Problem::Owes(owed) => {
                if case.repairs() {
                    for Owed { op, email } in &owed {
                        self.settle_one(self.link.deadline(), id, *op, email).await?;
                    }
                }
                let detail = format!("claims still to be released: {}", owed.len());
                mendable(FindingKind::ClaimsOwed, case.repairs(), Some(id), place, detail)
            }
        }))
    }

    /// Gives an active user the claim on their own e-mail again, unless another living user has it.
    async fn mend_claim(
        &self,
        case: Case,
        mine: Pointer,
        email: &CanonicalEmail,
        held: Held,
    ) -> Result<Finding, StoreError> {
        let (kind, user, place) = (FindingKind::ClaimMissing, Some(mine.id), self.claim_place(email));
        let holder = match held {
            Held::Garbage => return Ok(person(kind, user, place, "the claim of the user's e-mail can't be read")),
            Held::Nothing => None,
            Held::Pointer(holder) => Some(holder),
        };
        let worth = match holder {
            Some(holder) => self.worths(&[(email.clone(), holder)]).await?.first().copied(),
            None => Some(Worth::Dead),
        };
        let two = |other: UserId| {
            let detail = format!("user {other} has the same e-mail, and is the one who is found by it");
            person(FindingKind::TwoUsers, user, place.clone(), detail)
        };
        match (worth, holder) {
            (Some(Worth::Owned | Worth::OtherOp), Some(holder)) if holder.id != mine.id => return Ok(two(holder.id)),
            (Some(Worth::Unknown) | None, _) => {
                let detail = "the claim of the user's e-mail points at a record that can't be read";
                return Ok(person(kind, user, place, detail));
            }
            (Some(Worth::Dead | Worth::Intent | Worth::Owned | Worth::OtherOp), _) => {}
        }
        let mended = case.repairs() && self.reclaim(case, mine, email).await?;
        // Two who had no claim between them: the first that was met has it now.
        if case.repairs()
            && !mended
            && let [Held::Pointer(other)] = self.claims_on(std::slice::from_ref(email)).await?[..]
            && other.id != mine.id
            && self.worths(&[(email.clone(), other)]).await?.first() == Some(&Worth::Owned)
        {
            return Ok(two(other.id));
        }
        let detail = match holder {
            None => "nothing points from the user's e-mail to the user",
            Some(holder) if holder.id == mine.id => {
                "the claim of the user's e-mail is another than the record knows of"
            }
            Some(_) => "the user's e-mail is claimed for somebody who does not have it",
        };
        Ok(mendable(kind, mended, user, place, detail))
    }

    /// C2, and whom it has to judge dead for it; true if the claim is the user's now. If the user has gone on
    /// meanwhile the claim is taken back.
    async fn reclaim(&self, case: Case, mine: Pointer, email: &CanonicalEmail) -> Result<bool, StoreError> {
        let deadline = self.link.deadline();
        if self.acquire(deadline, email, mine, case.now()).await? != Acquired::Mine {
            return Ok(false);
        }
        if self.worths(&[(email.clone(), mine)]).await?.first() == Some(&Worth::Dead) {
            self.release(deadline, email, mine).await?;
        }
        Ok(true)
    }

    /// Releases the claim `pointer` if its holder's record says that it can never commit.
    pub(super) async fn release_dead(
        &self,
        case: Case,
        email: &CanonicalEmail,
        pointer: Pointer,
    ) -> Result<bool, StoreError> {
        let deadline = self.link.deadline();
        if self.resolve(deadline, email, pointer, case.now()).await? != Judgement::Dead {
            return Ok(false);
        }
        self.release(deadline, email, pointer).await?;
        Ok(true)
    }

    /// Kills an overdue intent, and takes back what it claimed.
    async fn give_up(&self, case: Case, intent: Pointer, email: &CanonicalEmail) -> Result<bool, StoreError> {
        let deadline = self.link.deadline();
        if self.resolve(deadline, email, intent, case.now()).await? != Judgement::Dead {
            return Ok(false);
        }
        self.settle_one(deadline, intent.id, intent.op, email).await?;
        Ok(true)
    }

    /// Sets the listing entries of `id` from its record; `entries` of the e-mails were found for it.
    pub(super) async fn relist(&self, id: UserId, entries: &[&str]) -> Result<bool, StoreError> {
        let shard = Shard::of_user(id);
        let (users, emails, text) = (self.keys.users(shard), self.keys.emails(shard), id.to_string());
        let args: Vec<&str> = std::iter::once(text.as_str()).chain(entries.iter().copied()).collect();
        let answer = self.on_record(self.link.deadline(), Script::Relist, id, &[&users, &emails], &args).await?;
        match answer.word.as_str() {
            "ok" => Ok(true),
            "damaged" => Ok(false),
            _ => Err(answer.unknown()),
        }
    }
}

//! A table of damage in Redis, with the expected findings and repairs.

use userd_core::{Actor, User};
use userd_store::FindingKind::{
    CanonicalMismatch, DuplicateEmail, MissingClaim, MissingListing, OrphanedClaim, OrphanedSession, OverdueIntent,
    StaleListing, UnknownKey, Unreadable, UnreleasedClaim,
};
use userd_store::FindingState::{self, Manual, Repairable, Repaired};
use userd_store::{CheckMode, FindingKind, Store};
use userd_store_redis::INTENT_MS;

use userd_test_support::damage_kit::{DamageKit, finding_kinds};
use userd_test_support::fixtures::new_user;
use userd_test_support::redis_audit::audit;

/// The user whose data is damaged.
const ADA: &str = "ada@example.org";
/// An e-mail address without a user.
const FREE: &str = "free@example.org";

/// Damage to Ada's data, with the expected findings.
struct DamageCase {
    what: &'static str,
    plant: fn(&DamageKit, &User),
    found: &'static [(FindingKind, FindingState)],
}

/// Repairable damage: a repair makes the store consistent.
const REPAIRABLE_CASES: [DamageCase; 18] = [
    DamageCase {
        what: "her claim is gone",
        plant: |kit, _| kit.plant(&["DEL", &kit.claim(ADA)]),
        found: &[(MissingClaim, Repairable)],
    },
    DamageCase {
        what: "her claim is that of a user who does not exist",
        plant: |kit, _| kit.plant(&["SET", &kit.claim(ADA), &format!("{}:1", unknown_user(kit).id)]),
        found: &[(MissingClaim, Repairable), (OrphanedClaim, Repairable)],
    },
    DamageCase {
        what: "her claim is one of her own that she does not know of",
        plant: |kit, ada| kit.plant(&["SET", &kit.claim(ADA), &format!("{}:77", ada.id)]),
        found: &[(MissingClaim, Repairable)],
    },
    DamageCase {
        what: "she has a claim on an e-mail that she does not have",
        plant: |kit, ada| kit.plant(&["SET", &kit.claim(FREE), &format!("{}:1", ada.id)]),
        found: &[(OrphanedClaim, Repairable)],
    },
    DamageCase {
        what: "a user who does not exist has a claim",
        plant: |kit, _| kit.plant(&["SET", &kit.claim(FREE), &format!("{}:1", unknown_user(kit).id)]),
        found: &[(OrphanedClaim, Repairable)],
    },
    DamageCase {
        what: "a sign-up was left in the middle",
        plant: |kit, _| {
            let user = unknown_user(kit);
            let till = (kit.now_ms() - 1).to_string();
            kit.plant(&[
                "HSET",
                &kit.record(&user),
                "st",
                "P",
                "ver",
                "1",
                "rev",
                "1",
                "eop",
                "1",
                "email",
                FREE,
                "till",
                &till,
            ]);
            kit.plant(&["SET", &kit.claim(FREE), &format!("{}:1", user.id)]);
        },
        found: &[(OverdueIntent, Repairable)],
    },
    DamageCase {
        what: "a sign-up says that it will be overdue in a year",
        plant: |kit, _| {
            let till = (kit.now_ms() + 365 * 86_400_000).to_string();
            kit.plant(&[
                "HSET",
                &kit.record(&unknown_user(kit)),
                "st",
                "P",
                "ver",
                "1",
                "rev",
                "1",
                "eop",
                "1",
                "email",
                FREE,
                "till",
                &till,
            ]);
        },
        found: &[(OverdueIntent, Repairable)],
    },
    DamageCase {
        what: "a change of her e-mail was left in the middle",
        plant: |kit, ada| {
            let till = (kit.now_ms() - 1).to_string();
            kit.plant(&["HSET", &kit.record(ada), "ver", "2", "chg", &format!("2 {FREE}"), "till", &till]);
            kit.plant(&["SET", &kit.claim(FREE), &format!("{}:2", ada.id)]);
        },
        found: &[(OverdueIntent, Repairable)],
    },
    DamageCase {
        what: "a claim was not released",
        plant: |kit, ada| {
            kit.plant(&["HSET", &kit.record(ada), "ver", "2", "rel", &format!("2 {FREE}\n")]);
            kit.plant(&["SET", &kit.claim(FREE), &format!("{}:2", ada.id)]);
        },
        found: &[(UnreleasedClaim, Repairable)],
    },
    DamageCase {
        what: "a tombstone still has claims to release",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["HSET", &kit.record(&user), "st", "D", "ver", "3", "rel", &format!("3 {FREE}\n")]);
            kit.plant(&["SET", &kit.claim(FREE), &format!("{}:3", user.id)]);
        },
        found: &[(UnreleasedClaim, Repairable)],
    },
    DamageCase {
        what: "she is not among the users",
        plant: |kit, ada| kit.plant(&["ZREM", &kit.users(ada), &ada.id.to_string()]),
        found: &[(MissingListing, Repairable)],
    },
    DamageCase {
        what: "she is in no listing",
        plant: |kit, ada| kit.plant(&["DEL", &kit.users(ada), &kit.emails(ada)]),
        found: &[(MissingListing, Repairable)],
    },
    DamageCase {
        what: "she is listed under two e-mails",
        plant: |kit, ada| kit.plant(&["ZADD", &kit.emails(ada), "0", &format!("{FREE}\0{}", ada.id)]),
        found: &[(StaleListing, Repairable)],
    },
    DamageCase {
        what: "an unknown user is in the listing of users",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["ZADD", &kit.users(&user), "0", &user.id.to_string()]);
        },
        found: &[(StaleListing, Repairable)],
    },
    DamageCase {
        what: "an unknown user is in both listings, so that their lengths agree",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["ZADD", &kit.users(&user), "0", &user.id.to_string()]);
            kit.plant(&["ZADD", &kit.emails(&user), "0", &format!("{FREE}\0{}", user.id)]);
        },
        found: &[(StaleListing, Repairable)],
    },
    DamageCase {
        what: "an unknown user has a session",
        plant: |kit, _| kit.plant(&["HSET", &kit.sessions(&unknown_user(kit)), SESSION[0], SESSION[1]]),
        found: &[(OrphanedSession, Repairable)],
    },
    DamageCase {
        what: "a deleted user has a session",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["HSET", &kit.record(&user), "st", "D", "ver", "3"]);
            kit.plant(&["HSET", &kit.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(OrphanedSession, Repairable)],
    },
    DamageCase {
        what: "an unknown user has another type of key in place of sessions",
        plant: |kit, _| kit.plant(&["SET", &kit.sessions(&unknown_user(kit)), "session"]),
        found: &[(OrphanedSession, Repairable)],
    },
];

/// Id and core of a session; their content does not matter here.
const SESSION: [&str; 2] = ["sixteen bytes id", "sixteen bytes ofepo.made_.seen_.v4.."];

/// Damage that needs a decision: a repair changes nothing.
const MANUAL_CASES: [DamageCase; 26] = [
    DamageCase {
        what: "her claim is no pointer",
        plant: |kit, _| kit.plant(&["SET", &kit.claim(ADA), "her"]),
        found: &[(MissingClaim, Manual), (Unreadable, Manual)],
    },
    DamageCase {
        what: "her claim is of another type",
        plant: |kit, _| {
            kit.plant(&["DEL", &kit.claim(ADA)]);
            kit.plant(&["RPUSH", &kit.claim(ADA), "her"]);
        },
        found: &[(MissingClaim, Manual), (Unreadable, Manual)],
    },
    DamageCase {
        what: "her name is gone",
        plant: |kit, ada| kit.plant(&["HDEL", &kit.record(ada), "name"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her state is unknown",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "st", "Q"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her state is gone",
        plant: |kit, ada| kit.plant(&["HDEL", &kit.record(ada), "st"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her e-mail is gone",
        plant: |kit, ada| kit.plant(&["HDEL", &kit.record(ada), "email"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her fence is no number",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "ver", "x"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her op is above her fence",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "ver", "0"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her list of claims is no list",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "rel", "x\n"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her change is none",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "chg", "x"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her record is of another type",
        plant: |kit, ada| {
            kit.plant(&["DEL", &kit.record(ada)]);
            kit.plant(&["SET", &kit.record(ada), "ada"]);
        },
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "a tombstone has a name",
        plant: |kit, _| kit.plant(&["HSET", &kit.record(&unknown_user(kit)), "st", "D", "ver", "1", "name", "Eve"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "she wrote another e-mail than the one she has",
        plant: |kit, ada| kit.plant(&["HSET", &kit.record(ada), "as", "Eve@example.org"]),
        found: &[(CanonicalMismatch, Manual)],
    },
    DamageCase {
        what: "a listing is of another type",
        plant: |kit, ada| kit.plant(&["SET", &kit.users(ada), "ada"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "a listing has an entry that is none",
        plant: |kit, ada| kit.plant(&["ZADD", &kit.emails(ada), "0", "ada"]),
        found: &[(StaleListing, Manual)],
    },
    DamageCase {
        what: "a session of hers is too short",
        plant: |kit, ada| kit.plant(&["HSET", &kit.sessions(ada), SESSION[0], "core"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "a part of a session belongs to none",
        plant: |kit, ada| kit.plant(&["HSET", &kit.sessions(ada), &format!("{}u", SESSION[0]), "curl"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "her sessions are of another type",
        plant: |kit, ada| kit.plant(&["SET", &kit.sessions(ada), "session"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "whose sessions these are can't be read",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["SET", &kit.record(&user), "eve"]);
            kit.plant(&["HSET", &kit.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "the record of whose sessions these are has lost its state",
        plant: |kit, _| {
            let user = unknown_user(kit);
            kit.plant(&["HSET", &kit.record(&user), "ver", "1"]);
            kit.plant(&["HSET", &kit.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "an event is none",
        plant: |kit, ada| kit.plant(&["XADD", &kit.events(ada), "*", "user", "ada"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "a history is of another type",
        plant: |kit, ada| kit.plant(&["SET", &kit.events(ada), "history"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "a bucket is full at no moment",
        plant: |kit, _| kit.plant(&["SET", "userd:{000}:throttle:e", "tomorrow"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "the service's keys are of another type",
        plant: |kit, _| kit.plant(&["SET", "userd:{000}:keys:signing", "key"]),
        found: &[(Unreadable, Manual)],
    },
    DamageCase {
        what: "there are keys of a kind that userd does not have",
        plant: |kit, _| kit.plant(&["HSET", "userd:{000}:keys:other", "id", "key"]),
        found: &[(UnknownKey, Manual)],
    },
    DamageCase {
        what: "a key belongs to no user",
        plant: |kit, _| kit.plant(&["SET", "userd:{000}:claim-of:eve@example.org", "x"]),
        found: &[(UnknownKey, Manual)],
    },
];

/// A user who never signed up; a new one each time.
fn unknown_user(kit: &DamageKit) -> User {
    new_user(&kit.clock, FREE)
}

/// The finding says where and what, without a whole e-mail address.
fn assert_no_personal_data(found: &userd_service::doctor::DoctorReport, what: &str) {
    for finding in &found.findings {
        let text = format!("{} {}", finding.place, finding.detail);
        assert!(!finding.place.is_empty() && !finding.detail.is_empty(), "{what}: {finding:?}");
        for email in [ADA, FREE, "eve@example.org", "Eve@example.org", "bob@example.org"] {
            assert!(!text.contains(email), "{what}: {finding:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repairable_damage_is_found_repaired_and_gone() {
    for DamageCase { what, plant, found } in REPAIRABLE_CASES {
        let kit = DamageKit::open().await;
        let (ada, bob) = (kit.signed_up(ADA).await, kit.signed_up("bob@example.org").await);
        plant(&kit, &ada);
        let report = kit.run_check(CheckMode::Report).await;
        assert_eq!(finding_kinds(&report), found, "{what}: {report:?}");
        assert_no_personal_data(&report, what);
        assert_eq!(finding_kinds(&kit.run_check(CheckMode::Report).await), found, "{what}: a report changes nothing");
        let report = kit.run_check(CheckMode::Repair).await;
        assert!(report.findings.iter().all(|finding| finding.state == Repaired), "{what}: {report:?}");
        assert!(!report.findings.is_empty(), "{what}");
        let report = kit.run_check(CheckMode::Report).await;
        assert_eq!((finding_kinds(&report), report.users), (vec![], 2), "{what}: {report:?}");
        assert_eq!(audit(&kit.server, "userd:").all(), Vec::<String>::new(), "{what}");
        for user in [ada, bob] {
            let email = user.email.canonical().as_str().to_owned();
            let found = kit.by_email(&email).await.expect("she is found by e-mail");
            assert_eq!(
                (found.id, &found.name, &found.password_hash),
                (user.id, &user.name, &user.password_hash),
                "{what}"
            );
        }
        kit.signed_up(FREE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_damage_is_reported_and_left_as_it_is() {
    for DamageCase { what, plant, found } in MANUAL_CASES {
        let kit = DamageKit::open().await;
        let (ada, bob) = (kit.signed_up(ADA).await, kit.signed_up("bob@example.org").await);
        plant(&kit, &ada);
        let before = kit.everything();
        for mode in [CheckMode::Report, CheckMode::Repair] {
            let report = kit.run_check(mode).await;
            assert_eq!(finding_kinds(&report), found, "{what}: {report:?}");
            assert_no_personal_data(&report, what);
        }
        assert_eq!(kit.everything(), before, "{what}: nothing is changed");
        assert_eq!(kit.by_email("bob@example.org").await, Some(bob), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_with_one_email_are_both_kept_and_reported_each_time() {
    let kit = DamageKit::open().await;
    let ada = kit.signed_up(ADA).await;
    // The state after a failover that lost the claim, and then a sign-up.
    kit.plant(&["DEL", &kit.claim(ADA)]);
    let second = kit.signed_up(ADA).await;
    for mode in [CheckMode::Report, CheckMode::Repair, CheckMode::Repair] {
        let report = kit.run_check(mode).await;
        assert_eq!(finding_kinds(&report), [(DuplicateEmail, Manual)], "{report:?}");
        let finding = &report.findings[0];
        assert_eq!(finding.user, Some(ada.id));
        assert!(finding.detail.contains(&second.id.to_string()), "the other one is named: {finding:?}");
        assert_no_personal_data(&report, "two users");
    }
    for user in [&ada, &second] {
        assert_eq!(kit.store.user(user.id).await.expect("served").as_ref(), Some(user), "both are kept");
    }
    assert_eq!(kit.by_email(ADA).await, Some(second.clone()));
    // The way out in the operations page: the user who is not found by e-mail address gets another address.
    let elsewhere = userd_test_support::fixtures::new_profile("Ada", "ada.2@example.org");
    let moved = kit
        .store
        .update_profile(ada.id, ada.version, &elsewhere, Actor::anonymous(), ada.updated_at)
        .await
        .expect("served");
    assert!(matches!(moved, userd_store::UpdateUserOutcome::Updated(_)), "{moved:?}");
    assert_eq!(finding_kinds(&kit.run_check(CheckMode::Report).await), []);
    assert_eq!(audit(&kit.server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_in_flight_within_its_time_is_no_finding() {
    let kit = DamageKit::open().await;
    let ada = kit.signed_up(ADA).await;
    let (pending, till) = (unknown_user(&kit), (kit.now_ms() + INTENT_MS).to_string());
    kit.plant(&[
        "HSET",
        &kit.record(&pending),
        "st",
        "P",
        "ver",
        "1",
        "rev",
        "1",
        "eop",
        "1",
        "email",
        FREE,
        "till",
        &till,
    ]);
    kit.plant(&["SET", &kit.claim(FREE), &format!("{}:1", pending.id)]);
    kit.plant(&["HSET", &kit.record(&ada), "ver", "2", "chg", "2 next@example.org", "till", &till]);
    kit.plant(&["SET", &kit.claim("next@example.org"), &format!("{}:2", ada.id)]);
    kit.plant(&["SET", "userd:{3ff}:ack", "x"]);
    kit.plant(&["HSET", "userd:{000}:self-test:0123:hash", "f", "v"]);
    let before = kit.everything();
    let report = kit.run_check(CheckMode::Repair).await;
    assert_eq!((finding_kinds(&report), report.users), (vec![], 1));
    assert_eq!(kit.everything(), before);
    kit.clock.advance_ms(INTENT_MS + 1);
    assert_eq!(
        finding_kinds(&kit.run_check(CheckMode::Repair).await),
        [(OverdueIntent, Repaired), (OverdueIntent, Repaired)]
    );
    assert_eq!(finding_kinds(&kit.run_check(CheckMode::Report).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_redis_has_no_findings() {
    let kit = DamageKit::open().await;
    let report = kit.run_check(CheckMode::Repair).await;
    assert_eq!((finding_kinds(&report), report.users, report.topology_changed), (vec![], 0, false));
}

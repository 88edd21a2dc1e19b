//! Damage in Redis: a table of it, and what has to become of each.

use userd_core::{Client, User};
use userd_store::FindingKind::{
    CanonicalWrong, ClaimMissing, ClaimStray, ClaimsOwed, IntentOverdue, ListingMissing, ListingStray, SessionStray,
    TwoUsers, UnknownKey, Unreadable,
};
use userd_store::FindingState::{self, Mendable, Mended, NeedsPerson};
use userd_store::{FindingKind, Store, Treatment};
use userd_store_redis::INTENT_MS;

use userd_test_support::people::person;
use userd_test_support::redis_audit::audit;
use userd_test_support::ward::{Ward, kinds};

/// Whose user is damaged.
const ADA: &str = "ada@example.org";
/// An e-mail that nobody has.
const FREE: &str = "free@example.org";

/// A damage to Ada, and what is found then.
struct Damage {
    what: &'static str,
    plant: fn(&Ward, &User),
    found: &'static [(FindingKind, FindingState)],
}

/// Each leaves the store so that a repair makes it whole.
const MENDABLE: [Damage; 18] = [
    Damage {
        what: "her claim is gone",
        plant: |ward, _| ward.plant(&["DEL", &ward.claim(ADA)]),
        found: &[(ClaimMissing, Mendable)],
    },
    Damage {
        what: "her claim is that of somebody who does not exist",
        plant: |ward, _| ward.plant(&["SET", &ward.claim(ADA), &format!("{}:1", nobody(ward).id)]),
        found: &[(ClaimMissing, Mendable), (ClaimStray, Mendable)],
    },
    Damage {
        what: "her claim is one of her own that she does not know of",
        plant: |ward, ada| ward.plant(&["SET", &ward.claim(ADA), &format!("{}:77", ada.id)]),
        found: &[(ClaimMissing, Mendable)],
    },
    Damage {
        what: "she has a claim on an e-mail that she does not have",
        plant: |ward, ada| ward.plant(&["SET", &ward.claim(FREE), &format!("{}:1", ada.id)]),
        found: &[(ClaimStray, Mendable)],
    },
    Damage {
        what: "somebody who does not exist has a claim",
        plant: |ward, _| ward.plant(&["SET", &ward.claim(FREE), &format!("{}:1", nobody(ward).id)]),
        found: &[(ClaimStray, Mendable)],
    },
    Damage {
        what: "a sign-up was left in the middle",
        plant: |ward, _| {
            let user = nobody(ward);
            let till = (ward.now_ms() - 1).to_string();
            ward.plant(&[
                "HSET",
                &ward.record(&user),
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
            ward.plant(&["SET", &ward.claim(FREE), &format!("{}:1", user.id)]);
        },
        found: &[(IntentOverdue, Mendable)],
    },
    Damage {
        what: "a sign-up says that it will be overdue in a year",
        plant: |ward, _| {
            let till = (ward.now_ms() + 365 * 86_400_000).to_string();
            ward.plant(&[
                "HSET",
                &ward.record(&nobody(ward)),
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
        found: &[(IntentOverdue, Mendable)],
    },
    Damage {
        what: "a change of her e-mail was left in the middle",
        plant: |ward, ada| {
            let till = (ward.now_ms() - 1).to_string();
            ward.plant(&["HSET", &ward.record(ada), "ver", "2", "chg", &format!("2 {FREE}"), "till", &till]);
            ward.plant(&["SET", &ward.claim(FREE), &format!("{}:2", ada.id)]);
        },
        found: &[(IntentOverdue, Mendable)],
    },
    Damage {
        what: "a claim was not released",
        plant: |ward, ada| {
            ward.plant(&["HSET", &ward.record(ada), "ver", "2", "rel", &format!("2 {FREE}\n")]);
            ward.plant(&["SET", &ward.claim(FREE), &format!("{}:2", ada.id)]);
        },
        found: &[(ClaimsOwed, Mendable)],
    },
    Damage {
        what: "a tombstone still has claims to release",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["HSET", &ward.record(&user), "st", "D", "ver", "3", "rel", &format!("3 {FREE}\n")]);
            ward.plant(&["SET", &ward.claim(FREE), &format!("{}:3", user.id)]);
        },
        found: &[(ClaimsOwed, Mendable)],
    },
    Damage {
        what: "she is not among the users",
        plant: |ward, ada| ward.plant(&["ZREM", &ward.users(ada), &ada.id.to_string()]),
        found: &[(ListingMissing, Mendable)],
    },
    Damage {
        what: "she is in no listing",
        plant: |ward, ada| ward.plant(&["DEL", &ward.users(ada), &ward.emails(ada)]),
        found: &[(ListingMissing, Mendable)],
    },
    Damage {
        what: "she is listed under two e-mails",
        plant: |ward, ada| ward.plant(&["ZADD", &ward.emails(ada), "0", &format!("{FREE}\0{}", ada.id)]),
        found: &[(ListingStray, Mendable)],
    },
    Damage {
        what: "nobody is among the users",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["ZADD", &ward.users(&user), "0", &user.id.to_string()]);
        },
        found: &[(ListingStray, Mendable)],
    },
    Damage {
        what: "nobody is in both listings, so that their lengths agree",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["ZADD", &ward.users(&user), "0", &user.id.to_string()]);
            ward.plant(&["ZADD", &ward.emails(&user), "0", &format!("{FREE}\0{}", user.id)]);
        },
        found: &[(ListingStray, Mendable)],
    },
    Damage {
        what: "nobody has a session",
        plant: |ward, _| ward.plant(&["HSET", &ward.sessions(&nobody(ward)), SESSION[0], SESSION[1]]),
        found: &[(SessionStray, Mendable)],
    },
    Damage {
        what: "somebody who was deleted has a session",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["HSET", &ward.record(&user), "st", "D", "ver", "3"]);
            ward.plant(&["HSET", &ward.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(SessionStray, Mendable)],
    },
    Damage {
        what: "nobody has something where sessions should be",
        plant: |ward, _| ward.plant(&["SET", &ward.sessions(&nobody(ward)), "session"]),
        found: &[(SessionStray, Mendable)],
    },
];

/// Id and core of a session: what they say matters to nobody here.
const SESSION: [&str; 2] = ["sixteen bytes id", "sixteen bytes ofepo.made_.seen_.v4.."];

/// Each has to be looked at by somebody, and a repair leaves it as it is.
const FOR_A_PERSON: [Damage; 26] = [
    Damage {
        what: "her claim is no pointer",
        plant: |ward, _| ward.plant(&["SET", &ward.claim(ADA), "her"]),
        found: &[(ClaimMissing, NeedsPerson), (Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her claim is of another type",
        plant: |ward, _| {
            ward.plant(&["DEL", &ward.claim(ADA)]);
            ward.plant(&["RPUSH", &ward.claim(ADA), "her"]);
        },
        found: &[(ClaimMissing, NeedsPerson), (Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her name is gone",
        plant: |ward, ada| ward.plant(&["HDEL", &ward.record(ada), "name"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her state is unknown",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "st", "Q"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her state is gone",
        plant: |ward, ada| ward.plant(&["HDEL", &ward.record(ada), "st"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her e-mail is gone",
        plant: |ward, ada| ward.plant(&["HDEL", &ward.record(ada), "email"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her fence is no number",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "ver", "x"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her op is above her fence",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "ver", "0"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her list of claims is no list",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "rel", "x\n"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her change is none",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "chg", "x"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her record is of another type",
        plant: |ward, ada| {
            ward.plant(&["DEL", &ward.record(ada)]);
            ward.plant(&["SET", &ward.record(ada), "ada"]);
        },
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "a tombstone has a name",
        plant: |ward, _| ward.plant(&["HSET", &ward.record(&nobody(ward)), "st", "D", "ver", "1", "name", "Eve"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "she wrote another e-mail than the one she has",
        plant: |ward, ada| ward.plant(&["HSET", &ward.record(ada), "as", "Eve@example.org"]),
        found: &[(CanonicalWrong, NeedsPerson)],
    },
    Damage {
        what: "a listing is of another type",
        plant: |ward, ada| ward.plant(&["SET", &ward.users(ada), "ada"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "a listing has an entry that is none",
        plant: |ward, ada| ward.plant(&["ZADD", &ward.emails(ada), "0", "ada"]),
        found: &[(ListingStray, NeedsPerson)],
    },
    Damage {
        what: "a session of hers is too short",
        plant: |ward, ada| ward.plant(&["HSET", &ward.sessions(ada), SESSION[0], "core"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "a part of a session belongs to none",
        plant: |ward, ada| ward.plant(&["HSET", &ward.sessions(ada), &format!("{}u", SESSION[0]), "curl"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "her sessions are of another type",
        plant: |ward, ada| ward.plant(&["SET", &ward.sessions(ada), "session"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "whose sessions these are can't be read",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["SET", &ward.record(&user), "eve"]);
            ward.plant(&["HSET", &ward.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "the record of whose sessions these are has lost its state",
        plant: |ward, _| {
            let user = nobody(ward);
            ward.plant(&["HSET", &ward.record(&user), "ver", "1"]);
            ward.plant(&["HSET", &ward.sessions(&user), SESSION[0], SESSION[1]]);
        },
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "an event is none",
        plant: |ward, ada| ward.plant(&["XADD", &ward.events(ada), "*", "user", "ada"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "a history is of another type",
        plant: |ward, ada| ward.plant(&["SET", &ward.events(ada), "history"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "a bucket is full at no moment",
        plant: |ward, _| ward.plant(&["SET", "userd:{000}:throttle:e", "tomorrow"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "the service's keys are of another type",
        plant: |ward, _| ward.plant(&["SET", "userd:{000}:keys:signing", "key"]),
        found: &[(Unreadable, NeedsPerson)],
    },
    Damage {
        what: "there are keys of a kind that userd does not have",
        plant: |ward, _| ward.plant(&["HSET", "userd:{000}:keys:other", "id", "key"]),
        found: &[(UnknownKey, NeedsPerson)],
    },
    Damage {
        what: "a key is nobody's",
        plant: |ward, _| ward.plant(&["SET", "userd:{000}:claim-of:eve@example.org", "x"]),
        found: &[(UnknownKey, NeedsPerson)],
    },
];

/// Somebody who never signed up; another one each time.
fn nobody(ward: &Ward) -> User {
    person(&ward.clock, FREE)
}

/// The finding tells where and what, and no whole e-mail.
fn assert_discreet(found: &userd_service::doctor::Report, what: &str) {
    for finding in &found.findings {
        let text = format!("{} {}", finding.place, finding.detail);
        assert!(!finding.place.is_empty() && !finding.detail.is_empty(), "{what}: {finding:?}");
        for email in [ADA, FREE, "eve@example.org", "Eve@example.org", "bob@example.org"] {
            assert!(!text.contains(email), "{what}: {finding:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_mended_without_guessing_is_found_mended_and_gone() {
    for Damage { what, plant, found } in MENDABLE {
        let ward = Ward::open().await;
        let (ada, bob) = (ward.signed_up(ADA).await, ward.signed_up("bob@example.org").await);
        plant(&ward, &ada);
        let report = ward.pass(Treatment::Report).await;
        assert_eq!(kinds(&report), found, "{what}: {report:?}");
        assert_discreet(&report, what);
        assert_eq!(kinds(&ward.pass(Treatment::Report).await), found, "{what}: a report changes nothing");
        let report = ward.pass(Treatment::Repair).await;
        assert!(report.findings.iter().all(|finding| finding.state == Mended), "{what}: {report:?}");
        assert!(!report.findings.is_empty(), "{what}");
        let report = ward.pass(Treatment::Report).await;
        assert_eq!((kinds(&report), report.users), (vec![], 2), "{what}: {report:?}");
        assert_eq!(audit(&ward.server, "userd:").all(), Vec::<String>::new(), "{what}");
        for user in [ada, bob] {
            let email = user.email.canonical().as_str().to_owned();
            let found = ward.by_email(&email).await.expect("she is found by e-mail");
            assert_eq!(
                (found.id, &found.name, &found.password_hash),
                (user.id, &user.name, &user.password_hash),
                "{what}"
            );
        }
        ward.signed_up(FREE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_a_guess_is_reported_and_left_as_it_is() {
    for Damage { what, plant, found } in FOR_A_PERSON {
        let ward = Ward::open().await;
        let (ada, bob) = (ward.signed_up(ADA).await, ward.signed_up("bob@example.org").await);
        plant(&ward, &ada);
        let before = ward.everything();
        for treatment in [Treatment::Report, Treatment::Repair] {
            let report = ward.pass(treatment).await;
            assert_eq!(kinds(&report), found, "{what}: {report:?}");
            assert_discreet(&report, what);
        }
        assert_eq!(ward.everything(), before, "{what}: nothing is changed");
        assert_eq!(ward.by_email("bob@example.org").await, Some(bob), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_with_one_email_are_both_kept_and_reported_each_time() {
    let ward = Ward::open().await;
    let ada = ward.signed_up(ADA).await;
    // What a failover that lost the claim, and then a sign-up, leave behind.
    ward.plant(&["DEL", &ward.claim(ADA)]);
    let second = ward.signed_up(ADA).await;
    for treatment in [Treatment::Report, Treatment::Repair, Treatment::Repair] {
        let report = ward.pass(treatment).await;
        assert_eq!(kinds(&report), [(TwoUsers, NeedsPerson)], "{report:?}");
        let finding = &report.findings[0];
        assert_eq!(finding.user, Some(ada.id));
        assert!(finding.detail.contains(&second.id.to_string()), "the other one is named: {finding:?}");
        assert_discreet(&report, "two users");
    }
    for user in [&ada, &second] {
        assert_eq!(ward.store.user(user.id).await.expect("served").as_ref(), Some(user), "both are kept");
    }
    assert_eq!(ward.by_email(ADA).await, Some(second.clone()));
    // The way out that the page on operations tells: whoever is not found by the e-mail gets another one.
    let elsewhere = userd_test_support::people::profile("Ada", "ada.2@example.org");
    let moved = ward
        .store
        .replace_profile(ada.id, ada.version, &elsewhere, Client::nobody(), ada.updated_at)
        .await
        .expect("served");
    assert!(matches!(moved, userd_store::Update::Updated(_)), "{moved:?}");
    assert_eq!(kinds(&ward.pass(Treatment::Report).await), []);
    assert_eq!(audit(&ward.server, "userd:").all(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_within_its_time_is_no_finding() {
    let ward = Ward::open().await;
    let ada = ward.signed_up(ADA).await;
    let (pending, till) = (nobody(&ward), (ward.now_ms() + INTENT_MS).to_string());
    ward.plant(&[
        "HSET",
        &ward.record(&pending),
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
    ward.plant(&["SET", &ward.claim(FREE), &format!("{}:1", pending.id)]);
    ward.plant(&["HSET", &ward.record(&ada), "ver", "2", "chg", "2 next@example.org", "till", &till]);
    ward.plant(&["SET", &ward.claim("next@example.org"), &format!("{}:2", ada.id)]);
    ward.plant(&["SET", "userd:{3ff}:ack", "x"]);
    ward.plant(&["HSET", "userd:{000}:self-test:0123:hash", "f", "v"]);
    let before = ward.everything();
    let report = ward.pass(Treatment::Repair).await;
    assert_eq!((kinds(&report), report.users), (vec![], 1));
    assert_eq!(ward.everything(), before);
    ward.clock.advance_ms(INTENT_MS + 1);
    assert_eq!(kinds(&ward.pass(Treatment::Repair).await), [(IntentOverdue, Mended), (IntentOverdue, Mended)]);
    assert_eq!(kinds(&ward.pass(Treatment::Report).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_redis_has_no_findings() {
    let ward = Ward::open().await;
    let report = ward.pass(Treatment::Repair).await;
    assert_eq!((kinds(&report), report.users, report.disturbed), (vec![], 0, false));
}

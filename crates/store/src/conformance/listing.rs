//! Promises about listing users in pages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{DeleteUserOutcome, ListedUser, SortOrder, Store};
use tokio::task::JoinSet;
use userd_core::{Actor, CanonicalEmail, EmailPrefix, User, UserId};

use super::test_store::TestStore;

const ORDERS: [SortOrder; 2] = [SortOrder::Ascending, SortOrder::Descending];

/// More than any of these tests creates.
const ALL: usize = 1_000;

/// So many users that shards of a Redis hold none, one and several of them.
const USERS: usize = 120;

fn prefix(text: &str) -> EmailPrefix {
    EmailPrefix::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn user(listed: ListedUser) -> User {
    match listed {
        ListedUser::User(user) => *user,
        ListedUser::Unreadable(id) => panic!("{id} can't be read"),
    }
}

async fn by_id(test: &TestStore, after: Option<UserId>, order: SortOrder, most: usize) -> Vec<User> {
    let page = test.store.users_by_id(after, order, most).await.expect("the store works");
    page.into_iter().map(user).collect()
}

async fn emails(test: &TestStore, begins: &str, after: Option<&str>, order: SortOrder, most: usize) -> Vec<String> {
    let after = after.map(|text| CanonicalEmail::parse(text).expect("an e-mail"));
    let page = test.store.users_by_email(&prefix(begins), after.as_ref(), order, most).await.expect("the store works");
    page.into_iter()
        .map(|(email, listed)| {
            assert_eq!(user(listed).email.canonical(), &email, "listed under the e-mail that they have");
            email.as_str().to_owned()
        })
        .collect()
}

/// All users, page by page.
async fn list_all(store: &dyn Store, order: SortOrder, most: usize) -> Vec<UserId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.users_by_id(after, order, most).await.expect("the store works");
        found.extend(page.iter().map(ListedUser::id));
        match page.last() {
            Some(last) if page.len() == most => after = Some(last.id()),
            _ => return found,
        }
    }
}

async fn sign_up_users(test: &TestStore) -> Vec<User> {
    let mut people = Vec::new();
    for number in 0..USERS {
        test.clock.advance_ms(1);
        people.push(test.signed_up("Grace", &format!("n{number:03}@x.org")).await);
    }
    people
}

pub async fn users_come_in_the_order_of_their_sign_up_and_in_reverse(test: &TestStore) {
    for order in ORDERS {
        assert_eq!(by_id(test, None, order, ALL).await, [], "an empty store has no user");
    }
    let mut people = sign_up_users(test).await;
    assert_eq!(by_id(test, None, SortOrder::Ascending, ALL).await, people);
    people.reverse();
    assert_eq!(by_id(test, None, SortOrder::Descending, ALL).await, people);
}

pub async fn pages_of_any_size_are_complete_and_of_the_requested_length(test: &TestStore) {
    let people: Vec<UserId> = sign_up_users(test).await.into_iter().map(|user| user.id).collect();
    let reversed: Vec<UserId> = people.iter().rev().copied().collect();
    for (order, expected) in [(SortOrder::Ascending, &people), (SortOrder::Descending, &reversed)] {
        for most in [7, 50, USERS, USERS + 1] {
            assert_eq!(&list_all(&*test.store, order, most).await, expected, "{order:?} by {most}");
        }
        assert_eq!(by_id(test, None, order, 0).await, []);
        for place in [0, 1, USERS - 1] {
            let page = by_id(test, Some(expected[place]), order, 3).await;
            let ids: Vec<_> = page.iter().map(|user| user.id).collect();
            assert_eq!(ids, expected[place + 1..(place + 4).min(USERS)]);
        }
    }
}

/// Nor does the position have to be that of a user who ever existed.
pub async fn a_page_can_begin_at_the_position_of_a_deleted_user(test: &TestStore) {
    let mut people = Vec::new();
    for number in 0..5 {
        test.clock.advance_ms(1);
        people.push(test.signed_up("Grace", &format!("n{number}@x.org")).await);
    }
    let gone = people.remove(2);
    let removed = test.store.delete_user(gone.id, gone.version, Actor::anonymous(), test.now()).await;
    assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
    assert_eq!(by_id(test, Some(gone.id), SortOrder::Ascending, ALL).await, people[2..]);
    assert_eq!(by_id(test, Some(gone.id), SortOrder::Descending, 1).await, people[1..2]);
    assert_eq!(emails(test, "", Some("n2@x.org"), SortOrder::Ascending, ALL).await, ["n3@x.org", "n4@x.org"]);
    assert_eq!(emails(test, "", Some("n2@x.org"), SortOrder::Descending, 1).await, ["n1@x.org"]);
    for (bytes, before, after) in [([0; 16], 0, 4), ([0xff; 16], 4, 0)] {
        let place = UserId::from_slice(&bytes);
        assert_eq!(by_id(test, place, SortOrder::Descending, ALL).await.len(), before);
        assert_eq!(by_id(test, place, SortOrder::Ascending, ALL).await.len(), after);
    }
}

/// A user who is there all the time is listed exactly once, and no user twice.
pub async fn pages_list_every_lasting_user_once_while_others_come_and_go(test: &TestStore) {
    let settled: BTreeSet<UserId> = sign_up_users(test).await.into_iter().map(|user| user.id).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut visitors = Vec::new();
    for number in 0..4 {
        test.clock.advance_ms(1);
        visitors.push(test.new_user("Visitor", &format!("visitor{number}@x.org")));
    }
    let (store, stop, now) = (Arc::clone(&test.store), Arc::clone(&is_over), test.now());
    let mut coming_and_going = JoinSet::new();
    coming_and_going.spawn(async move {
        let mut rounds = 0_u8;
        while !stop.load(Ordering::SeqCst) || rounds == 0 {
            rounds = rounds.saturating_add(1);
            for visitor in &mut visitors {
                // A deleted user never comes back under the same id.
                let mut bytes = *visitor.id.as_bytes();
                bytes[8..10].copy_from_slice(&[0x80 | (rounds >> 6), rounds]);
                visitor.id = UserId::from_slice(&bytes).expect("sixteen bytes");
                store.create_user(visitor, Actor::anonymous()).await.expect("the store works");
            }
            for visitor in &visitors {
                let removed = store.delete_user(visitor.id, visitor.version, Actor::anonymous(), now).await;
                assert_eq!(removed.expect("the store works"), DeleteUserOutcome::Deleted);
            }
        }
    });
    for (order, most) in [(SortOrder::Ascending, 20), (SortOrder::Descending, 60), (SortOrder::Ascending, 1_000)] {
        let met = list_all(&*test.store, order, most).await;
        let once: BTreeSet<UserId> = met.iter().copied().collect();
        assert_eq!(once.len(), met.len(), "no user is listed twice");
        assert!(settled.is_subset(&once), "every user who stays is listed");
    }
    is_over.store(true, Ordering::SeqCst);
    coming_and_going.join_all().await;
}

/// By any spelling of the address. `%`, `_` and `\` are ordinary characters.
pub async fn an_email_is_found_by_its_prefix(test: &TestStore) {
    let addresses = [
        "a%b@x.org",
        "a_b@x.org",
        "ab@x.org",
        "ann@x.org",
        "ann@x.organ",
        "anna@x.org",
        "anne@y.org",
        "axb@x.org",
        "a\u{10ffff}@x.org",
        "zoë@x.org",
        "zoë@xn--bcher-kva.example",
        "ä@x.org",
    ];
    let mut taken = BTreeSet::new();
    for email in addresses {
        if let Ok(email) = userd_core::Email::parse(email) {
            taken.insert(email.canonical().as_str().to_owned());
            let user = test.new_user_at("Grace", email);
            test.store.create_user(&user, Actor::anonymous()).await.expect("the store works");
        }
    }
    let beginnings = [
        "",
        "a",
        "A",
        "an",
        "ANN",
        "ann@",
        "ann@x",
        "ann@x.org",
        "ann@x.orga",
        "a%",
        "a_",
        "_",
        "%",
        "*",
        "[a",
        "z",
        "zo",
        "zoë",
        "ZOË@XN--",
        "ä",
        "b",
        "anna@x.org1",
        "ａnn",
    ];
    for begins in beginnings {
        let canonical = prefix(begins);
        let expected: Vec<_> = taken.iter().filter(|it| it.starts_with(canonical.as_str())).cloned().collect();
        let reversed: Vec<_> = expected.iter().rev().cloned().collect();
        assert_eq!(emails(test, begins, None, SortOrder::Ascending, ALL).await, expected, "{begins}");
        assert_eq!(emails(test, begins, None, SortOrder::Descending, ALL).await, reversed, "{begins}");
        for (place, after) in expected.iter().enumerate() {
            let page = emails(test, begins, Some(after), SortOrder::Ascending, 2).await;
            assert_eq!(page, expected[place + 1..(place + 3).min(expected.len())], "{begins} after {after}");
            let page = emails(test, begins, Some(after), SortOrder::Descending, 2).await;
            let place = expected.len() - place;
            assert_eq!(page, reversed[place..(place + 2).min(reversed.len())], "{begins} before {after}");
        }
    }
    assert_eq!(
        emails(test, "ann@", Some("a@a.org"), SortOrder::Ascending, 1).await,
        ["ann@x.org"],
        "a place before all"
    );
    assert_eq!(emails(test, "ann@", Some("z@a.org"), SortOrder::Ascending, 1).await, [""; 0], "a place after all");
}

pub async fn an_email_that_its_user_changed_is_not_listed(test: &TestStore) {
    let ann = test.signed_up("Ann", "ann@x.org").await;
    let bob = test.signed_up("Bob", "bob@x.org").await;
    let profile = test.profile("Ann", "new@x.org");
    test.store
        .update_profile(ann.id, ann.version, &profile, Actor::anonymous(), test.now())
        .await
        .expect("the store works");
    test.store.delete_user(bob.id, bob.version, Actor::anonymous(), test.now()).await.expect("the store works");
    test.signed_up("Cy", "ann@x.org").await;
    assert_eq!(emails(test, "", None, SortOrder::Ascending, ALL).await, ["ann@x.org", "new@x.org"]);
}

/// The unreadable user keeps the place in the list, between the others.
pub async fn an_unreadable_user_is_reported_and_the_others_are_listed(test: &TestStore) {
    let mut people = BTreeMap::new();
    for number in 0..6 {
        test.clock.advance_ms(1);
        let user = test.signed_up("Grace", &format!("n{number}@x.org")).await;
        people.insert(user.id, user);
    }
    let ids: Vec<UserId> = people.keys().copied().collect();
    let damaged = [ids[0], ids[3], ids[5]];
    for id in damaged {
        test.corrupt_user(id);
    }
    let expected: Vec<ListedUser> = people
        .values()
        .map(|user| {
            let is_damaged = damaged.contains(&user.id);
            if is_damaged { ListedUser::Unreadable(user.id) } else { ListedUser::User(Box::new(user.clone())) }
        })
        .collect();
    let found = test.store.users_by_id(None, SortOrder::Ascending, ALL).await;
    assert_eq!(found.expect("the others can be read"), expected);
    let found = test.store.users_by_id(Some(ids[4]), SortOrder::Descending, 2).await;
    assert_eq!(found.expect("the others can be read"), [expected[3].clone(), expected[2].clone()]);
    let found = test.store.users_by_email(&prefix("n"), None, SortOrder::Ascending, 4).await;
    let found: Vec<_> = found.expect("the others can be read").into_iter().map(|(_, listed)| listed).collect();
    assert_eq!(found, expected[..4]);
    for id in damaged {
        test.restore_user(id);
    }
    assert_eq!(by_id(test, None, SortOrder::Ascending, ALL).await.len(), 6);
}

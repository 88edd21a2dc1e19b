//! What `userd::store::Store` promises, each promise once, run on every back end.
//!
//! A promise is an async function that takes a fresh [`TestStore`]; its name is the sentence that is promised.
//! Here stands the list and nothing else.
//!
//! # How to add a promise
//! Write the function in the file of its subject and add its name to [`promises_on`].

mod lifecycle;
mod model;
mod passwords;
mod profiles;
mod races;
mod races_over_emails;
mod removal;
mod sign_up;

use crate::support::stores::{Backend, TestStore};

/// The tests of some promises of one file on one back end.
macro_rules! promised {
    ($backend:expr, $file:ident: $($promise:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            let store = TestStore::open($backend).await;
            super::$file::$promise(&store).await;
            store.assert_sound().await;
            store.store.close().await;
        }
    )+};
}

/// One test of all these promises, one after the other, for a back end that takes seconds to start: each on a store
/// of its own, all on the same servers.
macro_rules! promised_together {
    ($backend:expr, $file:ident: $($promise:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $file() {
            let ground = TestStore::open($backend).await;
            $(
                let store = ground.another().await;
                super::$file::$promise(&store).await;
                store.assert_sound().await;
                store.store.close().await;
            )+
        }
    };
}

/// A module with every promise on one back end.
macro_rules! promises_on {
    ($module:ident, $backend:expr, $promised:ident) => {
        mod $module {
            use super::{Backend, TestStore};

            $promised!($backend, sign_up:
                a_new_user_is_found_by_id_and_by_email,
                nobody_is_found_in_an_empty_store,
                other_spellings_lead_to_the_same_user,
                a_taken_email_is_refused_and_nothing_changes,
                another_spelling_of_a_taken_email_is_refused,
                the_same_user_twice_is_there_once,
                users_are_counted,
                odd_values_survive_byte_for_byte,
                an_email_that_begins_like_another_is_another,
            );
            $promised!($backend, profiles:
                a_name_is_replaced_and_the_version_grows,
                the_same_email_in_another_spelling_is_no_conflict,
                a_new_email_moves_the_user_and_frees_the_old_one,
                a_user_may_go_to_a_new_email_and_back,
                a_taken_email_is_refused_to_a_change_and_nothing_changes,
                a_stale_profile_is_refused_and_nothing_changes,
                a_profile_of_nobody_is_missing,
            );
            $promised!($backend, passwords:
                a_password_is_replaced_and_updated_at_moves,
                another_hash_of_the_same_password_leaves_updated_at,
                a_stale_password_is_refused_and_nothing_changes,
                a_password_of_nobody_is_missing,
                versions_grow_strictly_with_every_change,
            );
            $promised!($backend, removal:
                a_removed_user_is_gone_and_the_email_is_free,
                a_stale_removal_is_refused_and_nothing_changes,
                removing_nobody_is_missing,
                a_removed_user_never_comes_back,
                signing_up_again_makes_another_user,
            );
            $promised!($backend, lifecycle:
                a_store_that_works_says_so_and_changes_nothing,
                closing_twice_is_no_harm,
                a_closed_store_is_unavailable,
            );
            $promised!($backend, races:
                of_fifty_sign_ups_for_one_email_exactly_one_wins,
                different_sign_ups_do_not_disturb_each_other,
                of_many_passwords_for_one_version_exactly_one_wins,
                of_many_removals_exactly_one_removes,
                a_removal_and_a_password_do_not_both_happen,
                who_got_an_answer_sees_it_while_others_write,
            );
            $promised!($backend, races_over_emails:
                of_many_changes_to_one_email_exactly_one_wins,
                of_two_changes_of_one_user_exactly_one_wins,
                of_many_changes_of_one_user_exactly_one_wins,
                two_users_who_swap_emails_both_keep_their_own,
                a_change_a_sign_up_and_a_removal_leave_no_contradiction,
                a_freed_email_goes_to_exactly_one,
                removals_and_sign_ups_of_one_email_leave_at_most_one,
            );

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_was_written_is_there_after_opening_again() {
                super::lifecycle::what_was_written_is_there_after_opening_again(TestStore::open($backend).await).await;
            }

            #[test]
            fn any_sequence_of_calls_does_what_a_map_does() {
                super::model::any_sequence_of_calls_does_what_a_map_does($backend);
            }
        }
    };
}

promises_on!(embedded, Backend::Embedded, promised);
promises_on!(redis, Backend::Redis, promised);
promises_on!(redis_with_least_rights, Backend::RedisLeastRights, promised);
promises_on!(sentinel, Backend::Sentinel, promised_together);
promises_on!(cluster, Backend::Cluster, promised_together);

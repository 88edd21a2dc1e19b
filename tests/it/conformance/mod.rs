//! What `userd_store::Store` promises, each promise once, run on every back end.
//!
//! A promise is an async function that takes a fresh [`TestStore`]; its name is the sentence that is promised.
//! Here stands the list and nothing else.
//!
//! # How to add a promise
//! Write the function in the file of its subject and add its name to [`conformance_suite`].

mod consistency_check;
mod events;
mod import;
mod lifecycle;
mod listing;
mod model;
mod passwords;
mod profiles;
mod races;
mod races_over_emails;
mod rate_limit;
mod removal;
mod service_keys;
mod sessions;
mod sessions_ended;
mod sessions_races;
mod sign_up;
mod status;

use userd_test_support::stores::{TestBackend, TestStore};

/// The tests of some promises of one file on one back end.
macro_rules! conformance_tests {
    ($backend:expr, $file:ident: $($test_fn:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test_fn() {
            let store = TestStore::open($backend).await;
            super::$file::$test_fn(&store).await;
            store.assert_consistent().await;
            store.store.close().await;
        }
    )+};
}

/// One test of all these promises, one after the other, for a back end that takes seconds to start: each on a store
/// of its own, all on the same servers.
macro_rules! combined_conformance_test {
    ($backend:expr, $file:ident: $($test_fn:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $file() {
            let servers = TestStore::open($backend).await;
            $(
                let store = servers.another().await;
                super::$file::$test_fn(&store).await;
                store.assert_consistent().await;
                store.store.close().await;
            )+
        }
    };
}

/// A module with every promise on one back end.
macro_rules! conformance_suite {
    ($module:ident, $backend:expr, $conformance_tests:ident) => {
        mod $module {
            use super::{TestBackend, TestStore};

            $conformance_tests!($backend, sign_up:
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
            $conformance_tests!($backend, profiles:
                a_name_is_replaced_and_the_version_grows,
                the_same_email_in_another_spelling_is_no_conflict,
                a_new_email_moves_the_user_and_frees_the_old_one,
                a_user_may_go_to_a_new_email_and_back,
                a_taken_email_is_refused_to_a_change_and_nothing_changes,
                a_stale_profile_is_refused_and_nothing_changes,
                a_profile_of_nobody_is_missing,
            );
            $conformance_tests!($backend, passwords:
                a_password_is_replaced_and_updated_at_moves,
                another_hash_of_the_same_password_leaves_updated_at,
                a_stale_password_is_refused_and_nothing_changes,
                a_password_of_nobody_is_missing,
                versions_grow_strictly_with_every_change,
            );
            $conformance_tests!($backend, status:
                a_ruling_is_kept_with_its_event_and_touches_nothing_else,
                a_ruling_ends_all_sessions_of_the_user_unless_it_opens_the_account,
                a_ruling_may_bring_a_password,
                a_stale_ruling_or_one_about_nobody_changes_nothing,
                a_new_password_is_not_expired_and_opens_no_account,
                a_standing_stays_through_all_other_changes,
                no_session_survives_that_its_account_is_shut,
            );
            $conformance_tests!($backend, listing:
                users_come_in_the_order_of_their_sign_up_and_in_reverse,
                pages_of_any_size_are_the_whole_and_each_is_as_long_as_was_asked,
                a_page_begins_where_nobody_is_any_more,
                pages_meet_everyone_once_while_others_come_and_go,
                an_email_is_found_by_its_beginning,
                an_email_that_was_given_up_is_not_listed,
                a_user_who_can_t_be_read_is_named_and_spoils_nothing,
            );
            $conformance_tests!($backend, removal:
                a_removed_user_is_gone_and_the_email_is_free,
                a_stale_removal_is_refused_and_nothing_changes,
                removing_nobody_is_missing,
                a_removed_user_never_comes_back,
                signing_up_again_makes_another_user,
            );
            $conformance_tests!($backend, import:
                a_batch_comes_in_whole_and_says_so_in_the_history,
                the_same_batch_again_is_the_same_and_changes_nothing,
                who_differs_or_wants_a_taken_email_stays_out_and_nothing_changes,
                of_two_in_a_batch_with_one_email_one_comes_in,
                sessions_come_in_with_their_user_and_go_out_as_they_were,
                a_session_that_ended_does_not_come_back_with_a_repeat,
                batches_and_sign_ups_race_for_emails_and_each_has_one_user,
                many_who_bring_the_same_batch_at_once_bring_it_once,
            );
            $conformance_tests!($backend, lifecycle:
                a_store_that_works_says_so_and_changes_nothing,
                closing_twice_is_no_harm,
                a_closed_store_is_unavailable,
            );
            $conformance_tests!($backend, consistency_check:
                an_empty_store_has_nothing_wrong,
                every_user_is_examined_whatever_the_size_of_a_portion,
                a_portion_may_be_examined_again,
                a_place_that_is_none_is_refused,
                examining_disturbs_nobody_who_writes,
            );
            $conformance_tests!($backend, races:
                of_fifty_sign_ups_for_one_email_exactly_one_wins,
                different_sign_ups_do_not_disturb_each_other,
                of_many_passwords_for_one_version_exactly_one_wins,
                of_many_removals_exactly_one_removes,
                a_removal_and_a_password_do_not_both_happen,
                who_got_an_answer_sees_it_while_others_write,
            );
            $conformance_tests!($backend, races_over_emails:
                of_many_changes_to_one_email_exactly_one_wins,
                of_two_changes_of_one_user_exactly_one_wins,
                of_many_changes_of_one_user_exactly_one_wins,
                two_users_who_swap_emails_both_keep_their_own,
                a_change_a_sign_up_and_a_removal_leave_no_contradiction,
                a_freed_email_goes_to_exactly_one,
                removals_and_sign_ups_of_one_email_leave_at_most_one,
            );
            $conformance_tests!($backend, sessions:
                an_opened_session_is_found_with_its_user,
                a_session_says_from_where_and_with_what,
                a_session_of_somebody_else_or_of_an_unknown_id_is_not_found,
                the_same_session_opened_again_is_the_same_session,
                a_session_is_opened_only_for_the_version_that_was_seen,
                sessions_are_listed_the_newest_first,
                one_session_more_than_the_limit_ends_the_oldest,
                a_lower_limit_ends_as_many_as_are_too_many,
                sessions_that_the_limits_end_go_before_the_oldest,
                sessions_past_their_absolute_age_are_removed_at_the_next_opening,
                the_last_use_moves_forward_and_never_back,
                sessions_are_there_after_a_change_that_ends_none,
            );
            $conformance_tests!($backend, sessions_ended:
                a_new_password_ends_all_sessions_but_the_one_that_is_kept,
                a_password_that_is_refused_ends_nothing,
                keeping_a_session_that_is_none_keeps_none,
                a_removed_user_has_no_sessions,
                one_session_is_ended_once_and_the_others_stay,
                all_sessions_but_one_are_ended,
                a_session_that_has_ended_is_never_seen_again,
                a_refresh_state_is_replaced_where_it_is_still_what_was_read,
                a_refresh_goes_on_though_the_session_was_used_meanwhile,
            );
            $conformance_tests!($backend, sessions_races:
                of_many_different_refreshes_exactly_one_succeeds,
                the_same_refresh_many_times_at_once_always_succeeds,
                many_openings_at_once_never_exceed_the_limit,
                of_many_who_end_one_session_exactly_one_ends_it,
                a_new_password_and_the_end_of_sessions_are_one_step,
                no_session_of_the_old_password_outlives_the_new_one,
            );
            $conformance_tests!($backend, events:
                each_change_is_one_event_in_order_by_whom_and_from_where,
                an_event_says_when_by_the_clock_of_who_did_it,
                what_is_refused_or_repeated_is_no_event,
                another_hash_of_the_same_password_and_the_use_of_a_session_are_no_events,
                a_sign_in_beyond_the_limit_is_one_event,
                the_last_events_are_read_and_no_more_than_were_asked_for,
                failures_at_an_email_of_nobody_are_in_nobodys_history,
                a_history_outlives_its_user_and_is_not_the_next_ones,
                pages_of_a_history_are_the_whole_in_both_orders,
            );
            $conformance_tests!($backend, rate_limit:
                a_bucket_gives_its_burst_and_then_says_how_long_to_wait,
                buckets_of_different_keys_are_different,
                buckets_of_one_account_are_taken_from_all_or_none,
                nothing_is_taken_after_the_first_that_is_empty,
                what_is_given_back_can_be_taken_again_and_no_more,
                a_filled_bucket_is_full,
                of_many_takes_at_once_exactly_as_many_succeed_as_there_are,
                many_takes_of_several_buckets_at_once_leave_nothing_half_taken,
                the_rule_is_that_of_the_vectors,
            );
            $conformance_tests!($backend, service_keys:
                keys_are_listed_by_their_ids_and_kinds_apart,
                a_key_is_replaced_only_where_it_says_what_was_expected,
                a_repeat_of_a_key_change_is_true_again,
                a_key_says_what_it_said_byte_for_byte,
                of_many_different_keys_under_one_id_exactly_one_is_made,
                of_many_changes_of_one_key_exactly_one_succeeds,
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

conformance_suite!(embedded, TestBackend::Embedded, conformance_tests);
conformance_suite!(redis, TestBackend::Redis, conformance_tests);
conformance_suite!(redis_with_least_privilege, TestBackend::RedisLeastPrivilege, conformance_tests);
conformance_suite!(sentinel, TestBackend::Sentinel, combined_conformance_test);
conformance_suite!(cluster, TestBackend::Cluster, combined_conformance_test);

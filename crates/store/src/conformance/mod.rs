//! The conformance suite: what [`Store`](crate::Store) promises, each promise once, for the tests of any store.
//!
//! A promise is an async function that takes a fresh [`TestStore`]; its name is the promise as a sentence. It panics
//! where the store breaks it. Not part of the product: the feature `conformance` is for tests.
//!
//! # How to test a store
//! Implement [`StoreHarness`] for it, write an async function that opens a fresh [`TestStore`], and call
//! [`conformance_suite!`](crate::conformance_suite) with a name and that function in a test file; it needs tokio with
//! `macros` and `rt-multi-thread`. `tests/it/conformance.rs` does so for every store of userd.
//!
//! # How to add a promise
//! Write the function in the file of its subject and add its name to `conformance_suite`.

#![expect(missing_docs, reason = "the name of a promise is its documentation")]
#![expect(clippy::expect_used, reason = "a test that can't go on fails with the sentence in `expect`")]
#![expect(clippy::missing_panics_doc, reason = "every promise panics where it is broken")]
#![expect(clippy::must_use_candidate, reason = "for tests alone: a result that is not used is seen there")]

mod concurrency;
pub mod gcra_vectors;
pub mod session_fixtures;
mod test_store;
pub mod user_fixtures;

pub mod consistency_check;
pub mod events;
pub mod import;
pub mod lifecycle;
pub mod listing;
pub mod model;
pub mod passwords;
pub mod profiles;
pub mod races;
pub mod races_over_emails;
pub mod rate_limit;
pub mod removal;
pub mod service_keys;
pub mod sessions;
pub mod sessions_ended;
pub mod sessions_races;
pub mod sign_up;
pub mod status;

pub use concurrency::run_concurrently;
pub use test_store::{StoreHarness, TestStore, password_hash};

/// One test for each of these promises of one file, on the store that `$open` opens.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($open:expr, $file:ident: $($promise:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            let test = $open().await;
            $crate::conformance::$file::$promise(&test).await;
            test.assert_consistent().await;
            test.store.close().await;
        }
    )+};
}

/// One test of all these promises in order, for a store that takes seconds to start: each on a store of its own, all on
/// the same servers.
#[doc(hidden)]
#[macro_export]
macro_rules! combined_conformance_test {
    ($open:expr, $file:ident: $($promise:ident),+ $(,)?) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $file() {
            let servers = $open().await;
            $(
                let test = servers.another().await;
                $crate::conformance::$file::$promise(&test).await;
                test.assert_consistent().await;
                test.store.close().await;
            )+
        }
    };
}

/// One test for each of these promises of one file, without those that the memory store does not keep.
#[doc(hidden)]
#[macro_export]
macro_rules! memory_conformance_tests {
    ($open:expr, $file:ident: $($promise:ident),+ $(,)?) => {
        $($crate::memory_conformance_test!($open, $file, $promise);)+
    };
}

/// The memory store can't be closed or damaged, checks everything in one batch, and takes a repeat for a new call.
#[doc(hidden)]
#[macro_export]
macro_rules! memory_conformance_test {
    ($open:expr, $file:ident, a_closed_store_is_unavailable) => {};
    ($open:expr, $file:ident, an_unreadable_user_is_reported_and_the_others_are_listed) => {};
    ($open:expr, $file:ident, an_invalid_cursor_of_the_check_is_rejected) => {};
    ($open:expr, $file:ident, the_same_sign_up_twice_creates_one_user) => {};
    ($open:expr, $file:ident, a_rejected_or_repeated_change_is_no_event) => {};
    ($open:expr, $file:ident, the_rate_limit_rule_of_the_store_matches_the_vectors) => {};
    ($open:expr, $file:ident, $promise:ident) => {
        $crate::conformance_tests!($open, $file: $promise);
    };
}

/// A module with every promise as a test. `$open` is an async function without arguments that opens a fresh
/// [`TestStore`]; `conformance_tests` makes a test of each promise, `combined_conformance_test` one of each file.
#[macro_export]
macro_rules! conformance_suite {
    ($module:ident, $open:expr, $conformance_tests:ident) => {
        mod $module {
            $crate::$conformance_tests!($open, sign_up:
                a_new_user_is_found_by_id_and_by_email,
                no_user_is_found_in_an_empty_store,
                other_spellings_lead_to_the_same_user,
                a_taken_email_is_rejected_and_nothing_changes,
                another_spelling_of_a_taken_email_is_rejected,
                the_same_sign_up_twice_creates_one_user,
                users_are_counted,
                odd_values_survive_byte_for_byte,
                an_email_that_is_a_prefix_of_another_is_another_email,
            );
            $crate::$conformance_tests!($open, profiles:
                a_name_is_replaced_and_the_version_grows,
                the_same_email_in_another_spelling_is_no_conflict,
                a_new_email_moves_the_user_and_frees_the_old_one,
                a_user_can_move_to_a_new_email_and_back,
                a_change_to_a_taken_email_is_rejected_and_nothing_changes,
                a_profile_change_for_another_version_is_rejected_and_nothing_changes,
                a_profile_change_of_an_unknown_user_is_not_found,
            );
            $crate::$conformance_tests!($open, passwords:
                a_password_is_replaced_and_updated_at_moves,
                another_hash_of_the_same_password_leaves_updated_at,
                a_password_change_for_another_version_is_rejected_and_nothing_changes,
                a_password_change_of_an_unknown_user_is_not_found,
                versions_grow_strictly_with_every_change,
            );
            $crate::$conformance_tests!($open, status:
                a_status_update_is_stored_with_its_event_and_changes_nothing_else,
                a_status_update_revokes_all_sessions_unless_it_enables_the_account,
                a_status_update_can_set_a_password,
                a_status_update_for_another_version_or_an_unknown_user_changes_nothing,
                a_new_password_is_not_expired_and_enables_no_account,
                the_account_status_survives_all_other_changes,
                no_session_survives_that_its_account_is_disabled,
            );
            $crate::$conformance_tests!($open, listing:
                users_come_in_the_order_of_their_sign_up_and_in_reverse,
                pages_of_any_size_are_complete_and_of_the_requested_length,
                a_page_can_begin_at_the_position_of_a_deleted_user,
                pages_list_every_lasting_user_once_while_others_come_and_go,
                an_email_is_found_by_its_prefix,
                an_email_that_its_user_changed_is_not_listed,
                an_unreadable_user_is_reported_and_the_others_are_listed,
            );
            $crate::$conformance_tests!($open, removal:
                a_deleted_user_is_gone_and_the_email_is_free,
                a_deletion_for_another_version_is_rejected_and_nothing_changes,
                a_deletion_of_an_unknown_user_is_not_found,
                a_deleted_user_never_comes_back,
                signing_up_again_makes_another_user,
            );
            $crate::$conformance_tests!($open, import:
                an_import_batch_is_imported_whole_with_an_event_for_each_user,
                the_same_batch_again_is_the_same_and_changes_nothing,
                a_different_user_or_a_taken_email_is_not_imported_and_nothing_changes,
                of_two_users_in_a_batch_with_one_email_one_is_imported,
                sessions_are_imported_with_their_user_and_exported_unchanged,
                a_session_that_ended_does_not_come_back_with_a_repeated_import,
                batches_and_sign_ups_race_for_emails_and_each_has_one_user,
                the_same_batch_many_times_at_once_is_imported_once,
            );
            $crate::$conformance_tests!($open, lifecycle:
                a_working_store_is_healthy_and_the_check_changes_nothing,
                closing_twice_is_no_harm,
                a_closed_store_is_unavailable,
            );
            $crate::$conformance_tests!($open, consistency_check:
                an_empty_store_has_no_findings,
                every_user_is_checked_whatever_the_size_of_a_batch,
                a_batch_of_the_check_can_be_repeated,
                an_invalid_cursor_of_the_check_is_rejected,
                a_check_does_not_disturb_concurrent_writes,
            );
            $crate::$conformance_tests!($open, races:
                of_fifty_sign_ups_for_one_email_exactly_one_wins,
                different_sign_ups_do_not_disturb_each_other,
                of_many_passwords_for_one_version_exactly_one_wins,
                of_many_deletions_exactly_one_deletes,
                a_deletion_and_a_password_change_do_not_both_happen,
                a_client_sees_its_acknowledged_change_while_others_write,
            );
            $crate::$conformance_tests!($open, races_over_emails:
                of_many_changes_to_one_email_exactly_one_wins,
                of_two_changes_of_one_user_exactly_one_wins,
                of_many_changes_of_one_user_exactly_one_wins,
                of_two_users_who_swap_emails_both_keep_their_own,
                a_change_a_sign_up_and_a_deletion_leave_no_contradiction,
                a_freed_email_goes_to_exactly_one_user,
                deletions_and_sign_ups_of_one_email_leave_at_most_one_user,
            );
            $crate::$conformance_tests!($open, sessions:
                an_opened_session_is_found_with_its_user,
                a_session_has_its_address_and_user_agent,
                a_session_of_another_user_or_of_an_unknown_id_is_not_found,
                the_same_session_opened_again_is_the_same_session,
                a_session_is_opened_only_for_the_version_that_was_read,
                sessions_are_listed_the_newest_first,
                one_session_more_than_the_limit_ends_the_oldest,
                a_lower_limit_ends_as_many_as_are_too_many,
                sessions_that_the_limits_end_go_before_the_oldest,
                sessions_past_their_absolute_age_are_removed_at_the_next_opening,
                the_last_use_moves_forward_and_never_back,
                sessions_are_there_after_a_change_that_ends_none,
            );
            $crate::$conformance_tests!($open, sessions_ended:
                a_new_password_revokes_all_sessions_but_the_kept_one,
                a_rejected_password_change_ends_no_session,
                a_kept_session_that_does_not_exist_keeps_none,
                a_deleted_user_has_no_sessions,
                one_session_is_revoked_once_and_the_others_stay,
                all_sessions_but_one_are_revoked,
                a_session_that_has_ended_never_comes_back,
                a_refresh_state_is_replaced_only_if_it_is_still_what_was_read,
                a_refresh_succeeds_though_the_session_was_used_meanwhile,
            );
            $crate::$conformance_tests!($open, sessions_races:
                of_many_different_refreshes_exactly_one_succeeds,
                the_same_refresh_many_times_at_once_always_succeeds,
                many_sign_ins_at_once_never_exceed_the_session_limit,
                of_many_revocations_of_one_session_exactly_one_ends_it,
                a_new_password_and_the_revocation_of_sessions_are_one_step,
                no_session_of_the_old_password_outlives_the_new_one,
            );
            $crate::$conformance_tests!($open, events:
                each_change_is_one_event_in_order_with_actor_and_address,
                an_event_has_the_time_of_the_callers_clock,
                a_rejected_or_repeated_change_is_no_event,
                another_hash_of_the_same_password_and_the_use_of_a_session_are_no_events,
                a_sign_in_beyond_the_limit_is_one_event,
                the_newest_events_are_read_and_no_more_than_requested,
                failed_sign_ins_at_an_email_without_a_user_belong_to_no_user,
                events_outlive_their_user_and_do_not_belong_to_the_next_user_of_the_email,
                pages_of_events_are_complete_in_both_orders,
            );
            $crate::$conformance_tests!($open, rate_limit:
                a_bucket_allows_its_burst_and_then_says_how_long_to_wait,
                buckets_of_different_keys_are_different,
                buckets_of_one_account_are_charged_all_or_none,
                nothing_is_charged_after_the_first_empty_bucket,
                what_is_refunded_can_be_charged_again_and_no_more,
                a_reset_bucket_is_full,
                of_many_charges_at_once_exactly_as_many_succeed_as_the_bucket_holds,
                concurrent_charges_of_several_buckets_are_charged_all_or_none,
                the_rate_limit_rule_of_the_store_matches_the_vectors,
            );
            $crate::$conformance_tests!($open, service_keys:
                keys_are_listed_by_their_ids_and_kinds_apart,
                a_service_key_is_replaced_only_if_it_has_the_expected_content,
                a_repeated_key_change_succeeds_again,
                a_service_key_is_returned_byte_for_byte,
                of_many_different_keys_under_one_id_exactly_one_is_created,
                of_many_changes_of_one_key_exactly_one_succeeds,
            );

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_was_written_is_there_after_opening_again() {
                $crate::conformance::lifecycle::what_was_written_is_there_after_opening_again($open().await).await;
            }

            #[test]
            fn any_sequence_of_calls_behaves_like_the_model() {
                $crate::conformance::model::any_sequence_of_calls_behaves_like_the_model($open);
            }
        }
    };
}

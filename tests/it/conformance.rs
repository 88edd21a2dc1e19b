//! The conformance suite of `userd_store::conformance`, run on every store.

use userd_store::conformance::TestStore;
use userd_store::conformance_suite;
use userd_test_support::stores::TestBackend;

async fn memory() -> TestStore {
    TestBackend::Memory.open().await
}

async fn sqlite() -> TestStore {
    TestBackend::Embedded.open().await
}

async fn single_redis() -> TestStore {
    TestBackend::Redis.open().await
}

async fn single_redis_with_least_privilege() -> TestStore {
    TestBackend::RedisLeastPrivilege.open().await
}

async fn sentinel_group() -> TestStore {
    TestBackend::Sentinel.open().await
}

async fn redis_cluster() -> TestStore {
    TestBackend::Cluster.open().await
}

conformance_suite!(memory, super::memory, memory_conformance_tests);
conformance_suite!(embedded, super::sqlite, conformance_tests);
conformance_suite!(redis, super::single_redis, conformance_tests);
conformance_suite!(redis_with_least_privilege, super::single_redis_with_least_privilege, conformance_tests);
conformance_suite!(sentinel, super::sentinel_group, combined_conformance_test);
conformance_suite!(cluster, super::redis_cluster, combined_conformance_test);

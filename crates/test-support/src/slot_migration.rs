//! The migration of a slot from one primary to another, one step at a time.

use super::redis_cluster::RedisCluster;

/// A migration in progress. Keys stay until they are moved, new ones are created at the new primary; both primaries
/// redirect clients to each other until it is finished.
pub struct SlotMigration<'c> {
    cluster: &'c RedisCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl<'c> SlotMigration<'c> {
    /// Announces it to both primaries; no key is moved yet.
    pub fn begin(cluster: &'c RedisCluster, slot: u16, to: usize) -> Self {
        let from = cluster.primary_of(slot).unwrap_or_else(|| panic!("no node serves slot {slot}"));
        assert_ne!(from, to, "slot {slot} is there already");
        let started = Self { cluster, slot, from, to };
        started.set(to, "IMPORTING", from);
        started.set(from, "MIGRATING", to);
        started
    }

    /// The keys that have not been moved.
    pub fn remaining_keys(&self) -> Vec<String> {
        self.cluster.server(self.from).texts(&["CLUSTER", "GETKEYSINSLOT", &self.slot.to_string(), "1000000"])
    }

    /// Moves this key.
    pub fn move_key(&self, key: &str) {
        let (from, to) = (self.cluster.server(self.from), self.cluster.server(self.to));
        let port = to.port().to_string();
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, key, "0", "10000"];
        words.extend(to.password().map(|password| ["AUTH", password]).into_iter().flatten());
        from.command(&words);
    }

    /// Moves one more key; false if none is left.
    pub fn move_one(&self) -> bool {
        let left = self.remaining_keys();
        left.first().inspect(|key| self.move_key(key)).is_some()
    }

    /// Moves the remaining keys and makes the new primary the owner of the slot.
    pub fn finish(self) {
        for key in self.remaining_keys() {
            self.move_key(&key);
        }
        // The new one first: if it stopped here, the old one would still redirect clients.
        self.set(self.to, "NODE", self.to);
        self.set(self.from, "NODE", self.to);
        for other in self.cluster.primaries().into_iter().filter(|&node| node != self.to && node != self.from) {
            self.set(other, "NODE", self.to);
        }
    }

    fn set(&self, at: usize, what: &str, node: usize) {
        let id = self.cluster.own_view(node).id;
        self.cluster.server(at).command(&["CLUSTER", "SETSLOT", &self.slot.to_string(), what, &id]);
    }
}

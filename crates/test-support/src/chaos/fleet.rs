//! Several userd over one store, and their present addresses.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use crate::userd_process::{UserdCommand, UserdProcess};

/// The addresses of the fleet's members, which change at a restart. `None`: it is down.
pub struct FleetAddresses(Mutex<Vec<Option<SocketAddr>>>);

impl FleetAddresses {
    /// The address of this member.
    pub fn of(&self, member: usize) -> Option<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[member]
    }

    /// The addresses of the running members.
    pub fn all(&self) -> Vec<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().copied().collect()
    }

    fn set(&self, member: usize, address: Option<SocketAddr>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[member] = address;
    }
}

/// What userd logs with each 503.
const DEFERRED_LOG_LINE: &str = "a request failed temporarily";

/// The processes.
pub struct UserdFleet {
    launch: UserdCommand,
    members: Vec<UserdProcess>,
    frozen: Vec<bool>,
    addresses: std::sync::Arc<FleetAddresses>,
}

impl UserdFleet {
    /// Starts this many.
    pub fn start(launch: UserdCommand, members: usize) -> Self {
        let members: Vec<_> = (0..members).map(|_| launch.start()).collect();
        let addresses = members.iter().map(|member| Some(member.address())).collect();
        let frozen = vec![false; members.len()];
        Self { launch, members, frozen, addresses: std::sync::Arc::new(FleetAddresses(Mutex::new(addresses))) }
    }

    pub fn addresses(&self) -> std::sync::Arc<FleetAddresses> {
        std::sync::Arc::clone(&self.addresses)
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn frozen(&self) -> usize {
        self.frozen.iter().filter(|frozen| **frozen).count()
    }

    pub fn is_frozen(&self, member: usize) -> bool {
        self.frozen[member]
    }

    /// Kills one, as a crash would.
    pub fn kill(&mut self, member: usize) {
        self.members[member].kill();
        self.frozen[member] = false;
        self.addresses.set(member, None);
    }

    /// Starts a killed one again, at another address.
    pub fn start_again(&mut self, member: usize) {
        self.members[member] = self.launch.start();
        self.addresses.set(member, Some(self.members[member].address()));
    }

    pub fn freeze(&mut self, member: usize) {
        self.members[member].freeze();
        self.frozen[member] = true;
    }

    pub fn thaw(&mut self, member: usize) {
        self.members[member].thaw();
        self.frozen[member] = false;
    }

    /// What the running members logged about requests that they answered with a 503.
    pub fn deferred_requests(&self) -> Vec<String> {
        let lines =
            |log: String| log.lines().filter(|line| line.contains(DEFERRED_LOG_LINE)).map(str::to_owned).collect();
        self.members.iter().map(UserdProcess::log).map(lines).collect::<Vec<Vec<String>>>().concat()
    }

    /// Continues all.
    pub fn thaw_all(&mut self) {
        for member in 0..self.members.len() {
            if self.frozen[member] {
                self.thaw(member);
            }
        }
    }
}

//! Which node of a cluster is primary of what, as the nodes report it.

use std::collections::BTreeMap;

use super::redis_cluster::RedisCluster;

/// A node as another node knows it: a line of `CLUSTER NODES`.
#[derive(Debug)]
pub struct ClusterNodeView {
    /// Its id in the cluster.
    pub id: String,
    /// Whether it accepts writes.
    pub is_primary: bool,
    /// The primary that it replicates.
    pub primary: Option<String>,
    /// The higher, the newer its claim to its slots.
    pub epoch: u64,
    /// Its slots, both ends included.
    pub slots: Vec<(u16, u16)>,
    flags: String,
}

impl ClusterNodeView {
    /// `<id> <address> <flags> <primary> <ping> <pong> <epoch> <link> <slot>…`
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let has = |flag: &str| words[2].split(',').any(|word| word == flag);
        Self {
            id: words[0].to_owned(),
            is_primary: has("master"),
            primary: (words[3] != "-").then(|| words[3].to_owned()),
            epoch: words[6].parse().expect("an epoch"),
            slots: words[8..].iter().filter_map(|slots| range(slots)).collect(),
            flags: words[2].to_owned(),
        }
    }

    fn is_myself(&self) -> bool {
        self.flags.contains("myself")
    }

    /// Whether it has been met, not only announced.
    pub fn is_met(&self) -> bool {
        !self.flags.contains("handshake") && !self.flags.contains("noaddr")
    }

    fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|&(first, last)| (first..=last).contains(&slot))
    }
}

/// `7` or `0-5460`; slots in migration are in brackets and belong to their old primary.
fn range(text: &str) -> Option<(u16, u16)> {
    if text.starts_with('[') {
        return None;
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().expect("a slot"), last.parse().expect("a slot")))
}

impl RedisCluster {
    /// All nodes that a node knows.
    pub fn known_to(&self, node: usize) -> Vec<ClusterNodeView> {
        let text = self.server(node).text(&["CLUSTER", "NODES"]);
        text.lines().map(|line| ClusterNodeView::parse(line.trim_end())).collect()
    }

    /// A node's view of itself.
    pub fn own_view(&self, node: usize) -> ClusterNodeView {
        self.known_to(node).into_iter().find(ClusterNodeView::is_myself).expect("a node knows itself")
    }

    /// The slot map of a node.
    pub fn slot_map(&self, node: usize) -> BTreeMap<(u16, u16), String> {
        let known = self.known_to(node);
        known.iter().flat_map(|view| view.slots.iter().map(|&slots| (slots, view.id.clone()))).collect()
    }

    /// The running nodes that are primaries of some slot. If two claim one slot, as after a failover that one has
    /// missed, the newer one counts.
    pub fn primaries(&self) -> Vec<usize> {
        self.primary_views().into_iter().map(|(node, _)| node).collect()
    }

    fn primary_views(&self) -> Vec<(usize, ClusterNodeView)> {
        let mut views: Vec<_> = self.up().map(|node| (node, self.own_view(node))).collect();
        views.retain(|(_, view)| view.is_primary && !view.slots.is_empty());
        views.sort_by_key(|(_, view)| std::cmp::Reverse(view.epoch));
        let mut kept: Vec<(usize, ClusterNodeView)> = Vec::new();
        for (node, view) in views {
            if !kept.iter().any(|(_, newer)| view.slots.iter().any(|&(first, _)| newer.has(first))) {
                kept.push((node, view));
            }
        }
        kept
    }

    /// The slot of a key.
    pub fn slot_of(&self, key: &str) -> u16 {
        let node = self.up().next().expect("a node that is up");
        redis::from_redis_value(self.server(node).command(&["CLUSTER", "KEYSLOT", key])).expect("a slot")
    }

    /// The node that serves a slot, if one does.
    pub fn primary_of(&self, slot: u16) -> Option<usize> {
        self.primary_views().into_iter().find(|(_, view)| view.has(slot)).map(|(node, _)| node)
    }

    /// The node that serves a key.
    pub fn primary_of_key(&self, key: &str) -> usize {
        self.primary_of(self.slot_of(key)).unwrap_or_else(|| panic!("no node serves {key}"))
    }

    /// The replicas of a primary that are up.
    pub fn replicas_of(&self, primary: usize) -> Vec<usize> {
        let id = self.own_view(primary).id;
        self.up().filter(|&node| self.own_view(node).primary.as_ref() == Some(&id)).collect()
    }
}

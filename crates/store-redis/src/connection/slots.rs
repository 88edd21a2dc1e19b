//! The hash slots of a cluster, and the list of the nodes that serve them. Sends nothing.

use std::collections::BTreeMap;

use ::redis::{Cmd, Value};

use crate::layout::Shard;
use crate::settings::NodeAddress;

/// How many slots a cluster has (Redis Cluster specification, "Key distribution model").
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a shard, computed from its hash tag: three hex digits.
pub(super) fn slot_of(shard: Shard) -> u16 {
    crc16(format!("{:03x}", shard.number()).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, as in the specification. Runs once for each shard, so a table would not pay.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    })
}

/// Reads the list of the nodes that serve the slots, for [`parse_slots`].
pub(super) fn slots_command() -> Cmd {
    let mut command = ::redis::cmd("CLUSTER");
    command.arg("SLOTS");
    command
}

/// A range of slots and the node that serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotRange {
    /// First and last slot.
    pub(super) slots: (u16, u16),
    /// The primary.
    pub(super) primary: NodeAddress,
    /// The unique id of the primary.
    pub(super) id: String,
    /// How many of its replicas have not failed.
    pub(super) replicas: usize,
}

/// The ranges in an answer to `CLUSTER SLOTS`. A node that does not know its own host is at the host that was `asked`.
pub(super) fn parse_slots(answer: Value, asked: &NodeAddress) -> Option<Vec<SlotRange>> {
    let Value::Array(ranges) = answer else { return None };
    ranges.into_iter().map(|range| parse_range(range, asked)).collect()
}

fn parse_range(range: Value, asked: &NodeAddress) -> Option<SlotRange> {
    let Value::Array(parts) = range else { return None };
    let mut parts = parts.into_iter();
    let slots = (number(&parts.next()?)?, number(&parts.next()?)?);
    let Value::Array(primary) = parts.next()? else { return None };
    let host = primary.first().and_then(text).filter(|host| !host.is_empty() && host != "?");
    let port = number(primary.get(1)?)?;
    let id = primary.get(2).and_then(text)?;
    let address = NodeAddress { host: host.unwrap_or_else(|| asked.host.clone()), port };
    (slots.0 <= slots.1 && slots.1 < SLOTS).then(|| SlotRange { slots, primary: address, id, replicas: parts.count() })
}

/// The node that serves `slot`, by the majority of `views`.
pub(super) fn majority_primary(views: &[Vec<SlotRange>], slot: u16) -> Option<&NodeAddress> {
    let serves = |range: &&SlotRange| (range.slots.0..=range.slots.1).contains(&slot);
    let votes = views.iter().filter_map(|view| view.iter().find(serves)).map(|range| &range.primary);
    let mut counts: BTreeMap<&NodeAddress, usize> = BTreeMap::new();
    for primary in votes {
        *counts.entry(primary).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(primary, _)| primary)
}

/// How many replicas of `primary` are healthy. Where views differ, the highest number counts.
pub(super) fn replicas(views: &[Vec<SlotRange>], primary: &NodeAddress) -> usize {
    let said =
        |view: &Vec<SlotRange>| view.iter().filter(|range| range.primary == *primary).map(|range| range.replicas).min();
    views.iter().filter_map(said).max().unwrap_or_default()
}

/// The target of a redirection: `host:port`, or `:port` from a node that does not know its own host.
pub(super) fn parse_redirection(text: &str, from: &NodeAddress) -> Option<NodeAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() || host == "?" { &from.host } else { host };
    Some(NodeAddress::new(host, port.parse().ok()?))
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    ::redis::from_redis_value_ref(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_computed_as_the_specification_says() {
        // The specification's own example, and what a server answers to CLUSTER KEYSLOT 000 and 3ff.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(Shard::from_number(0)), 13_923);
        assert_eq!(slot_of(Shard::from_number(0x3ff)), 12_569);
    }

    #[test]
    fn a_list_of_slots_is_read_and_an_unknown_host_is_the_one_that_was_asked() {
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port), bulk("id"), Value::Array(vec![])]);
        let answer = Value::Array(vec![
            Value::Array(vec![
                Value::Int(0),
                Value::Int(99),
                node(bulk("10.0.0.1"), 7000),
                node(bulk("10.0.0.2"), 7001),
            ]),
            Value::Array(vec![Value::Int(100), Value::Int(16_383), node(Value::Nil, 7002)]),
        ]);
        let ranges = parse_slots(answer, &NodeAddress::new("here", 1)).expect("a list");
        assert_eq!((ranges[0].slots, ranges[0].replicas), ((0, 99), 1));
        assert_eq!(ranges[0].primary, NodeAddress::new("10.0.0.1", 7000));
        assert_eq!((ranges[1].primary.clone(), ranges[1].replicas), (NodeAddress::new("here", 7002), 0));
    }

    #[test]
    fn an_isolated_node_is_outvoted_and_the_highest_number_of_replicas_counts() {
        let view = |port, replicas| {
            let primary = NodeAddress::new("here", port);
            vec![SlotRange { slots: (0, 99), primary, id: port.to_string(), replicas }]
        };
        let views = [view(1, 0), view(2, 1), view(2, 2)];
        assert_eq!(majority_primary(&views, 50), Some(&NodeAddress::new("here", 2)));
        assert_eq!(majority_primary(&views, 100), None);
        assert_eq!(
            (replicas(&views, &NodeAddress::new("here", 2)), replicas(&views, &NodeAddress::new("here", 3))),
            (2, 0)
        );
    }

    #[test]
    fn a_redirection_is_read_with_or_without_a_host() {
        let from = NodeAddress::new("here", 1);
        assert_eq!(parse_redirection("10.0.0.1:7000", &from), Some(NodeAddress::new("10.0.0.1", 7000)));
        assert_eq!(parse_redirection("::1:7000", &from), Some(NodeAddress::new("::1", 7000)));
        assert_eq!(parse_redirection(":7000", &from), Some(NodeAddress::new("here", 7000)));
        assert_eq!(parse_redirection("nonsense", &from), None);
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_is_not_without_panic(numbers in prop::collection::vec(any::<i64>(), 0..8), host in any::<String>()) {
            let inner = numbers.iter().map(|number| Value::Int(*number)).chain([bulk(&host)]).collect();
            let outer = numbers.iter().map(|number| Value::Int(*number)).chain([Value::Array(inner)]).collect();
            let _ = parse_slots(Value::Array(vec![Value::Array(outer)]), &NodeAddress::new("here", 1));
            let _ = parse_redirection(&host, &NodeAddress::new("here", 1));
        }
    }
}

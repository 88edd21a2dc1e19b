//! Merges the listings of all shards into one order, from a few entries of each. Pure: it returns the queries to send.
//!
//! Users are spread over the shards at random, so a page has about one entry of each shard, however many users there
//! are. The first round asks each shard for its next entry; further rounds ask only shards whose entries were used up
//! before the page was full. Each round asks a shard for four times as many, so the number of rounds is bounded even
//! if all of a page is in one shard: six for a page of 1,000.

use std::collections::VecDeque;

use crate::layout::Shard;
use userd_store::{KeyRange, SortOrder};

/// A shard is asked for one entry for each so many of a page: twice its expected share.
const PAGE_SHARE: usize = 512;

/// By how much the query to a used-up shard grows.
const GROWTH_FACTOR: usize = 4;

/// The listings of all shards, as far as they are known.
pub(super) struct ListingMerge {
    order: SortOrder,
    shards: Vec<ShardListing>,
}

/// The listing of one shard.
struct ShardListing {
    shard: Shard,
    /// The range that has not been read.
    rest: KeyRange,
    /// The members that were read and not returned, in the order of the merge.
    members: VecDeque<Vec<u8>>,
    /// The last member that was read: all unknown ones come after it.
    last: Option<Vec<u8>>,
    /// How many were asked for in the last query; 0 at first.
    last_limit: usize,
    /// There is nothing after the members that were read.
    exhausted: bool,
}

/// A query to one shard: the first `most` members in `range`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeQuery {
    /// The shard.
    pub(super) shard: Shard,
    /// The range.
    pub(super) range: KeyRange,
    /// How many members.
    pub(super) most: usize,
}

impl ListingMerge {
    /// The members in `range`.
    pub(super) fn new(range: &KeyRange, order: SortOrder) -> Self {
        let listing = |shard| ShardListing {
            shard,
            rest: range.clone(),
            members: VecDeque::new(),
            last: None,
            last_limit: 0,
            exhausted: range.from >= range.to,
        };
        Self { order, shards: Shard::all().map(listing).collect() }
    }

    /// The queries that are needed before the next `most` members are known; none if they are.
    pub(super) fn pending_queries(&mut self, most: usize) -> Vec<RangeQuery> {
        let end = self.known_end(most);
        let order = self.order;
        let open = |listing: &&mut ShardListing| {
            let known = listing.last.as_ref().zip(end.as_ref());
            !listing.exhausted && known.is_none_or(|(last, end)| comes_before(order, last, end))
        };
        let ask = |listing: &mut ShardListing| {
            let more = if listing.last_limit == 0 {
                1 + most / PAGE_SHARE
            } else {
                listing.last_limit.saturating_mul(GROWTH_FACTOR)
            };
            listing.last_limit = more.min(most.max(1));
            RangeQuery { shard: listing.shard, range: listing.rest.clone(), most: listing.last_limit }
        };
        self.shards.iter_mut().filter(open).map(ask).collect()
    }

    /// Adds the answer to `query`.
    pub(super) fn add_members(&mut self, query: &RangeQuery, members: Vec<Vec<u8>>) {
        let listing = &mut self.shards[usize::from(query.shard.number())];
        listing.exhausted = members.len() < query.most;
        if let Some(last) = members.last() {
            listing.rest.continue_after(last, self.order);
            listing.last = Some(last.clone());
        }
        listing.members.extend(members);
    }

    /// The next `most` members, or all that are left. Call it when there are no pending queries.
    pub(super) fn drain_page(&mut self, most: usize) -> Vec<(Shard, Vec<u8>)> {
        let end = self.known_end(most);
        let order = self.order;
        let mut taken = Vec::new();
        for listing in &mut self.shards {
            let within = |member: &Vec<u8>| end.as_ref().is_none_or(|end| !comes_before(order, end, member));
            let known = listing.members.partition_point(within);
            taken.extend(listing.members.drain(..known).map(|member| (listing.shard, member)));
        }
        taken.sort_unstable_by(|(_, one), (_, other)| in_order(order, one, other));
        taken
    }

    /// The `most`th of the known members, if there are so many.
    fn known_end(&self, most: usize) -> Option<Vec<u8>> {
        let mut known: Vec<&Vec<u8>> = self.shards.iter().flat_map(|listing| &listing.members).collect();
        let place = most.checked_sub(1).filter(|place| *place < known.len())?;
        let (_, end, _) = known.select_nth_unstable_by(place, |one, other| in_order(self.order, one, other));
        Some(end.clone())
    }
}

fn in_order(order: SortOrder, one: &[u8], other: &[u8]) -> std::cmp::Ordering {
    match order {
        SortOrder::Ascending => one.cmp(other),
        SortOrder::Descending => other.cmp(one),
    }
}

fn comes_before(order: SortOrder, one: &[u8], other: &[u8]) -> bool {
    in_order(order, one, other).is_lt()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The answer of a sorted set.
    fn answer(listings: &[BTreeSet<Vec<u8>>], query: &RangeQuery, order: SortOrder) -> Vec<Vec<u8>> {
        let KeyRange { from, to } = query.range.clone();
        let within = listings[usize::from(query.shard.number())].iter().filter(|it| **it >= from && **it < to);
        match order {
            SortOrder::Ascending => within.take(query.most).cloned().collect(),
            SortOrder::Descending => within.rev().take(query.most).cloned().collect(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn pages_are_those_of_one_sorted_list(
            members in prop::collection::btree_set((0_u64..1024, "[ab]{1,5}"), 0..300),
            crowded in any::<bool>(), down in any::<bool>(), sizes in prop::collection::vec(1_usize..90, 1..8),
        ) {
            let order = if down { SortOrder::Descending } else { SortOrder::Ascending };
            let mut listings = vec![BTreeSet::new(); 1024];
            let mut all = BTreeSet::new();
            for (shard, text) in members {
                let (shard, member) = (if crowded { shard % 3 } else { shard }, format!("{text}{shard}").into_bytes());
                listings[usize::try_from(shard).expect("small")].insert(member.clone());
                all.insert(member);
            }
            let all: Vec<_> = if down { all.into_iter().rev().collect() } else { all.into_iter().collect() };
            let (mut merge, mut found) = (ListingMerge::new(&KeyRange::all_text(), order), Vec::new());
            for most in sizes {
                for round in 0.. {
                    let queries = merge.pending_queries(most);
                    if queries.is_empty() { break; }
                    prop_assert!(round < 6, "{queries:?}");
                    for query in queries {
                        merge.add_members(&query, answer(&listings, &query, order));
                    }
                }
                let page = merge.drain_page(most);
                prop_assert_eq!(page.len(), most.min(all.len() - found.len()));
                found.extend(page.into_iter().map(|(_, member)| member));
            }
            prop_assert_eq!(&found[..], &all[..found.len()]);
        }
    }

    #[test]
    fn an_empty_range_needs_no_query() {
        assert_eq!(ListingMerge::new(&KeyRange::before([]), SortOrder::Ascending).pending_queries(10), []);
    }
}

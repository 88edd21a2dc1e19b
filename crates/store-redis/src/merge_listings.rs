//! Makes one order of the listings of all shards, from a few entries of each. Pure: it says what is to be asked.
//!
//! Users spread over the shards at random, so a page has about one entry of a shard, however many there are: each is
//! asked for its next one, and then only those are asked again whose entries were used up before the page was full. Each
//! time a shard is asked for four times as many, so that the number of rounds is bounded even where all of a page lies
//! in one shard: six for a page of 1,000.

use std::collections::VecDeque;

use super::layout::Shard;
use userd_store::KeyRange;
use userd_store::SortOrder;

/// How many users of a page one shard is expected to have: of twice the page's share.
const PAGE_SHARE: usize = 512;

/// By how much more a shard is asked for that was used up.
const GROWTH_FACTOR: usize = 4;

/// The listings of all shards, as far as they are known.
pub(super) struct ListingMerge {
    order: SortOrder,
    shards: Vec<ShardListing>,
}

/// The listing of one shard.
struct ShardListing {
    shard: Shard,
    /// What has not been asked for.
    rest: KeyRange,
    /// What was answered and not taken, in the merge's order.
    members: VecDeque<Vec<u8>>,
    /// The last one that was answered: what is not known comes after it.
    last: Option<Vec<u8>>,
    /// How many were asked for the last time; 0 at first.
    last_limit: usize,
    /// Nothing comes after what was answered.
    exhausted: bool,
}

/// What a shard is to be asked: the first `most` members in `span`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeQuery {
    pub(super) shard: Shard,
    pub(super) span: KeyRange,
    pub(super) most: usize,
}

impl ListingMerge {
    /// The members in `span`.
    pub(super) fn new(span: &KeyRange, order: SortOrder) -> Self {
        let listing = |shard| ShardListing {
            shard,
            rest: span.clone(),
            members: VecDeque::new(),
            last: None,
            last_limit: 0,
            exhausted: span.from >= span.to,
        };
        Self { order, shards: Shard::all().map(listing).collect() }
    }

    /// What has to be asked before the next `most` members are known; nothing if they are.
    pub(super) fn pending_queries(&mut self, most: usize) -> Vec<RangeQuery> {
        let end = self.known_end(most);
        let order = self.order;
        let open = |listing: &&mut ShardListing| {
            let used_up = match (&listing.last, &end) {
                (Some(last), Some(end)) => comes_before(order, last, end),
                (None, _) | (_, None) => true,
            };
            !listing.exhausted && used_up
        };
        let ask = |listing: &mut ShardListing| {
            let more = if listing.last_limit == 0 {
                1 + most / PAGE_SHARE
            } else {
                listing.last_limit.saturating_mul(GROWTH_FACTOR)
            };
            listing.last_limit = more.min(most.max(1));
            RangeQuery { shard: listing.shard, span: listing.rest.clone(), most: listing.last_limit }
        };
        self.shards.iter_mut().filter(open).map(ask).collect()
    }

    /// Takes in what the shard of `query` answered.
    pub(super) fn add_members(&mut self, query: &RangeQuery, members: Vec<Vec<u8>>) {
        let listing = &mut self.shards[usize::from(query.shard.number())];
        listing.exhausted = members.len() < query.most;
        if let Some(last) = members.last() {
            listing.rest.continue_after(last, self.order);
            listing.last = Some(last.clone());
        }
        listing.members.extend(members);
    }

    /// The next `most` members, or all there are, once there is nothing to be asked for them.
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

    /// The `most`th of the members that are known, if there are so many.
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

    /// What a sorted set answers.
    fn answer(listings: &[BTreeSet<Vec<u8>>], query: &RangeQuery, order: SortOrder) -> Vec<Vec<u8>> {
        let KeyRange { from, to } = query.span.clone();
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
    fn an_empty_span_asks_nobody() {
        assert_eq!(ListingMerge::new(&KeyRange::before([]), SortOrder::Ascending).pending_queries(10), []);
    }
}

//! What the shards of a store say about the store's id, and what follows from it. Reads answers; sends nothing.
//!
//! Each shard has a mark: a key with the id of the store. A server that lost its data has no marks, and a server of
//! another store has others. The id in `meta` alone would not do: in a cluster only one node holds that key.

use std::collections::BTreeSet;

use ::redis::{RedisError, Value};

use super::connect_error::is_elsewhere;
use crate::layout::Shard;

/// The mark of one shard, or the id in `meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreMark {
    /// There is none.
    Missing,
    /// It has this text.
    Id(String),
    /// Another server may have it, or its server does not answer.
    Unknown,
}

impl StoreMark {
    /// The mark in an answer.
    ///
    /// # Errors
    /// The server refused to answer.
    pub(crate) fn in_answer(answer: Value) -> Result<Self, RedisError> {
        match answer.extract_error() {
            Ok(Value::Nil) => Ok(Self::Missing),
            Ok(value) => Ok(match ::redis::from_redis_value::<String>(value) {
                Ok(text) if text.is_empty() => Self::Missing,
                Ok(text) => Self::Id(text),
                Err(_) => Self::Id("(not text)".to_owned()),
            }),
            Err(error) if is_elsewhere(&error) => Ok(Self::Unknown),
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(Self::Id("(not text)".to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// The entry of `meta` about the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaEntry {
    /// The id; empty if the store has none yet.
    pub(crate) id: String,
    /// Every shard was marked with it.
    pub(crate) is_marked: bool,
}

impl MetaEntry {
    /// The entry in an answer to `HMGET meta id marked`.
    pub(crate) fn in_fields(fields: &[Value]) -> Option<Self> {
        let [id, marked] = fields else { return None };
        let text = |field| ::redis::from_redis_value_ref::<Option<String>>(field).ok().flatten().unwrap_or_default();
        Some(Self { id: text(id), is_marked: text(marked) == "1" })
    }
}

/// Everything that the servers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkEvidence {
    /// `None` if the server that holds it does not answer.
    pub(crate) meta: Option<MetaEntry>,
    /// The mark of each shard.
    pub(crate) marks: Vec<(Shard, StoreMark)>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MarkVerdict {
    /// The store is whole, as far as it is known.
    Whole(String),
    /// The store is new, was written by an older userd, or its marking was interrupted: its id, if it has one.
    Incomplete(Option<String>),
    /// Nothing can be said until the server that holds `meta` answers.
    Undecided,
    /// A part of the data is lost, or belongs to another store: what is wrong.
    Damaged(String),
}

impl MarkEvidence {
    /// Decides what the evidence means.
    pub(crate) fn verdict(&self) -> MarkVerdict {
        let ids: BTreeSet<&str> = self.ids().collect();
        let (missing, total) = (self.count(|mark| *mark == StoreMark::Missing), self.marks.len());
        let Some(meta) = &self.meta else {
            return match (ids.first(), ids.len(), missing) {
                (Some(id), 1, 0) => MarkVerdict::Whole((*id).to_owned()),
                (_, 0 | 1, _) => MarkVerdict::Undecided,
                _ => MarkVerdict::Damaged(format!("its shards belong to {} different stores", ids.len())),
            };
        };
        if meta.id.is_empty() {
            return match ids.first() {
                None => MarkVerdict::Incomplete(None),
                Some(id) => MarkVerdict::Damaged(format!(
                    "{} of {total} shards belong to the store {id}, and the server with the key meta has lost its data",
                    total - missing
                )),
            };
        }
        let others = self.count(|mark| matches!(mark, StoreMark::Id(id) if *id != meta.id));
        if others > 0 {
            return MarkVerdict::Damaged(format!(
                "{others} of {total} shards belong to another store than {}",
                meta.id
            ));
        }
        if meta.is_marked && missing > 0 {
            return MarkVerdict::Damaged(format!(
                "{missing} of {total} shards of the store {} have lost their data",
                meta.id
            ));
        }
        if meta.is_marked {
            return MarkVerdict::Whole(meta.id.clone());
        }
        MarkVerdict::Incomplete(Some(meta.id.clone()))
    }

    /// The shards that have no mark, or another one than the store's.
    pub(crate) fn damaged_shards(&self) -> BTreeSet<Shard> {
        let in_meta = self.meta.as_ref().map(|meta| meta.id.as_str()).filter(|id| !id.is_empty());
        let expected = in_meta.or_else(|| self.ids().next());
        let is_damaged = |mark: &StoreMark| match mark {
            StoreMark::Missing => true,
            StoreMark::Id(id) => Some(id.as_str()) != expected,
            StoreMark::Unknown => false,
        };
        self.marks.iter().filter(|(_, mark)| is_damaged(mark)).map(|(shard, _)| *shard).collect()
    }

    /// The ids in the marks.
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().filter_map(|(_, mark)| match mark {
            StoreMark::Id(id) => Some(id.as_str()),
            StoreMark::Missing | StoreMark::Unknown => None,
        })
    }

    fn count(&self, is: impl Fn(&StoreMark) -> bool) -> usize {
        self.marks.iter().filter(|(_, mark)| is(mark)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(meta: Option<(&str, bool)>, marks: &[&str]) -> MarkVerdict {
        let meta = meta.map(|(id, is_marked)| MetaEntry { id: id.to_owned(), is_marked });
        let mark = |text: &&str| match *text {
            "" => StoreMark::Missing,
            "?" => StoreMark::Unknown,
            id => StoreMark::Id(id.to_owned()),
        };
        MarkEvidence { meta, marks: Shard::all().zip(marks.iter().map(mark)).collect() }.verdict()
    }

    #[test]
    fn a_store_without_any_id_is_new_and_an_interrupted_marking_is_finished() {
        assert_eq!(evidence(Some(("", false)), &["", "", ""]), MarkVerdict::Incomplete(None));
        for marks in [["", "", ""], ["a", "", ""], ["a", "a", "a"], ["a", "?", ""]] {
            assert_eq!(evidence(Some(("a", false)), &marks), MarkVerdict::Incomplete(Some("a".to_owned())));
        }
    }

    #[test]
    fn a_marked_store_is_whole_while_no_server_says_otherwise() {
        for marks in [["a", "a", "a"], ["a", "?", "?"]] {
            assert_eq!(evidence(Some(("a", true)), &marks), MarkVerdict::Whole("a".to_owned()));
            assert_eq!(evidence(None, &marks), MarkVerdict::Whole("a".to_owned()));
        }
    }

    #[test]
    fn a_lost_or_foreign_shard_is_damage_and_so_is_a_lost_meta() {
        for (meta, marks, words) in [
            (Some(("a", true)), ["a", "", "a"], "1 of 3 shards of the store a have lost their data"),
            (Some(("a", true)), ["", "", ""], "3 of 3 shards of the store a have lost their data"),
            (Some(("a", true)), ["a", "b", "b"], "2 of 3 shards belong to another store than a"),
            (Some(("a", false)), ["a", "b", ""], "1 of 3 shards belong to another store than a"),
            (Some(("", false)), ["a", "a", ""], "2 of 3 shards belong to the store a"),
            (None, ["a", "b", "a"], "2 different stores"),
        ] {
            let verdict = evidence(meta, &marks);
            assert!(matches!(&verdict, MarkVerdict::Damaged(what) if what.contains(words)), "{words}: {verdict:?}");
        }
    }

    #[test]
    fn without_the_server_of_meta_a_missing_mark_decides_nothing() {
        for marks in [["", "", ""], ["a", "", ""], ["?", "?", "?"]] {
            assert_eq!(evidence(None, &marks), MarkVerdict::Undecided);
        }
    }
}

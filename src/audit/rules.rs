//! What is hashed, and how: leaves, Merkle trees, roots.

use sha2::{Digest, Sha256 as Hasher};
use uuid::Uuid;

use crate::kernel::{Sha256, Timestamp};

/// Bytes that a record takes in [`Batch::leaves`].
pub const LEAF_LENGTH: usize = 16;

/// One record as it is sealed. JSON is in the database's own text form, which is the same for the
/// same value.
#[derive(Debug, Clone)]
pub struct Record {
    pub transaction: i64,
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    pub on_behalf_of: Option<Uuid>,
    pub action: String,
    pub subject: String,
    pub tenant_id: Option<Uuid>,
    pub provider_id: Option<Uuid>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub reason: String,
    pub request_id: String,
}

impl Record {
    /// Its leaf: SHA-256 over a zero byte and every field, each with its length, so that no two
    /// records share an encoding.
    pub fn leaf(&self) -> Sha256 {
        let mut hasher = Hasher::new();
        hasher.update([0]);
        for number in [self.transaction, self.seq, self.at.timestamp_micros()] {
            hasher.update(number.to_be_bytes());
        }
        let texts = [&self.actor, &self.action, &self.subject, &self.reason, &self.request_id];
        for text in texts {
            update_optional(&mut hasher, Some(text.as_bytes()));
        }
        for id in [&self.on_behalf_of, &self.tenant_id, &self.provider_id] {
            update_optional(&mut hasher, id.as_ref().map(|id| id.as_bytes().as_slice()));
        }
        for json in [&self.before, &self.after] {
            update_optional(&mut hasher, json.as_ref().map(String::as_bytes));
        }
        Sha256(hasher.finalize().into())
    }
}

fn update_optional(hasher: &mut Hasher, bytes: Option<&[u8]>) {
    match bytes {
        None => hasher.update([0]),
        Some(bytes) => {
            hasher.update([1]);
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        }
    }
}

/// The records of one seal, taken one by one in memory that grows by sixteen bytes a record.
#[derive(Debug, Default)]
pub struct Batch {
    /// Of each record its seq and the beginning of its leaf: what the seal keeps to find a broken one.
    pub leaves: Vec<u8>,
    pub records: i64,
    /// Roots of the complete subtrees so far, from large to small, with their heights.
    subtrees: Vec<(u32, Sha256)>,
}

impl Batch {
    /// Takes the next record.
    pub fn push(&mut self, record: &Record) -> Sha256 {
        let leaf = record.leaf();
        self.leaves.extend(record.seq.to_be_bytes());
        self.leaves.extend(&leaf.0[..8]);
        self.records += 1;
        self.subtrees.push((0, leaf));
        while let [.., (left_height, left), (right_height, right)] = self.subtrees[..] {
            if left_height != right_height {
                break;
            }
            self.subtrees.truncate(self.subtrees.len() - 2);
            self.subtrees.push((left_height + 1, node(left, right)));
        }
        leaf
    }

    /// The root of the Merkle tree over the records taken, shaped as in RFC 6962.
    pub fn merkle_root(&self) -> Sha256 {
        let mut roots = self.subtrees.iter().rev().map(|(_, root)| *root);
        let last = roots.next().unwrap_or_else(|| Sha256::of(b""));
        roots.fold(last, |right, left| node(left, right))
    }
}

fn node(left: Sha256, right: Sha256) -> Sha256 {
    let mut hasher = Hasher::new();
    hasher.update([1]);
    hasher.update(left.0);
    hasher.update(right.0);
    Sha256(hasher.finalize().into())
}

/// One link of the chain.
#[derive(Debug, Clone)]
pub struct Seal {
    /// 1, 2, …
    pub number: i64,
    /// Covers the records with a transaction from this one …
    pub from: i64,
    /// … to before this one.
    pub until: i64,
    pub records: i64,
    pub root: Sha256,
    pub leaves: Vec<u8>,
    pub sealed_at: Timestamp,
}

impl Seal {
    /// The seal after `previous` over `batch`, which holds the records of `[from, until)`.
    pub fn new(previous: Option<&Seal>, until: i64, batch: Batch, sealed_at: Timestamp) -> Seal {
        let mut seal = Seal {
            number: previous.map_or(1, |seal| seal.number + 1),
            from: previous.map_or(0, |seal| seal.until),
            until,
            records: batch.records,
            root: Sha256([0; 32]),
            leaves: Vec::new(),
            sealed_at,
        };
        seal.root = seal.expected_root(previous.map(|seal| seal.root), &batch);
        seal.leaves = batch.leaves;
        seal
    }

    /// The root that follows from the root before and the records, all zeros standing before the first.
    pub fn expected_root(&self, previous: Option<Sha256>, batch: &Batch) -> Sha256 {
        let mut hasher = Hasher::new();
        hasher.update(b"leasehold audit seal 1\0");
        hasher.update(previous.map_or([0; 32], |root| root.0));
        hasher.update(batch.merkle_root().0);
        let sealed_us = self.sealed_at.timestamp_micros();
        for number in [self.number, self.from, self.until, batch.records, sealed_us] {
            hasher.update(number.to_be_bytes());
        }
        Sha256(hasher.finalize().into())
    }

    /// What the seal remembers of each record: its seq and the beginning of its leaf.
    pub fn remembered(&self) -> impl Iterator<Item = (i64, [u8; 8])> {
        self.leaves.chunks_exact(LEAF_LENGTH).map(|entry| {
            let (mut seq, mut leaf) = ([0; 8], [0; 8]);
            seq.copy_from_slice(&entry[..8]);
            leaf.copy_from_slice(&entry[8..]);
            (i64::from_be_bytes(seq), leaf)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn record(seq: i64) -> Record {
        Record {
            transaction: 700 + seq / 2,
            seq,
            at: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            actor: "user_1".into(),
            on_behalf_of: None,
            action: "lease.booked".into(),
            subject: "lease_1".into(),
            tenant_id: Some(Uuid::from_u128(1)),
            provider_id: None,
            before: None,
            after: Some("{}".into()),
            reason: String::new(),
            request_id: "req_1".into(),
        }
    }

    /// The definition of RFC 6962, section 2.1, by recursion.
    fn by_definition(leaves: &[Sha256]) -> Sha256 {
        match leaves {
            [] => Sha256::of(b""),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(by_definition(left), by_definition(right))
            }
        }
    }

    proptest! {
        #[test]
        fn the_tree_is_the_one_of_the_definition(count in 0i64..200) {
            let mut batch = Batch::default();
            let leaves: Vec<_> = (0..count).map(|seq| batch.push(&record(seq))).collect();
            prop_assert_eq!(batch.merkle_root(), by_definition(&leaves));
            prop_assert_eq!(batch.leaves.len(), leaves.len() * LEAF_LENGTH);
        }
    }

    #[test]
    fn every_field_changes_the_leaf() {
        let changes: [fn(&mut Record); 13] = [
            |record| record.transaction += 1,
            |record| record.seq += 1,
            |record| record.at += chrono::TimeDelta::microseconds(1),
            |record| record.actor.push('2'),
            |record| record.on_behalf_of = record.tenant_id,
            |record| record.action.push('2'),
            |record| record.subject.push('2'),
            |record| record.tenant_id = None,
            |record| record.provider_id = record.tenant_id,
            |record| record.before = record.after.clone(),
            |record| record.after = None,
            |record| record.reason.push('2'),
            |record| record.request_id.push('2'),
        ];
        let mut leaves = vec![record(1).leaf()];
        for change in changes {
            let mut changed = record(1);
            change(&mut changed);
            leaves.push(changed.leaf());
        }
        let different: std::collections::BTreeSet<_> = leaves.iter().collect();
        assert_eq!(different.len(), 14);
    }

    #[test]
    fn text_that_moves_between_fields_changes_the_leaf() {
        let moved =
            Record { action: "lease.bookedl".into(), subject: "ease_1".into(), ..record(1) };
        assert_ne!(moved.leaf(), record(1).leaf());
    }

    #[test]
    fn a_root_depends_on_the_one_before() {
        let at = record(1).at;
        let batch = || {
            let mut batch = Batch::default();
            batch.push(&record(1));
            batch
        };
        let first = Seal::new(None, 701, batch(), at);
        let second = Seal::new(Some(&first), 702, batch(), at);
        let other = Seal { root: Sha256([1; 32]), ..first.clone() };
        assert_eq!((second.number, second.from, second.until), (2, 701, 702));
        assert_ne!(second.root, Seal::new(Some(&other), 702, batch(), at).root);
    }
}

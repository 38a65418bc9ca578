//! What orders need to have to themselves, and which of them have to wait for each other. Pure.

use std::collections::HashMap;

use uuid::Uuid;

use crate::kernel::{OfferId, OrganizationId, PoolId};

/// What one batch has to itself while it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// A plane.
    Pool(PoolId),
    /// The planes behind an offer of which nothing is known yet.
    Offer(OfferId),
    /// The quota book of a tenant that has one.
    Book(OrganizationId),
    /// A caller's idempotency key.
    Key(Uuid, String),
}

impl Need {
    /// The pool, if that is what is needed.
    pub fn pool(&self) -> Option<PoolId> {
        match self {
            Need::Pool(pool) => Some(*pool),
            _ => None,
        }
    }
}

/// Sorts `items` into sets such that items of different sets need nothing in common. Sets, and the items of
/// each, stay in the order in which they came.
pub fn connected<T>(items: Vec<T>, needs: impl Fn(&T) -> Vec<Need>) -> Vec<Vec<T>> {
    let mut first: HashMap<Need, usize> = HashMap::new();
    // For each item one that belongs to the same set and came no later; itself for the first of a set.
    let mut leader: Vec<usize> = Vec::with_capacity(items.len());
    fn lead(leader: &[usize], mut item: usize) -> usize {
        while leader[item] != item {
            item = leader[item];
        }
        item
    }
    for (item, needed) in items.iter().map(&needs).enumerate() {
        leader.push(item);
        for need in needed {
            let other = *first.entry(need).or_insert(item);
            let (one, other) = (lead(&leader, item), lead(&leader, other));
            leader[one.max(other)] = one.min(other);
        }
    }
    let mut sets: Vec<(usize, Vec<T>)> = Vec::new();
    for (item, value) in items.into_iter().enumerate() {
        let of = lead(&leader, item);
        match sets.iter_mut().find(|(leader, _)| *leader == of) {
            Some((_, set)) => set.push(value),
            None => sets.push((of, vec![value])),
        }
    }
    sets.into_iter().map(|(_, set)| set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool(number: u8) -> Need {
        Need::Pool(PoolId(Uuid::from_u128(number.into())))
    }

    fn sets(items: &[&[u8]]) -> Vec<Vec<Vec<u8>>> {
        let items = items.iter().map(|item| item.to_vec()).collect();
        connected(items, |item: &Vec<u8>| item.iter().copied().map(pool).collect())
    }

    #[test]
    fn orders_of_the_same_pool_stay_together() {
        assert_eq!(sets(&[&[1], &[2], &[1]]), [vec![vec![1], vec![1]], vec![vec![2]]]);
    }

    #[test]
    fn an_order_of_two_pools_joins_them() {
        assert_eq!(
            sets(&[&[1], &[2], &[3], &[2, 1]]),
            [vec![vec![1], vec![2], vec![2, 1]], vec![vec![3]]]
        );
    }

    proptest! {
        #[test]
        fn sets_need_nothing_in_common_and_cannot_be_split(
            items in prop::collection::vec(prop::collection::vec(0_u8..12, 1..4), 0..12)
        ) {
            let needs = |item: &Vec<u8>| item.iter().copied().map(pool).collect();
            let found = connected(items.clone(), needs);
            let mut all: Vec<Vec<u8>> = found.concat();
            let mut wanted = items;
            all.sort();
            wanted.sort();
            prop_assert_eq!(all, wanted);
            let used = |set: &[Vec<u8>]| set.concat().into_iter().collect::<std::collections::HashSet<u8>>();
            for (number, set) in found.iter().enumerate() {
                for other in &found[number + 1..] {
                    prop_assert!(used(set).is_disjoint(&used(other)));
                }
                // Grown from its first item, a set reaches all of its items.
                let mut reached = used(&set[..1]);
                for _ in set {
                    for item in set {
                        if item.iter().any(|pool| reached.contains(pool)) {
                            reached.extend(item);
                        }
                    }
                }
                prop_assert_eq!(reached, used(set));
            }
        }
    }
}

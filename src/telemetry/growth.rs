//! Counts that only grow, of things that come and go.

use std::collections::BTreeMap;

/// The sum of the counts of several things, each of which may begin anew, appear or go away, while the sum goes on.
#[derive(Debug, Default)]
pub(super) struct Growth<K> {
    total: u64,
    seen: BTreeMap<K, u64>,
}

impl<K: Ord> Growth<K> {
    /// Takes in what a thing counts now. What is counted by something that was not there before is new, and so is all that one
    /// counts which began anew.
    pub(super) fn count(&mut self, thing: K, now: u64) {
        let before = self.seen.insert(thing, now).unwrap_or(0);
        self.total += if now < before { now } else { now - before };
    }

    /// Forgets a thing: one that comes back under its name counts from 0.
    pub(super) fn forget(&mut self, thing: &K) {
        self.seen.remove(thing);
    }

    /// What all have counted.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

//! The arrivals of an answer while they come in.

use std::hint::black_box;

use crate::record::ChunkTimes;

/// How many are gathered.
const RECENT: usize = 8;

/// Arrivals of output events. The last few stand beside the rest of what every read changes: thousands of streams have more
/// to remember than caches hold, and each arrival written straight to the end of its list would wait for memory twice.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Arrivals {
    held: usize,
    recent: [(u64, u32); RECENT],
    before: ChunkTimes,
}

impl Arrivals {
    /// Adds an event that arrived within so many nanoseconds before `at_ns`.
    pub(super) fn push(&mut self, at_ns: u64, width_ns: u32) {
        if self.held == RECENT {
            self.put_down();
        }
        self.recent[self.held] = (at_ns, width_ns);
        self.held += 1;
    }

    /// Looks at what the next event changes, so that it is there by then.
    pub(super) fn fetch(&self) {
        black_box(self.recent[self.held % RECENT]);
    }

    fn put_down(&mut self) {
        for (at_ns, width_ns) in &self.recent[..std::mem::take(&mut self.held)] {
            self.before.push(*at_ns, *width_ns);
        }
    }

    /// Notes that the last event arrived at its very time.
    pub(super) fn last_is_exact(&mut self) {
        if let Some((_, width_ns)) = self.recent[..self.held].last_mut() {
            *width_ns = 0;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.before.len() + self.held
    }

    /// Whether there are none: the last of them is always a recent one.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// The first of them.
    pub(super) fn first_ns(&self) -> Option<u64> {
        let recent = || self.recent[..self.held].first().map(|(at_ns, _)| *at_ns);
        self.before.at_ns.first().copied().or_else(recent)
    }

    /// The last of them.
    pub(super) fn last_ns(&self) -> Option<u64> {
        self.recent[..self.held].last().map(|(at_ns, _)| *at_ns)
    }
}

impl From<Arrivals> for ChunkTimes {
    fn from(mut arrivals: Arrivals) -> Self {
        arrivals.put_down();
        arrivals.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_list() {
        for n in 0..30 {
            let (mut arrivals, mut list) = (Arrivals::default(), ChunkTimes::default());
            assert!(arrivals.is_empty() && arrivals.last_ns().is_none());
            for at in 0..n {
                for (at_ns, width_ns) in [(at * 2, 7), (at * 2 + 1, 8)] {
                    arrivals.push(at_ns, width_ns);
                    list.push(at_ns, width_ns);
                }
                arrivals.last_is_exact();
                list.last_is_exact();
                assert_eq!(
                    (arrivals.len(), arrivals.first_ns(), arrivals.last_ns(), arrivals.is_empty()),
                    (list.len(), list.at_ns.first().copied(), list.at_ns.last().copied(), false)
                );
            }
            assert_eq!(ChunkTimes::from(arrivals), list);
        }
    }
}

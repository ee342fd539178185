//! The last stretch of time in slots of equal length.

use std::collections::VecDeque;

/// Slots of a window, which moves on by one of them.
const SLOTS: u64 = 10;

/// What happened in a window, by slots; slots in which nothing did are not there.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slot_ns: u64,
    slots: VecDeque<(u64, T)>,
}

impl<T> Ring<T> {
    pub(super) fn new(window_ns: u64) -> Self {
        Self { slot_ns: (window_ns / SLOTS).max(1), slots: VecDeque::new() }
    }

    /// The slot of a moment, made where it is not there; `None` where it is over for all of the window.
    pub(super) fn at(&mut self, at_ns: u64, make: impl FnOnce() -> T) -> Option<&mut T> {
        let number = at_ns / self.slot_ns;
        let place = match self.slots.back() {
            Some((last, _)) if number > *last => self.slots.len(),
            Some((last, _)) if number + SLOTS <= *last => return None,
            _ => self.slots.partition_point(|(other, _)| *other < number),
        };
        if self.slots.get(place).is_none_or(|(other, _)| *other != number) {
            self.slots.insert(place, (number, make()));
        }
        self.slots.get_mut(place).map(|(_, slot)| slot)
    }

    /// When the window begins that ends at a moment.
    pub(super) fn begins_ns(&self, now_ns: u64) -> u64 {
        (now_ns / self.slot_ns + 1).saturating_sub(SLOTS) * self.slot_ns
    }

    /// Whether the window that ends at a moment lies behind another one for all of its length.
    pub(super) fn is_behind(&self, since_ns: u64, now_ns: u64) -> bool {
        now_ns / self.slot_ns + 1 >= SLOTS && since_ns <= self.begins_ns(now_ns)
    }

    /// Takes out the oldest slot, where it is no part of the window any more that ends at a moment.
    pub(super) fn expire(&mut self, now_ns: u64) -> Option<T> {
        let first = self.begins_ns(now_ns) / self.slot_ns;
        let over = self.slots.front().is_some_and(|(number, _)| *number < first);
        if over { self.slots.pop_front().map(|(_, slot)| slot) } else { None }
    }

    /// What is there, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().map(|(_, slot)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_made_and_forgotten() {
        let mut ring: Ring<u32> = Ring::new(1_000);
        for at_ns in [0, 50, 250, 120, 990] {
            *ring.at(at_ns, || 0).expect("within the window") += 1;
        }
        assert_eq!(ring.iter().copied().collect::<Vec<_>>(), [2, 1, 1, 1]);
        assert_eq!(ring.expire(999), None);
        assert_eq!(ring.begins_ns(1_000), 100);
        assert_eq!((ring.expire(1_000), ring.expire(1_000)), (Some(2), None));
        assert_eq!(*ring.at(2_000, || 7).expect("now"), 7);
        assert!(ring.at(1_000, || 0).is_none(), "a window ago");
    }
}

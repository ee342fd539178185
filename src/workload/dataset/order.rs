//! Which row comes when.

use rand::RngExt;

use super::super::rng;

/// Sequence numbers set aside for a step whose requests cannot be counted before the run.
pub const UNCOUNTED_BLOCK: u64 = 1_000_000_000;

/// 2⁶⁴ divided by the square of the golden ratio, 38 %: its multiples spread as evenly as those of any number.
const GOLDEN: u64 = 0x61C8_8646_80B5_83EB;

/// Rounds of the network: from four on, with round functions that are random, nobody could tell it from a random permutation
/// (Luby and Rackoff, 1988).
const ROUNDS: usize = 6;

/// How far prompt `place` of request `seq`, of `size` each, has come through the rows: in a step, one after the other.
///
/// Steps that nobody can count begin each at a multiple of [`UNCOUNTED_BLOCK`], and would all begin at the same row of most
/// files. So they are sent apart, by the golden ratio, and a warm-up is not the rehearsal of what is measured: that one has the
/// larger part of the rows before it comes to those of the warm-up.
pub fn position(seq: u64, place: u32, size: u32, rows: u64) -> u64 {
    if rows == 0 {
        return 0;
    }
    let (block, within) = (seq / UNCOUNTED_BLOCK, seq % UNCOUNTED_BLOCK);
    let turn = u128::from(block.wrapping_mul(GOLDEN));
    let start = (turn * u128::from(rows)) >> 64;
    let index = start + u128::from(within) * u128::from(size) + u128::from(place);
    (index % u128::from(rows)) as u64
}

/// A permutation of `0..rows`, by a key: a Feistel network over the smallest power of four that has them all, walked until it
/// comes to one of them (Black and Rogaway, 2002). It needs no memory, and fewer than four steps on average.
#[derive(Debug, Clone)]
pub(super) struct Permutation {
    rows: u64,
    /// Bits of half a number.
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// That of a workload by its name.
    pub(super) fn new(rows: u64, seed: u64, name: &str) -> Self {
        let bits = u64::BITS - rows.saturating_sub(1).leading_zeros();
        let mut keys = rng(seed, &format!("order of rows of {name}"), 0);
        Self { rows, half: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| keys.random()) }
    }

    /// Where it sends a number below that of the rows.
    pub(super) fn at(&self, index: u64) -> u64 {
        debug_assert!(index < self.rows);
        let mut index = index;
        loop {
            index = self.shuffle(index);
            if index < self.rows {
                return index;
            }
        }
    }

    fn shuffle(&self, index: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (index >> self.half, index & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, 2014): every bit of the input decides about every bit of the output.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_comes_once() {
        for rows in [1, 2, 3, 4, 5, 63, 64, 65, 1000] {
            let permutation = Permutation::new(rows, 42, "chat");
            let all: HashSet<u64> = (0..rows).map(|index| permutation.at(index)).collect();
            assert_eq!(all.len() as u64, rows);
            assert!(all.iter().all(|row| *row < rows), "{rows}");
        }
        // the largest there can be
        assert!(Permutation::new(u64::MAX, 42, "chat").at(u64::MAX - 1) < u64::MAX);
    }

    #[test]
    fn seed_and_name_decide() {
        let first = |seed, name| {
            let permutation = Permutation::new(1000, seed, name);
            (0..20).map(|index| permutation.at(index)).collect::<Vec<_>>()
        };
        // for ever: another order is another experiment
        assert_eq!(first(42, "chat")[..6], [98, 515, 736, 495, 153, 626]);
        assert_ne!(first(42, "chat"), first(43, "chat"));
        assert_ne!(first(42, "chat"), first(42, "code"));
    }

    #[test]
    fn neighbours_come_apart() {
        let permutation = Permutation::new(10_000, 7, "chat");
        let rows: Vec<u64> = (0..10_000).map(|index| permutation.at(index)).collect();
        let near = rows.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) < 10).count();
        // at random 20 of 10,000
        assert!(near < 60, "{near}");
        let in_place = rows.iter().zip(0..).filter(|(row, index)| **row == *index).count();
        assert!(in_place < 10, "{in_place}");
    }

    #[test]
    fn steps_go_on_where_the_one_before_ended() {
        for (seq, place, size, rows, expected) in [
            (0, 0, 1, 10, 0),
            (9, 0, 1, 10, 9),
            (10, 0, 1, 10, 0),
            (3, 1, 4, 100, 13),
            // a step that nobody could count, then what follows it
            (UNCOUNTED_BLOCK, 0, 1, 1000, 381),
            (UNCOUNTED_BLOCK + 5, 0, 1, 1000, 386),
            (2 * UNCOUNTED_BLOCK, 0, 1, 1000, 763),
            (u64::MAX, u32::MAX, u32::MAX, 1, 0),
            (5, 0, 1, 0, 0),
        ] {
            assert_eq!(position(seq, place, size, rows), expected, "{seq} {place} {size} {rows}");
        }
    }
}

//! Where a binary sequence that began with ones comes back to zeros.

/// What a surplus of ones, or of zeros, has to be to show anything: with the `p` of [`excess`] it makes odds of 361 to 1.
const SHOWS: i64 = 2;

/// The ones at the beginning of a sequence of ones and zeros, and what shows that they are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// How many of the first values belong to it; 0 where there is none.
    pub length: usize,
    /// By how many the zeros behind it are more than the ones.
    pub shown_by: i64,
}

impl Excess {
    /// Whether what follows shows that it is over.
    pub fn is_over(self) -> bool {
        self.shown_by >= SHOWS
    }
}

/// The most likely place at which a sequence changes from one to zero as its usual value: the prefix in which ones outnumber zeros by
/// most, the longest of several. One of them alone is none: the usual zeros have a one now and then.
///
/// For values that are one with probability `p` before the change and `1 − p` behind it, every one multiplies the likelihood of a
/// change behind it by `p / (1 − p)` and every zero divides it by as much, so the place does not depend on `p`, and what comes long
/// after it does not move it: D. V. Hinkley and E. A. Hinkley, *Inference about the change-point in a sequence of binomial variables*,
/// Biometrika 57 (1970). It is taken to be 0.95.
pub fn excess(ones: impl IntoIterator<Item = bool>) -> Excess {
    let (mut surplus, mut most) = (0_i64, 0_i64);
    let mut length = 0;
    for (place, one) in ones.into_iter().enumerate() {
        surplus += if one { 1 } else { -1 };
        if surplus >= most.max(1) {
            (most, length) = (surplus, place + 1);
        }
    }
    if most < SHOWS {
        return Excess { length: 0, shown_by: -surplus };
    }
    Excess { length, shown_by: most - surplus }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn of(text: &str) -> Excess {
        excess(text.bytes().map(|byte| byte == b'1'))
    }

    #[test]
    fn ones_are_over_where_zeros_take_over() {
        for (text, length, shown_by) in [
            ("", 0, 0),
            ("0000", 0, 4),
            ("1111", 4, 0),
            ("11110000", 4, 4),
            ("1101110000", 6, 4),
            // a busy moment long after it is another one
            ("111000000000111000", 3, 9),
            // one alone shows nothing
            ("1000", 0, 2),
            ("0100", 0, 2),
            ("1010", 0, 0),
            ("1", 0, -1),
            // of two places the later one
            ("11011000", 5, 3),
            ("1011000", 4, 3),
            ("0111000", 4, 3),
            ("111110", 5, 1),
        ] {
            assert_eq!(of(text), Excess { length, shown_by }, "{text}");
        }
        for (text, over) in
            [("1100", true), ("110", false), ("11", false), ("00", true), ("0", false), ("", false)]
        {
            assert_eq!(of(text).is_over(), over, "{text}");
        }
    }

    #[test]
    fn the_place_is_found_in_noise() {
        const RUNS: u64 = 500;
        let near = (0..RUNS).filter(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(*seed);
            let change = 40 + (*seed as usize % 60);
            let found =
                excess((0..200).map(|place| rng.random_bool(if place < change { 0.95 } else { 0.05 })));
            found.is_over() && found.length.abs_diff(change) <= 2
        });
        let near = near.count() as u64;
        assert!(near >= RUNS * 97 / 100, "{near}");
    }

    #[test]
    fn what_is_no_excess_is_hardly_ever_taken_for_one() {
        const RUNS: u64 = 2_000;
        let longest = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            excess((0..200).map(|_| rng.random_bool(0.05))).length
        };
        let lengths: Vec<usize> = (0..RUNS).map(longest).collect();
        // a walk that goes up with a chance of 1/20 ever gets two above its start with one of 1/361
        let taken = lengths.iter().filter(|length| **length > 0).count() as u64;
        assert!(taken <= RUNS / 100, "{taken}");
    }
}

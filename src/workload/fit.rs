//! Texts that are written by an estimate of their length, until a tokenizer counts what is wanted.

use super::counter::Counter;

/// Texts that are written at most. The first is nearly always right, and the second where it was not.
const TRIES: usize = 4;

/// Writes a text of so many tokens, or as near to that as a few tries come: `write` makes one by a number that a token more or
/// less of is about a token of the text, beginning with `budget`, and for the same number always the same.
pub(super) fn fit(counter: &Counter, wanted: u32, budget: u32, write: impl Fn(u32) -> String) -> String {
    let mut budget = budget;
    let mut best = write(budget);
    let mut short = missing(counter, wanted, &best);
    let mut least = short.unsigned_abs();
    for _ in 1..TRIES {
        let next = i64::from(budget).saturating_add(short).clamp(0, u32::MAX.into()) as u32;
        if next == budget {
            break;
        }
        budget = next;
        let text = write(budget);
        short = missing(counter, wanted, &text);
        if short.unsigned_abs() < least {
            (least, best) = (short.unsigned_abs(), text);
        }
    }
    best
}

/// Tokens that a text lacks, or has too many where they are below 0.
pub(super) fn missing(counter: &Counter, wanted: u32, text: &str) -> i64 {
    i64::from(wanted) - i64::from(counter.count(text))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_text_is_written_again_until_it_is_as_long_as_wanted() {
        let written = Cell::new(0);
        let words = |count: u32| {
            written.set(written.get() + 1);
            "word ".repeat(count as usize)
        };
        for (wanted, budget, tokens, tries) in
            [(10, 10, 10, 1), (10, 7, 10, 2), (10, 30, 10, 2), (0, 3, 0, 2), (0, 0, 0, 1)]
        {
            written.set(0);
            let text = fit(&Counter::Estimate, wanted, budget, words);
            assert_eq!(Counter::Estimate.count(&text), tokens, "{wanted} from {budget}");
            assert_eq!(written.get(), tries, "{wanted} from {budget}");
        }
        // what cannot be shorter is as short as it can be
        let long = |count: u32| words(count.max(5));
        written.set(0);
        assert_eq!(Counter::Estimate.count(&fit(&Counter::Estimate, 2, 2, long)), 5);
        assert_eq!(written.get(), 2);
        // steps of three come as near as they can, and it ends
        let steps = |count: u32| words(count / 3 * 3);
        written.set(0);
        assert!(Counter::Estimate.count(&fit(&Counter::Estimate, 10, 10, steps)).abs_diff(10) <= 2);
        assert!(written.get() <= TRIES);
    }
}

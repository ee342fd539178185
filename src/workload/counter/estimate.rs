//! The length of a text in tokens, without a tokenizer.

/// Letters of a run that count as one token: the made-up text has no longer word, and byte-pair vocabularies have
/// most common words up to there.
const LETTERS_PER_TOKEN: u32 = 10;

/// Digits that count as one token: current vocabularies split numbers into groups of three.
const DIGITS_PER_TOKEN: u32 = 3;

/// The length of a text in tokens where no tokenizer is given.
///
/// The rule: a run of ASCII letters counts one token per 10 letters begun, a run of ASCII digits one per 3 begun,
/// every other visible character one; white space is free, since vocabularies join it to the next word. English
/// prose comes within about 10 % of byte-pair tokenizers; other scripts and code are further off.
pub fn estimate_tokens(text: &str) -> u32 {
    beginnings(text).count() as u32
}

/// The beginning of a text that has so many tokens, by the same rule; all of one that has no more.
pub(in super::super) fn first_tokens(text: &str, tokens: u32) -> &str {
    let end = beginnings(text).nth(tokens as usize).unwrap_or(text.len());
    text[..end].trim_end()
}

/// Where tokens begin.
fn beginnings(text: &str) -> impl Iterator<Item = usize> {
    let (mut letters, mut digits) = (0_u32, 0_u32);
    text.char_indices().filter_map(move |(at, c)| {
        letters = if c.is_ascii_alphabetic() { letters + 1 } else { 0 };
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        let begins = match (letters, digits) {
            (0, 0) => !c.is_whitespace(),
            (0, n) => n % DIGITS_PER_TOKEN == 1,
            (n, _) => n % LETTERS_PER_TOKEN == 1,
        };
        begins.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        for (text, tokens) in [
            ("", 0),
            ("  \n", 0),
            ("river", 1),
            ("The old river.", 4),
            ("Yes, no", 3),
            ("abcdefghij", 1),
            ("abcdefghijk", 2),
            ("2026", 2),
            ("a1b22", 4),
            ("don't", 3),
            ("été", 3),
            ("日本", 2),
        ] {
            assert_eq!(estimate_tokens(text), tokens, "{text:?}");
        }
    }

    #[test]
    fn beginnings_of_texts() {
        for (text, tokens, expected) in [
            ("The old river.", 0, ""),
            ("The old river.", 1, "The"),
            ("The old river.", 3, "The old river"),
            ("The old river.", 4, "The old river."),
            ("The old river.", 5, "The old river."),
            ("Yes, no", 2, "Yes,"),
            ("", 1, ""),
        ] {
            assert_eq!(first_tokens(text, tokens), expected, "{tokens} of {text:?}");
            assert_eq!(estimate_tokens(expected), tokens.min(estimate_tokens(text)));
        }
    }
}

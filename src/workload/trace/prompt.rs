//! The prompts of a trace: those that were kept, those of its blocks, or made-up ones of the same length.

use super::{
    super::{
        Prompt,
        counter::{Counter, first_tokens},
        dataset::{DatasetError, position},
        prose::{Unit, write_sentences, write_title},
        rng, synthetic,
    },
    BLOCK_TOKENS,
    requests::Requests,
};

/// What the text of a row is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Texts {
    /// Nothing is known of it.
    None,
    /// Blocks of [`BLOCK_TOKENS`] with these ids, the last of them cut to the length.
    Blocks(Vec<u64>),
    /// This is it.
    Kept(String),
}

/// Prompt `place` of request `seq`, of `size`: that of a row, where it is said which. Otherwise rows come one after the other.
pub(in super::super) fn prompt(
    requests: &Requests,
    counter: &Counter,
    name: &str,
    seed: u64,
    (seq, row): (u64, Option<u64>),
    (place, size): (u32, u32),
) -> Result<Prompt, DatasetError> {
    let number = row.unwrap_or_else(|| position(seq, place, size, requests.len()));
    let (row, texts) = requests.row(number)?;
    let text = match texts {
        Texts::Kept(text) => text,
        Texts::Blocks(ids) => of_blocks(seed, &ids, row.input),
        Texts::None => synthetic::of_length(counter, name, seed, (seq, place), row.input),
    };
    Ok(Prompt { text, output_tokens: row.output })
}

/// Blocks, by the estimate, that follow from the seed and their ids alone, so that prompts share what they shared when they were recorded.
fn of_blocks(seed: u64, ids: &[u64], length: u32) -> String {
    let mut text = String::new();
    let mut left = length;
    for id in ids {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(first_tokens(&block(seed, *id), left));
        left = left.saturating_sub(BLOCK_TOKENS);
    }
    text
}

/// A block begins with a title that spells its id, so that no two are the same.
fn block(seed: u64, id: u64) -> String {
    let mut text = String::new();
    let title = write_title(&mut text, id, Unit::Tokens);
    let mut own = rng(seed, "block of a trace", id);
    write_sentences(&mut text, BLOCK_TOKENS - title, Unit::Tokens, &mut own);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::estimate_tokens;

    #[test]
    fn blocks_are_their_ids() {
        for id in [0, 1, 255, 256, u64::MAX] {
            assert_eq!(estimate_tokens(&block(42, id)), BLOCK_TOKENS, "{id}");
        }
        assert_ne!(block(42, 1), block(42, 2));
        assert_ne!(block(42, 1), block(43, 1));
        // for ever: another text is another experiment
        assert!(
            block(42, 300)
                .starts_with("Business actor. Each broad lion missed every cloth over some large hour.")
        );
    }

    #[test]
    fn prompts_share_the_blocks_that_they_have_in_common() {
        let (one, other) = (of_blocks(42, &[7, 8, 9], 1100), of_blocks(42, &[7, 8, 10], 1500));
        let shared = format!("{} {}", block(42, 7), block(42, 8));
        assert!(one.starts_with(&shared) && other.starts_with(&shared));
        assert_eq!((estimate_tokens(&one), estimate_tokens(&other)), (1100, 1500));
        // a cut block is the beginning of the whole one
        let last = one.strip_prefix(&shared).map(str::trim_start).expect("it begins so");
        assert!(block(42, 9).starts_with(last) && estimate_tokens(last) == 1100 - 1024);
        assert_eq!(estimate_tokens(&of_blocks(42, &[7], 1)), 1);
    }
}

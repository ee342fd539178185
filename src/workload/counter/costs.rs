//! How many tokens the words of made-up prose have.

use std::collections::HashMap;

use super::super::words::{ADJECTIVES, ADVERBS, CONJUNCTIONS, DETERMINERS, NOUNS, PREPOSITIONS, VERBS};

/// How many tokens each word of the prose has within a text.
#[derive(Debug)]
pub(in super::super) struct Costs {
    /// As it is, and with a capital.
    words: HashMap<&'static str, [u32; 2]>,
    /// Of a comma or a full stop.
    pub(in super::super) mark: u32,
}

impl Costs {
    /// By what counts the tokens of a text.
    pub(super) fn by(count: impl Fn(&str) -> u32) -> Self {
        // behind a word, since the first of a text may be another token
        const BEFORE: &str = "the";
        let before = count(BEFORE);
        let more = |text: &str| count(&format!("{BEFORE}{text}")).saturating_sub(before).max(1);
        let lists: [&[&str]; 7] =
            [&NOUNS, &VERBS, &ADJECTIVES, &ADVERBS, &PREPOSITIONS, &DETERMINERS, &CONJUNCTIONS];
        let of = |word: &'static str| {
            let (first, others) = word.split_at(1);
            (word, [more(&format!(" {word}")), more(&format!(" {}{others}", first.to_ascii_uppercase()))])
        };
        Self { words: lists.concat().into_iter().map(of).collect(), mark: more(".") }
    }

    /// Of a word, with a capital or without.
    pub(in super::super) fn word(&self, word: &str, capital: bool) -> u32 {
        self.words.get(word).map_or(1, |costs| costs[usize::from(capital)])
    }
}

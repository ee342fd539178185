//! Made-up prose of an exact length.

use rand::{Rng, RngExt};

use super::{
    counter::Costs,
    words::{ADJECTIVES, ADVERBS, CONJUNCTIONS, DETERMINERS, NOUNS, PREPOSITIONS, VERBS},
};

/// What a length counts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit<'a> {
    /// Words and marks of punctuation, one token each.
    Tokens,
    /// Words.
    Words,
    /// Tokens of a tokenizer: exactly so many as long as those of a word do not depend on the words around it.
    Counted(&'a Costs),
}

impl Unit<'_> {
    fn word(self, word: &str, capital: bool) -> u32 {
        match self {
            Self::Tokens | Self::Words => 1,
            Self::Counted(costs) => costs.word(word, capital),
        }
    }

    /// Of a comma or a full stop.
    fn mark(self) -> u32 {
        match self {
            Self::Tokens => 1,
            Self::Words => 0,
            Self::Counted(costs) => costs.mark,
        }
    }
}

/// A place in a sentence.
#[derive(Debug, Clone, Copy)]
enum Slot {
    The,
    Noun,
    Verb,
    Like,
    How,
    Where,
    Join,
    Comma,
    Stop,
}
use Slot::{Comma, How, Join, Like, Noun, Stop, The, Verb, Where};

/// The shapes of sentences, 6 to 18 words, each as likely as the next.
const SENTENCES: [&[Slot]; 8] = [
    &[The, Noun, Verb, The, Like, Noun, Stop],
    &[The, Like, Noun, How, Verb, The, Noun, Stop],
    &[The, Noun, Where, The, Noun, Verb, The, Like, Noun, Stop],
    &[The, Like, Noun, Verb, The, Noun, Where, The, Like, Noun, Stop],
    &[Where, The, Noun, Comma, The, Noun, Verb, The, Noun, Stop],
    &[The, Noun, Verb, The, Noun, Comma, Join, The, Noun, How, Verb, The, Like, Noun, Stop],
    &[The, Like, Noun, Verb, The, Noun, Join, The, Like, Noun, Verb, The, Noun, Stop],
    &[
        Where, The, Like, Noun, Comma, The, Noun, Verb, The, Noun, Where, The, Noun, Join, The, Noun, Verb,
        The, Noun, Stop,
    ],
];

impl Slot {
    /// The words for it, or its mark of punctuation.
    fn words(self) -> &'static [&'static str] {
        match self {
            The => &DETERMINERS,
            Noun => &NOUNS,
            Verb => &VERBS,
            Like => &ADJECTIVES,
            How => &ADVERBS,
            Where => &PREPOSITIONS,
            Join => &CONJUNCTIONS,
            Comma => &[","],
            Stop => &["."],
        }
    }

    fn is_word(self) -> bool {
        !matches!(self, Comma | Stop)
    }
}

/// A word of a list that is no longer than this, each as likely as the next where all of them are short enough.
fn draw_word(
    list: &'static [&'static str],
    capital: bool,
    left: u32,
    unit: Unit<'_>,
    rng: &mut impl Rng,
) -> Option<(&'static str, u32)> {
    let drawn = rng.random_range(0..list.len());
    let (before, from) = list.split_at(drawn);
    let mut costs = from.iter().chain(before).map(|word| (*word, unit.word(word, capital)));
    costs.find(|(_, cost)| *cost <= left)
}

/// Writes a title that spells a number, least significant digit first: one noun a digit, closed by a full stop.
/// Returns its length.
///
/// Two numbers never have the same title, and no title begins another, since none has a full stop inside: texts that
/// begin with different titles differ.
pub(super) fn write_title(text: &mut String, mut number: u64, unit: Unit<'_>) -> u32 {
    let base = NOUNS.len() as u64;
    let (mut length, mut starts) = (unit.mark(), true);
    loop {
        let noun = NOUNS[(number % base) as usize];
        push_word(text, noun, starts);
        length += unit.word(noun, starts);
        starts = false;
        number /= base;
        if number == 0 {
            break;
        }
    }
    text.push('.');
    length
}

/// Writes sentences of this length together; the last one ends where the length does. Where words have several tokens, the last
/// of them may be left.
pub(super) fn write_sentences(text: &mut String, length: u32, unit: Unit<'_>, rng: &mut impl Rng) {
    let mut left = length;
    let mut rest: &[Slot] = &[];
    let mut after_word = false;
    while left > 0 {
        let starts = rest.is_empty();
        if starts {
            rest = SENTENCES[rng.random_range(0..SENTENCES.len())];
        }
        let [slot, tail @ ..] = rest else { break };
        // a last token behind a word closes the sentence, wherever it was
        if slot.is_word() && !(after_word && left <= unit.mark()) {
            let Some((word, cost)) = draw_word(slot.words(), starts, left, unit, rng) else { break };
            push_word(text, word, starts);
            left -= cost;
            after_word = true;
        } else {
            text.push(if matches!(slot, Comma) && left > unit.mark() { ',' } else { '.' });
            left = left.saturating_sub(unit.mark());
            after_word = false;
        }
        rest = tail;
    }
    if after_word && left >= unit.mark() {
        text.push('.');
    }
}

fn push_word(text: &mut String, word: &str, capital: bool) {
    if !(text.is_empty() || text.ends_with(char::is_whitespace)) {
        text.push(' ');
    }
    let (first, others) = word.split_at(1);
    if capital {
        text.push_str(&first.to_ascii_uppercase());
    } else {
        text.push_str(first);
    }
    text.push_str(others);
}

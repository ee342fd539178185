//! Made-up prose of an exact length.

use rand::{Rng, RngExt};

use super::words::{ADJECTIVES, ADVERBS, CONJUNCTIONS, DETERMINERS, NOUNS, PREPOSITIONS, VERBS};

/// What a length counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Words and marks of punctuation, one token each.
    Tokens,
    /// Words.
    Words,
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
    fn draw(self, rng: &mut impl Rng) -> &'static str {
        let list: &[&str] = match self {
            The => &DETERMINERS,
            Noun => &NOUNS,
            Verb => &VERBS,
            Like => &ADJECTIVES,
            How => &ADVERBS,
            Where => &PREPOSITIONS,
            Join => &CONJUNCTIONS,
            Comma => return ",",
            Stop => return ".",
        };
        list[rng.random_range(0..list.len())]
    }

    fn is_word(self) -> bool {
        !matches!(self, Comma | Stop)
    }
}

/// Writes a title that spells a number, least significant digit first: one noun a digit, closed by a full stop.
/// Returns its length.
///
/// Two numbers never have the same title, and no title begins another, since none has a full stop inside: texts that
/// begin with different titles differ.
pub(super) fn write_title(text: &mut String, mut number: u64, unit: Unit) -> u32 {
    let base = NOUNS.len() as u64;
    let mut words = 0;
    loop {
        push_word(text, NOUNS[(number % base) as usize], words == 0);
        words += 1;
        number /= base;
        if number == 0 {
            break;
        }
    }
    text.push('.');
    words + u32::from(unit == Unit::Tokens)
}

/// Writes sentences of exactly this length together; the last one ends where the length does.
pub(super) fn write_sentences(text: &mut String, length: u32, unit: Unit, rng: &mut impl Rng) {
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
        let slot = if left == 1 && after_word && unit == Unit::Tokens { Stop } else { *slot };
        let word = slot.draw(rng);
        if slot.is_word() {
            push_word(text, word, starts);
        } else {
            text.push_str(word);
        }
        left -= u32::from(slot.is_word() || unit == Unit::Tokens);
        after_word = slot.is_word();
        rest = tail;
    }
    if after_word && unit == Unit::Words {
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

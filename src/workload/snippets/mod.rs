//! Made-up code in the languages that people ask about, as long as drawn.

mod file;
mod language;
mod names;
mod template;

#[cfg(test)]
mod tests;

use rand_chacha::ChaCha8Rng;

use self::{file::File, language::Flavour};
use super::{
    MeanTokens, Prompt,
    counter::Counter,
    draw, estimate_tokens,
    fit::{fit, missing},
    mean, mean_at_least,
    prose::{Unit, write_sentences},
    rng,
};
use crate::config::{Language, Snippets};

/// The shortest snippet, in tokens by the estimate: every template has room in it for its required lines and the longest names,
/// up to the number from which names need more than three words.
const SHORTEST: u32 = 96;

/// Tokens, of a tokenizer, that a comment at the end makes up for.
const CLOSING: std::ops::RangeInclusive<i64> = 4..=28;

/// Files that are written at most until one is as long as that allows.
const TRIES: usize = 5;

/// Files of each language by which the tokens of a tokenizer are compared with the estimate, and how long they are.
const SAMPLE: (u64, u32) = (4, 400);

/// A piece of code, with what is put before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Both.
    pub text: String,
    /// What the code is written in.
    pub language: Language,
}

/// The text of request `seq` for the workload called `name`, at a place of a batch: the prefix and the code.
///
/// The first line of the code names a file that spells number and place, so no two of a workload are the same. The code
/// has exactly as many tokens by [`estimate_tokens`] as are drawn, or 96.
pub fn snippet(snippets: &Snippets, name: &str, seed: u64, seq: u64, place: u32) -> Snippet {
    Writer::new(snippets, &Counter::Estimate).snippet(name, seed, seq, place)
}

/// Made-up code, ready to be written.
#[derive(Debug)]
pub(super) struct Writer {
    snippets: Snippets,
    /// The prefix, and the end of its line.
    before: String,
    /// `None` where tokens are estimated.
    by: Option<Measure>,
}

/// How code comes to have as many tokens of a tokenizer as are wanted.
#[derive(Debug)]
struct Measure {
    counter: Counter,
    /// Of the text before the code.
    before: u32,
    /// Tokens for each one of the estimate, in the order of [`Language::ALL`].
    ratios: [f64; 4],
}

impl Measure {
    fn new(counter: &Counter, before: &str) -> Self {
        let ratio = |language| {
            let (files, length) = SAMPLE;
            let count = |seq| {
                let mut rng = rng(0, "snippets to count", seq);
                let flavour = Flavour::draw(language, &mut rng);
                counter.count(&File::new(flavour, seq, 0, length, &mut rng).write())
            };
            let tokens: u32 = (0..files).map(count).sum();
            f64::from(tokens) / (files as f64 * f64::from(length))
        };
        Self { counter: counter.clone(), before: counter.count(before), ratios: Language::ALL.map(ratio) }
    }

    fn ratio(&self, language: Language) -> f64 {
        let place = Language::ALL.iter().position(|other| *other == language);
        place.map_or(1.0, |place| self.ratios[place])
    }
}

impl Writer {
    pub(super) fn new(snippets: &Snippets, counter: &Counter) -> Self {
        let mut before = snippets.prefix.clone();
        if !(before.is_empty() || before.ends_with(char::is_whitespace)) {
            before.push('\n');
        }
        let by = counter.is_exact().then(|| Measure::new(counter, &before));
        Self { snippets: snippets.clone(), before, by }
    }

    fn snippet(&self, name: &str, seed: u64, seq: u64, place: u32) -> Snippet {
        let domain = match place {
            0 => format!("snippet of {name}"),
            place => format!("snippet {place} of a batch of {name}"),
        };
        let mut rng = rng(seed, &domain, seq);
        let length = draw(&self.snippets.prompt_tokens, &mut rng);
        let language = self.snippets.mix.draw(&mut rng);
        let flavour = Flavour::draw(language, &mut rng);
        let write = |length: u32| {
            let code = File::new(flavour, seq, place, length.max(SHORTEST), &mut rng.clone()).write();
            format!("{}{code}", self.before)
        };
        let text = match &self.by {
            None => write(length),
            Some(by) => {
                let ratio = by.ratio(language);
                let comment = flavour.comment();
                counted(by, length, ratio, write, |text, length| close(text, comment, length, by, &rng))
            }
        };
        Snippet { text, language }
    }

    pub(super) fn prompt(&self, name: &str, seed: u64, seq: u64, place: u32) -> Prompt {
        let Snippet { text, .. } = self.snippet(name, seed, seq, place);
        // apart from the prompt, so that another length of prompts leaves the answers as they were
        let mut answer = rng(seed, &format!("output of {name}"), seq);
        Prompt { output_tokens: draw(&self.snippets.output_tokens, &mut answer), text }
    }

    /// Tokens that requests have on average.
    pub(super) fn mean_tokens(&self) -> MeanTokens {
        let Snippets { prompt_tokens, output_tokens, mix, .. } = &self.snippets;
        let input = match &self.by {
            None => f64::from(estimate_tokens(&self.before)) + mean_at_least(prompt_tokens, SHORTEST),
            Some(by) => {
                let weights = Language::ALL.map(|language| mix.weight(language));
                let own = Language::ALL.iter().zip(weights).map(|(language, weight)| {
                    let shortest = f64::from(SHORTEST) * by.ratio(*language);
                    weight * mean_at_least(prompt_tokens, shortest.round() as u32)
                });
                f64::from(by.before) + own.sum::<f64>() / weights.iter().sum::<f64>()
            }
        };
        MeanTokens { input, output: mean(output_tokens) }
    }
}

/// The tokens that a file lacks, and the file.
type Tried = (i64, String);

/// Code of so many tokens of a tokenizer: files that are a little too short, until `close` can make up for the rest of one. What
/// is wanted shorter than any file is as short as one can be.
fn counted(
    by: &Measure,
    length: u32,
    ratio: f64,
    write: impl Fn(u32) -> String,
    close: impl Fn(&str, u32) -> String,
) -> String {
    let wanted = by.before.saturating_add(length);
    let middle = i64::midpoint(*CLOSING.start(), *CLOSING.end()) as f64;
    let aim = |tokens: f64| ((tokens / ratio).round().max(0.0) as u32).max(SHORTEST);
    let mut estimate = aim(f64::from(length) - middle);
    // the longest file that a comment can be added to, and the one that comes nearest without
    let (mut open, mut whole): (Option<Tried>, Option<Tried>) = (None, None);
    for _ in 0..TRIES {
        let text = write(estimate);
        let short = missing(&by.counter, wanted, &text);
        let kind = if short < *CLOSING.start() { &mut whole } else { &mut open };
        if kind.as_ref().is_none_or(|(least, _)| short.abs() < least.abs()) {
            *kind = Some((short, text));
        }
        let next = aim(f64::from(estimate) * ratio + short as f64 - middle);
        if short == 0 || CLOSING.contains(&short) || next == estimate {
            break;
        }
        estimate = next;
    }
    match (open, whole) {
        (_, Some((0, text))) | (None, Some((_, text))) => text,
        (Some((_, text)), _) => close(&text, wanted),
        (None, None) => String::new(),
    }
}

/// Adds a line with a comment, by which the text comes to have as many tokens as wanted.
fn close(text: &str, comment: &str, wanted: u32, by: &Measure, rng: &ChaCha8Rng) -> String {
    let line = format!("{text}\n{comment}");
    let budget = missing(&by.counter, wanted, &line).max(0) as u32;
    let unit = by.counter.costs().map_or(Unit::Tokens, Unit::Counted);
    fit(&by.counter, wanted, budget, |length| {
        let mut text = format!("{line} ");
        write_sentences(&mut text, length, unit, &mut rng.clone());
        text.truncate(text.trim_end().len());
        text
    })
}

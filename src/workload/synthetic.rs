//! Made-up prompts: the prefix, the text that all prompts share, then the part of one request.

use std::sync::{Arc, OnceLock};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::{
    MeanTokens, Prompt,
    counter::Counter,
    draw,
    fit::fit,
    mean,
    prose::{Unit, write_sentences, write_title},
    rng,
};
use crate::config::{Lengths, PromptLength, Synthetic};

/// Tokens that a word of the made-up prose comes to, punctuation included.
const TOKENS_PER_WORD: f64 = 1.14;

/// Tokens of the two marks that a prompt counted in words has on top: behind its title and at its end.
const MARKS: f64 = 1.5;

/// Prompts that stand for all of them where tokens of words are counted, and how far apart their numbers are: titles grow with
/// them.
const SAMPLE: (u64, usize) = (1024, 4);

/// Made-up prompts, ready to be written.
#[derive(Debug)]
pub(super) struct Writer {
    synthetic: Synthetic,
    counter: Counter,
    /// What stands before the prompts of each group, of the first seed that was asked for, and that seed.
    heads: OnceLock<(u64, Vec<Arc<Head>>)>,
}

/// What all prompts begin with.
#[derive(Debug, Default)]
struct Head {
    text: String,
    /// The length that it is to have, in tokens.
    tokens: u32,
}

impl Writer {
    pub(super) fn new(synthetic: &Synthetic, counter: &Counter) -> Self {
        Self { synthetic: synthetic.clone(), counter: counter.clone(), heads: OnceLock::new() }
    }

    /// The drawn length is that of the request's own part; `prefix` and shared text come on top, as in other load
    /// generators. A length below that of the title (2 tokens up to request 256, 5 below 4 billion) gives the title
    /// alone: being unique goes before being short. Behind the first place of a batch a second title spells the place; no
    /// sentence begins with a noun, so that this is nobody's first sentence.
    pub(super) fn prompt(&self, name: &str, seed: u64, seq: u64, place: u32) -> Prompt {
        let (lengths, unit) = match &self.synthetic.prompt {
            PromptLength::Tokens(lengths) => (lengths, unit_of(&self.counter)),
            PromptLength::Words(lengths) => (lengths, Unit::Words),
        };
        let head = self.head(name, seed, seq);
        let mut own = rng_of(name, seed, seq, place);
        let length = draw(lengths, &mut own);
        let text = write_own(&self.counter, unit, &head, (seq, place), length, &own);
        // apart from the prompt, so that another length of prompts leaves the answers as they were
        let mut answer = rng(seed, &format!("output of {name}"), seq);
        Prompt { output_tokens: draw(&self.synthetic.output_tokens, &mut answer), text }
    }

    /// What stands before a prompt: that of its group, which is drawn apart from the prompt.
    fn head(&self, name: &str, seed: u64, seq: u64) -> Arc<Head> {
        let groups = self.synthetic.shared_prefix_groups;
        let group = match groups {
            0 | 1 => 0,
            _ => rng(seed, &format!("group of {name}"), seq).random_range(0..groups),
        };
        let write = |group| Arc::new(self.write_head(name, seed, group));
        let (of, heads) = self.heads.get_or_init(|| (seed, (0..groups.max(1)).map(write).collect()));
        if *of == seed { Arc::clone(&heads[group as usize]) } else { write(group) }
    }

    /// Tokens of the text that prompts share. Where they are a share of all, prompts have the same number, with which the tokens
    /// of all of them come to it.
    fn shared(&self) -> u32 {
        let Synthetic { prefix, shared_prefix_tokens, shared_prefix_share, prompt, .. } = &self.synthetic;
        let Some(share) = shared_prefix_share else { return *shared_prefix_tokens };
        let own = match prompt {
            PromptLength::Tokens(lengths) => mean(lengths),
            PromptLength::Words(lengths) => mean(lengths) * TOKENS_PER_WORD + MARKS,
        };
        let known = (own * share / (1.0 - share)).round() as u32;
        known.saturating_sub(self.counter.count(prefix))
    }

    fn write_head(&self, name: &str, seed: u64, group: u32) -> Head {
        let Synthetic { prefix, .. } = &self.synthetic;
        let shared = self.shared();
        let tokens = self.counter.count(prefix).saturating_add(shared);
        let write = |length: u32| {
            let mut text = prefix.clone();
            write_sentences(
                &mut text,
                length,
                unit_of(&self.counter),
                &mut rng(seed, &format!("shared text of {name}"), group.into()),
            );
            text
        };
        let text = match unit_of(&self.counter) {
            Unit::Counted(_) if shared > 0 => fit(&self.counter, tokens, shared, write),
            _ => write(shared),
        };
        Head { text, tokens }
    }

    /// Tokens that requests have on average.
    pub(super) fn mean_tokens(&self) -> MeanTokens {
        let before = self.counter.count(&self.synthetic.prefix).saturating_add(self.shared());
        let own = match &self.synthetic.prompt {
            PromptLength::Tokens(lengths) => mean(lengths),
            PromptLength::Words(lengths) if self.counter.is_exact() => self.mean_of_words(lengths),
            PromptLength::Words(lengths) => mean(lengths) * TOKENS_PER_WORD + MARKS,
        };
        MeanTokens { input: f64::from(before) + own, output: mean(&self.synthetic.output_tokens) }
    }

    /// As many as a sample of prompts has for each word.
    fn mean_of_words(&self, lengths: &Lengths) -> f64 {
        const NAME: &str = "sample";
        let head = f64::from(self.counter.count(&self.head(NAME, 0, 0).text));
        let (mut tokens, mut words) = (0.0, 0.0);
        let (numbers, stride) = SAMPLE;
        for seq in (0..numbers).step_by(stride) {
            let Prompt { text, .. } = self.prompt(NAME, 0, seq, 0);
            tokens += f64::from(self.counter.count(&text)) - head;
            words += f64::from(draw(lengths, &mut rng(0, &format!("prompt of {NAME}"), seq)));
        }
        mean(lengths) * tokens / words
    }
}

/// A made-up prompt of so many tokens before which nothing stands.
pub(super) fn of_length(
    counter: &Counter,
    name: &str,
    seed: u64,
    (seq, place): (u64, u32),
    length: u32,
) -> String {
    let own = rng_of(name, seed, seq, place);
    write_own(counter, unit_of(counter), &Head::default(), (seq, place), length, &own)
}

/// What lengths in tokens count.
fn unit_of(counter: &Counter) -> Unit<'_> {
    counter.costs().map_or(Unit::Tokens, Unit::Counted)
}

/// What the part of a request's own is drawn from.
fn rng_of(name: &str, seed: u64, seq: u64, place: u32) -> ChaCha8Rng {
    let domain = match place {
        0 => format!("prompt of {name}"),
        place => format!("prompt {place} of a batch of {name}"),
    };
    rng(seed, &domain, seq)
}

/// Writes the part of a request's own behind what stands before it.
fn write_own(
    counter: &Counter,
    unit: Unit<'_>,
    head: &Head,
    (seq, place): (u64, u32),
    length: u32,
    own: &ChaCha8Rng,
) -> String {
    let write = |length: u32| {
        let mut text = head.text.clone();
        let mut title = write_title(&mut text, seq, unit);
        if place > 0 {
            text.push(' ');
            title += write_title(&mut text, u64::from(place), unit);
        }
        write_sentences(&mut text, length.saturating_sub(title), unit, &mut own.clone());
        text
    };
    match unit {
        Unit::Counted(_) => fit(counter, head.tokens.saturating_add(length), length, write),
        Unit::Tokens | Unit::Words => write(length),
    }
}

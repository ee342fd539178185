//! Made-up prompts: the prefix, the text that all prompts share, then the part of one request.

use rand_chacha::ChaCha8Rng;

use super::{
    MeanTokens, Prompt, draw, estimate_tokens, mean,
    prose::{Unit, write_sentences, write_title},
    rng,
};
use crate::config::{PromptLength, Synthetic};

/// Tokens that a word of the made-up prose comes to, punctuation included.
const TOKENS_PER_WORD: f64 = 1.14;

/// Tokens of the two marks that a prompt counted in words has on top: behind its title and at its end.
const MARKS: f64 = 1.5;

/// The drawn length is that of the request's own part; `prefix` and shared text come on top, as in other load
/// generators. A length below that of the title (2 tokens up to request 256, 5 below 4 billion) gives the title
/// alone: being unique goes before being short. Behind the first place of a batch a second title spells the place; no
/// sentence begins with a noun, so that this is nobody's first sentence.
pub(super) fn prompt(synthetic: &Synthetic, name: &str, seed: u64, seq: u64, place: u32) -> Prompt {
    let (lengths, unit) = match &synthetic.prompt {
        PromptLength::Tokens(lengths) => (lengths, Unit::Tokens),
        PromptLength::Words(lengths) => (lengths, Unit::Words),
    };
    let mut text = synthetic.prefix.clone();
    let mut shared = rng(seed, &format!("shared text of {name}"), 0);
    write_sentences(&mut text, synthetic.shared_prefix_tokens, Unit::Tokens, &mut shared);

    write_own(&mut text, unit, name, seed, (seq, place), |own| draw(lengths, own));

    // apart from the prompt, so that another length of prompts leaves the answers as they were
    let mut answer = rng(seed, &format!("output of {name}"), seq);
    Prompt {
        estimated_tokens: estimate_tokens(&text),
        output_tokens: draw(&synthetic.output_tokens, &mut answer),
        text,
    }
}

/// Writes the part of one request, which is unlike that of any other of the workload `name`: as long as `length` says, which may
/// draw it. See [`prompt`] for what is too short.
pub(super) fn write_own(
    text: &mut String,
    unit: Unit,
    name: &str,
    seed: u64,
    (seq, place): (u64, u32),
    length: impl FnOnce(&mut ChaCha8Rng) -> u32,
) {
    let domain = match place {
        0 => format!("prompt of {name}"),
        place => format!("prompt {place} of a batch of {name}"),
    };
    let mut own = rng(seed, &domain, seq);
    let length = length(&mut own);
    let mut title = write_title(text, seq, unit);
    if place > 0 {
        text.push(' ');
        title += write_title(text, u64::from(place), unit);
    }
    write_sentences(text, length.saturating_sub(title), unit, &mut own);
}

pub(super) fn mean_tokens(synthetic: &Synthetic) -> MeanTokens {
    let own = match &synthetic.prompt {
        PromptLength::Tokens(lengths) => mean(lengths),
        PromptLength::Words(lengths) => mean(lengths) * TOKENS_PER_WORD + MARKS,
    };
    let before = estimate_tokens(&synthetic.prefix) + synthetic.shared_prefix_tokens;
    MeanTokens { input: f64::from(before) + own, output: mean(&synthetic.output_tokens) }
}

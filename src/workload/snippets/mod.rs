//! Made-up code in the languages that people ask about, as long as drawn.

mod file;
mod language;
mod names;
mod template;

#[cfg(test)]
mod tests;

use self::{file::File, language::Flavour};
use super::{MeanTokens, Prompt, draw, estimate_tokens, mean, mean_at_least, rng};
use crate::config::{Language, Snippets};

/// The shortest snippet, in tokens: every template has room in it for its required lines and the longest names, up to
/// the number from which names need more than three words.
const SHORTEST: u32 = 96;

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
    let domain = match place {
        0 => format!("snippet of {name}"),
        place => format!("snippet {place} of a batch of {name}"),
    };
    let mut rng = rng(seed, &domain, seq);
    let length = draw(&snippets.prompt_tokens, &mut rng).max(SHORTEST);
    let language = snippets.mix.draw(&mut rng);
    let flavour = Flavour::draw(language, &mut rng);
    let mut text = snippets.prefix.clone();
    if !(text.is_empty() || text.ends_with(char::is_whitespace)) {
        text.push('\n');
    }
    text.push_str(&File::new(flavour, seq, place, length, &mut rng).write());
    Snippet { text, language }
}

pub(super) fn prompt(snippets: &Snippets, name: &str, seed: u64, seq: u64, place: u32) -> Prompt {
    let Snippet { text, .. } = snippet(snippets, name, seed, seq, place);
    // apart from the prompt, so that another length of prompts leaves the answers as they were
    let mut answer = rng(seed, &format!("output of {name}"), seq);
    Prompt {
        estimated_tokens: estimate_tokens(&text),
        output_tokens: draw(&snippets.output_tokens, &mut answer),
        text,
    }
}

pub(super) fn mean_tokens(snippets: &Snippets) -> MeanTokens {
    let own = mean_at_least(&snippets.prompt_tokens, SHORTEST);
    let before = estimate_tokens(&snippets.prefix);
    MeanTokens { input: f64::from(before) + own, output: mean(&snippets.output_tokens) }
}

//! What a plan says of the tokenizers that count its prompts.

use super::{Plan, PlannedEndpoint};
use crate::config::{PromptLength, Synthetic, Tokenizer, Vocabulary, Workload};

/// The tokenizers of endpoints that requests go to, with the names of those.
fn used(plan: &Plan) -> impl Iterator<Item = (&str, &Tokenizer)> {
    let gets_requests = |index: usize| {
        plan.loads().any(|(_, load)| load.traffic.iter().any(|traffic| traffic.endpoint == index))
    };
    let used = plan.endpoints.iter().enumerate().filter(move |(index, _)| gets_requests(*index));
    used.filter_map(|(_, endpoint)| Some((endpoint.name.as_str(), endpoint.tokenizer.as_ref()?)))
}

/// Each tokenizer in a few words, with the name of its endpoint: `tokenizer.json, sha256 1a2b3c4d5e6f`.
pub fn lines(plan: &Plan) -> Vec<(&str, String)> {
    let line = |(name, tokenizer): (_, &Tokenizer)| {
        let words = match (&tokenizer.vocabulary, sha256(tokenizer)) {
            (Vocabulary::File(path), Some(sha256)) => format!("{path}, sha256 {sha256:.12}"),
            (Vocabulary::File(path), None) => path.clone(),
            (Vocabulary::Encoding(encoding), _) => format!("{} of tiktoken", encoding.name()),
        };
        (name, words)
    };
    used(plan).map(line).collect()
}

/// What each tokenizer is, wherever it lies, by the name of its endpoint.
pub(super) fn identities(plan: &Plan) -> Vec<(&str, &str)> {
    used(plan).filter_map(|(name, tokenizer)| Some((name, identity(tokenizer)?))).collect()
}

/// The SHA-256 of a file, or the name of an encoding; `None` of a file that nobody has looked into.
pub(super) fn identity(tokenizer: &Tokenizer) -> Option<&str> {
    match &tokenizer.vocabulary {
        Vocabulary::File(_) => sha256(tokenizer),
        Vocabulary::Encoding(encoding) => Some(encoding.name()),
    }
}

fn sha256(tokenizer: &Tokenizer) -> Option<&str> {
    tokenizer.counted.as_ref()?.sha256.as_deref()
}

/// Whether what is sent follows from how tokens are counted, and not only what is said of it.
pub(super) fn cuts(workload: &Workload) -> bool {
    let prose = |of: &Synthetic| {
        matches!(of.prompt, PromptLength::Tokens(_))
            || of.shared_prefix_tokens > 0
            || of.shared_prefix_share.is_some()
    };
    match workload {
        Workload::Synthetic(synthetic) => prose(synthetic),
        Workload::Conversation(conversation) => prose(&conversation.said),
        // those of a row without a text are made up
        Workload::Snippets(_) | Workload::Trace(_) => true,
        // answers are asked for that are as long as those in it
        Workload::Dataset(dataset) => dataset.file.answers,
    }
}

/// Whether the tokens of an endpoint's prompts are those that were asked for, one by one. What a conversation carries along
/// depends on how long its answers are.
pub(super) fn exact(endpoint: &PlannedEndpoint) -> bool {
    let drawn = match &endpoint.workload {
        Workload::Synthetic(synthetic) => matches!(synthetic.prompt, PromptLength::Tokens(_)),
        Workload::Snippets(_) => true,
        Workload::Dataset(_) | Workload::Conversation(_) | Workload::Trace(_) => false,
    };
    drawn && endpoint.tokenizer.is_some()
}

//! Conversations: what the user says in each turn. What was said before is known only once it has been answered.

use super::{MeanTokens, Prompt, mean, synthetic};
use crate::config::{Conversation, PromptLength, Synthetic};

/// Turn `turn`, which is request `seq`: the first one with what stands before all conversations.
pub(super) fn prompt(conversation: &Conversation, name: &str, seed: u64, seq: u64, turn: u32) -> Prompt {
    let said = &conversation.said;
    if turn == 0 {
        return synthetic::prompt(said, name, seed, seq, 0);
    }
    let later = Synthetic { prefix: String::new(), shared_prefix_tokens: 0, ..said.clone() };
    synthetic::prompt(&later, name, seed, seq, 0)
}

/// The means over all turns of a conversation, of which turn `t`, from 0, sends what `t` turns before it said and were
/// answered, as long as they were asked to be.
pub(super) fn mean_tokens(conversation: &Conversation) -> MeanTokens {
    let Conversation { turns, said, .. } = conversation;
    let first = synthetic::mean_tokens(said);
    let own = match &said.prompt {
        PromptLength::Tokens(lengths) | PromptLength::Words(lengths) => mean(lengths),
    };
    let before = first.input - own;
    let earlier = (f64::from(*turns) - 1.0) / 2.0;
    MeanTokens { input: before + own + earlier * (own + first.output), output: first.output }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::Lengths, workload::estimate_tokens};

    fn talk(turns: u32) -> Conversation {
        Conversation {
            turns,
            said: Synthetic {
                prompt: PromptLength::Tokens(Lengths::Constant(20)),
                output_tokens: Lengths::Constant(30),
                prefix: "Be kind. ".to_owned(),
                shared_prefix_tokens: 10,
            },
            think_time: Duration::ZERO,
        }
    }

    #[test]
    fn only_the_first_turn_begins_as_all_conversations_do() {
        let talk = talk(3);
        let [first, other] = [0, 3].map(|seq| prompt(&talk, "talk", 42, seq, 0).text);
        let common = first.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        assert!(
            first.starts_with("Be kind. ") && estimate_tokens(&first[..common]) >= 13,
            "{first} | {other}"
        );
        let second = prompt(&talk, "talk", 42, 1, 1);
        assert!(!second.text.starts_with("Be kind."));
        assert_eq!((second.estimated_tokens, second.output_tokens), (20, 30));
    }

    #[test]
    fn the_mean_counts_what_was_said_before() {
        // 13 before all of them; 0, 1 and 2 times 50 before a turn of 20
        let MeanTokens { input, output } = mean_tokens(&talk(3));
        assert_eq!((input, output), (13.0 + 20.0 + 50.0, 30.0));
        assert_eq!(mean_tokens(&talk(1)).input, 33.0);
    }
}

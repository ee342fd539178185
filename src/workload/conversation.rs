//! Conversations: what the user says in each turn. What was said before is known only once it has been answered.

use super::{MeanTokens, Prompt, counter::Counter, synthetic};
use crate::config::{Conversation, Synthetic};

/// Conversations, ready to be written.
#[derive(Debug)]
pub(super) struct Writer {
    turns: u32,
    /// Of the first turn, with what stands before all conversations.
    first: synthetic::Writer,
    /// Of the others.
    later: synthetic::Writer,
}

impl Writer {
    pub(super) fn new(conversation: &Conversation, counter: &Counter) -> Self {
        let Conversation { turns, said, .. } = conversation;
        let later = Synthetic { prefix: String::new(), shared_prefix_tokens: 0, ..said.clone() };
        Self {
            turns: *turns,
            first: synthetic::Writer::new(said, counter),
            later: synthetic::Writer::new(&later, counter),
        }
    }

    /// Turn `turn`, which is request `seq`.
    pub(super) fn prompt(&self, name: &str, seed: u64, seq: u64, turn: u32) -> Prompt {
        let writer = if turn == 0 { &self.first } else { &self.later };
        writer.prompt(name, seed, seq, 0)
    }

    /// The means over all turns of a conversation, of which turn `t`, from 0, sends what `t` turns before it said and were
    /// answered, as long as they were asked to be.
    pub(super) fn mean_tokens(&self) -> MeanTokens {
        let MeanTokens { input, output } = self.first.mean_tokens();
        let own = self.later.mean_tokens().input;
        let earlier = (f64::from(self.turns) - 1.0) / 2.0;
        MeanTokens { input: input + earlier * (own + output), output }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::{Lengths, PromptLength},
        workload::estimate_tokens,
    };

    fn talk(turns: u32) -> Conversation {
        Conversation {
            turns,
            said: Synthetic {
                prompt: PromptLength::Tokens(Lengths::Constant(20)),
                output_tokens: Lengths::Constant(30),
                prefix: "Be kind. ".to_owned(),
                shared_prefix_tokens: 10,
                shared_prefix_share: None,
                shared_prefix_groups: 1,
            },
            think_time: Duration::ZERO,
        }
    }

    #[test]
    fn only_the_first_turn_begins_as_all_conversations_do() {
        let talk = Writer::new(&talk(3), &Counter::Estimate);
        let [first, other] = [0, 3].map(|seq| talk.prompt("talk", 42, seq, 0).text);
        let common = first.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        assert!(
            first.starts_with("Be kind. ") && estimate_tokens(&first[..common]) >= 13,
            "{first} | {other}"
        );
        let second = talk.prompt("talk", 42, 1, 1);
        assert!(!second.text.starts_with("Be kind."));
        assert_eq!((estimate_tokens(&second.text), second.output_tokens), (20, 30));
    }

    #[test]
    fn the_mean_counts_what_was_said_before() {
        // 13 before all of them; 0, 1 and 2 times 50 before a turn of 20
        let MeanTokens { input, output } = Writer::new(&talk(3), &Counter::Estimate).mean_tokens();
        assert_eq!((input, output), (13.0 + 20.0 + 50.0, 30.0));
        assert_eq!(Writer::new(&talk(1), &Counter::Estimate).mean_tokens().input, 33.0);
    }
}

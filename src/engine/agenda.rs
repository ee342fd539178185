//! What one user of a closed loop has to send: one request after another, or the turns of a conversation.

use std::{sync::Arc, time::Duration};

use super::{exchange::Prepared, step::StepRun, stock::Stock};
use crate::{plan::conversation_of, protocol::Turn};

/// The requests of one user.
pub(super) enum Agenda {
    /// Each for itself, made ahead of need.
    Single(Arc<Stock>),
    /// Turn by turn.
    Talk(Talk),
}

/// A user's conversations, one after another.
pub(super) struct Talk {
    /// Turns of each.
    turns: u32,
    think_time: Duration,
    /// Turns of this one that are still to come, and the number of the next in its step.
    left: u32,
    next: u64,
    /// What was said in it. A turn that was not answered is no part of it: nobody goes on about what he has not heard.
    earlier: Vec<Turn>,
}

impl Agenda {
    pub(super) fn new(run: &StepRun, stock: Arc<Stock>) -> Self {
        match conversation_of(&run.shared.plan, &run.load) {
            None => Self::Single(stock),
            Some(conversation) => Self::Talk(Talk {
                turns: conversation.turns,
                think_time: conversation.think_time,
                left: 0,
                next: 0,
                earlier: Vec::new(),
            }),
        }
    }

    /// The next request; `None` when the step has no more for this user.
    pub(super) fn next(&mut self, run: &StepRun, lane: usize) -> Option<Box<Prepared>> {
        match self {
            Self::Single(stock) => run.take_next().map(|index| stock.take(run, index, lane)),
            Self::Talk(talk) => talk.next(run, lane),
        }
    }

    /// Takes what came of a request. Returns the pause before the next one, where it is not the user's own.
    pub(super) fn heard(&mut self, turn: Option<Turn>) -> Option<Duration> {
        let Self::Talk(talk) = self else { return None };
        talk.earlier.extend(turn);
        (talk.left > 0).then_some(talk.think_time)
    }

    /// Whether a user without work means that all are: not where others may be in the middle of a conversation.
    pub(super) fn ends_with_one(&self) -> bool {
        matches!(self, Self::Single(_))
    }
}

impl Talk {
    fn next(&mut self, run: &StepRun, lane: usize) -> Option<Box<Prepared>> {
        if self.left == 0 {
            self.next = run.take_conversation(self.turns);
            self.left = self.turns;
            self.earlier.clear();
        }
        if run.load.requests.is_some_and(|most| self.next >= most) {
            return None;
        }
        let prepared = Prepared::after(run, self.next, lane, &self.earlier);
        run.count_issued();
        self.next += 1;
        self.left -= 1;
        Some(prepared)
    }
}

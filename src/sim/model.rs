//! A continuous-batching server as a discrete-event state machine: no clock, no I/O, randomness from the seed alone.
//!
//! The engine works in steps, as vLLM and its kin do. At the start of a step waiting requests are admitted in the
//! order of their arrival while the batch has places. The step then prefills prompt tokens, oldest request first and
//! at most [`PREFILL_TOKENS_PER_STEP`], and decodes one token of every sequence whose prompt is done. All of them
//! come out together at the step's end; what is complete leaves the batch and frees its place. A step lasts
//!
//! ```text
//! (step_base_s + step_per_sequence_s · running + prefilled / prefill_tokens_per_second) · max(0.1, 1 + jitter · N(0, 1))
//! ```
//!
//! So a long prompt is prefilled in chunks between the tokens of the others (chunked prefill: it slows them, it cannot
//! stop them), and one request on an idle server has, without jitter,
//!
//! ```text
//! TTFT = overhead_s + chunks · (step_base_s + step_per_sequence_s) + prompt_tokens / prefill_tokens_per_second
//! TPOT = step_base_s + step_per_sequence_s
//! ```
//!
//! where `chunks` is the number of steps that its prompt takes, at least one.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::{
    draw::{Purpose, stream},
    fault::Fault,
};
use crate::config::Sim;

/// Prompt tokens that one step prefills at most, over all sequences. The value with which vLLM introduced chunked
/// prefill: small enough that a long prompt adds tens of milliseconds to a gap rather than a second.
pub(super) const PREFILL_TOKENS_PER_STEP: u32 = 512;

/// Jitter never makes a step shorter than this share of its nominal time.
const SHORTEST_STEP: f64 = 0.1;

/// What one request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Tokens to prefill.
    pub prompt_tokens: u32,
    /// Tokens to generate; 0 counts as 1, since an answer has at least one.
    pub output_tokens: u32,
    /// Whether the answer is streamed; only streams break in their middle.
    pub stream: bool,
}

/// The number of a request: the first to arrive is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that happened to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// To which request.
    pub request: RequestId,
    /// When, in nanoseconds on the model's clock.
    pub at_ns: u64,
    /// What.
    pub event: Event,
}

/// What can happen to a request, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was accepted and waits for a place.
    Queued,
    /// It got a place; its prefill begins.
    Started,
    /// A token came out.
    Token {
        /// Its place in the answer, from 0.
        index: u32,
        /// Whether the answer is complete; nothing follows.
        last: bool,
    },
    /// It went wrong; nothing follows.
    Failed(Fault),
}

impl Event {
    /// Whether nothing follows.
    pub fn ends(self) -> bool {
        matches!(self, Self::Token { last: true, .. } | Self::Failed(_))
    }
}

/// A request inside the model.
#[derive(Debug, Clone)]
struct Sequence {
    id: RequestId,
    prompt_left: u32,
    output_tokens: u32,
    generated: u32,
    fault: Option<Fault>,
}

impl Sequence {
    /// What comes out of this sequence at the end of a step, if anything. A stream breaks halfway: the fault takes
    /// the place of the token with the index `output_tokens / 2`.
    fn step(&mut self) -> Option<Event> {
        if self.prompt_left > 0 {
            return None;
        }
        if let Some(fault) = self.fault.filter(|_| self.generated == self.output_tokens / 2) {
            return Some(Event::Failed(fault));
        }
        let index = self.generated;
        self.generated += 1;
        Some(Event::Token { index, last: self.generated == self.output_tokens })
    }
}

/// The server: where every request is, and when the current step ends.
///
/// Times are nanoseconds since any moment that the caller likes. A driver tells arrivals with [`Model::arrive`],
/// learns from [`Model::next_event`] how far nothing happens, and moves on with [`Model::advance`].
#[derive(Debug, Clone)]
pub struct Model {
    settings: Sim,
    seed: u64,
    overhead_ns: u64,
    steps: ChaCha8Rng,
    /// The last event or arrival; nothing happens before it any more.
    clock_ns: u64,
    arrivals: u64,
    /// On their way in, with the time at which they get there; in order, since the overhead is the same for all.
    entering: VecDeque<(u64, Sequence)>,
    waiting: VecDeque<Sequence>,
    /// In the order of admission.
    running: Vec<Sequence>,
    /// End of the current step; `None` while idle.
    step_ends_ns: Option<u64>,
}

impl Model {
    /// An idle server at time 0. Settings are taken as checked, see [`parse_settings`](super::parse_settings).
    pub fn new(settings: Sim, seed: u64) -> Self {
        Self {
            overhead_ns: nanos(settings.overhead_s),
            steps: stream(seed, Purpose::Steps, 0),
            settings,
            seed,
            clock_ns: 0,
            arrivals: 0,
            entering: VecDeque::new(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            step_ends_ns: None,
        }
    }

    /// A request arrives. A time before the last event or arrival counts as that moment: the past is settled.
    pub fn arrive(&mut self, at_ns: u64, request: Request) -> RequestId {
        let id = RequestId(self.arrivals);
        self.arrivals += 1;
        self.clock_ns = self.clock_ns.max(at_ns);
        let sequence = Sequence {
            id,
            prompt_left: request.prompt_tokens,
            output_tokens: request.output_tokens.max(1),
            generated: 0,
            fault: Fault::of_request(&self.settings.faults, self.seed, id.0, request.stream),
        };
        self.entering.push_back((self.clock_ns.saturating_add(self.overhead_ns), sequence));
        id
    }

    /// When the next thing happens; `None` when nothing will until a request arrives.
    pub fn next_event(&self) -> Option<u64> {
        let entry = self.entering.front().map(|(at_ns, _)| *at_ns);
        entry.into_iter().chain(self.step_ends_ns).min()
    }

    /// Lets everything happen that is due up to and including `to_ns`, in order.
    pub fn advance(&mut self, to_ns: u64, emit: &mut impl FnMut(Output)) {
        while let Some(at_ns) = self.next_event().filter(|at_ns| *at_ns <= to_ns) {
            self.clock_ns = self.clock_ns.max(at_ns);
            // entries first: who arrives at the very end of a step may be part of the next
            while self.entering.front().is_some_and(|(entry_ns, _)| *entry_ns <= at_ns)
                && let Some((_, sequence)) = self.entering.pop_front()
            {
                self.enter(at_ns, sequence, emit);
            }
            if self.step_ends_ns.is_some_and(|end_ns| end_ns <= at_ns) {
                self.end_step(at_ns, emit);
            }
            if self.step_ends_ns.is_none() {
                self.start_step(at_ns, emit);
            }
        }
    }

    /// Forgets a request, because its client went away. Its place is free from the next step on; a step that has
    /// begun takes its time. Returns whether the request was still there.
    pub fn cancel(&mut self, id: RequestId) -> bool {
        let before = self.entering.len() + self.waiting.len() + self.running.len();
        self.entering.retain(|(_, sequence)| sequence.id != id);
        self.waiting.retain(|sequence| sequence.id != id);
        self.running.retain(|sequence| sequence.id != id);
        before != self.entering.len() + self.waiting.len() + self.running.len()
    }

    /// Requests that wait for a place.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Requests that have one; never more than `max_batch`.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn places(&self) -> usize {
        (self.settings.max_batch as usize).saturating_sub(self.running.len())
    }

    /// Accepts a request or refuses it. Those who will be admitted with the next step do not count as waiting for
    /// `overload_queue`, so a limit of 0 still serves a full batch.
    fn enter(&mut self, at_ns: u64, sequence: Sequence, emit: &mut impl FnMut(Output)) {
        let queued = (self.waiting.len() + 1).saturating_sub(self.places());
        let overloaded = self.settings.faults.overload_queue.is_some_and(|limit| queued > limit as usize);
        let event = match sequence.fault {
            Some(Fault::Error) => Event::Failed(Fault::Error),
            _ if overloaded => Event::Failed(Fault::Overloaded),
            _ => Event::Queued,
        };
        emit(Output { request: sequence.id, at_ns, event });
        if event == Event::Queued {
            self.waiting.push_back(sequence);
        }
    }

    /// Admits what there is a place for and works out how long the step takes.
    fn start_step(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        let admitted = self.places().min(self.waiting.len());
        for sequence in self.waiting.drain(..admitted) {
            emit(Output { request: sequence.id, at_ns, event: Event::Started });
            self.running.push(sequence);
        }
        if self.running.is_empty() {
            return;
        }
        let mut budget = PREFILL_TOKENS_PER_STEP;
        for sequence in &mut self.running {
            let chunk = sequence.prompt_left.min(budget);
            sequence.prompt_left -= chunk;
            budget -= chunk;
        }
        let prefilled = f64::from(PREFILL_TOKENS_PER_STEP - budget);
        let step_s = self.settings.step_base_s
            + self.settings.step_per_sequence_s * self.running.len() as f64
            + prefilled / self.settings.prefill_tokens_per_second;
        let normal: f64 = self.steps.sample(StandardNormal);
        let factor = (1.0 + self.settings.jitter * normal).max(SHORTEST_STEP);
        // at least a nanosecond, so that time moves whatever the settings
        self.step_ends_ns = Some(at_ns.saturating_add(nanos(step_s * factor).max(1)));
    }

    /// Hands out what the step brought.
    fn end_step(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        self.step_ends_ns = None;
        self.running.retain_mut(|sequence| match sequence.step() {
            Some(event) => {
                emit(Output { request: sequence.id, at_ns, event });
                !event.ends()
            }
            None => true,
        });
    }
}

/// Seconds as whole nanoseconds; negative and not a number are 0.
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;

//! A continuous-batching server as a discrete-event state machine: no clock, no I/O, randomness from the seed alone.
//!
//! The engine works in steps, as vLLM and its kin do. At the start of a step waiting requests are admitted in the
//! order of their arrival while the batch has places. The step then prefills prompt tokens, oldest request first and
//! at most [`PREFILL_TOKENS_PER_STEP`], and decodes one token of every sequence whose prompt is done. All of them
//! come out together at the step's end; what is complete leaves the batch and frees its place. A step lasts
//!
//! ```text
//! (step_base_s + step_per_sequence_s · running + prefilled / prefill_tokens_per_second) · Γ
//! ```
//!
//! where Γ is gamma-distributed with mean 1 and standard deviation `jitter`: skewed to the right and never negative, as
//! times are. A jitter of 1 is the exponential distribution, so that one place and answers of one token make M/M/1.
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
//!
//! With `kv_cache_tokens` every token of a running sequence takes room, prompt and answer alike, in blocks of
//! [`KV_CACHE_BLOCK_TOKENS`](crate::config::KV_CACHE_BLOCK_TOKENS). A waiting request is admitted once there is room for its prompt and
//! its next token, and nobody overtakes it. At the start of a step every running sequence, oldest admission first, gets
//! room for the token that the step may bring; where there is none, the sequence admitted last gives its room and its
//! place back and waits at the head of the queue. It is recomputed, as vLLM does by default: once admitted again it
//! prefills its prompt and what it has generated, and goes on where it stopped. The oldest is never preempted for
//! another, and what could never fit is refused, so all that is admitted ends.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::Gamma;

use super::{
    draw::{Purpose, stream},
    fault::Fault,
    kv_cache::{Held, KvCache},
};
use crate::config::Sim;

/// Prompt tokens that one step prefills at most, over all sequences. The value with which vLLM introduced chunked
/// prefill: small enough that a long prompt adds tens of milliseconds to a gap rather than a second.
pub(super) const PREFILL_TOKENS_PER_STEP: u32 = 512;

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

/// What can happen to a request, in the order in which it does; `Preempted` and `Resumed` may come in between any
/// number of times.
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
    /// It lost its place and its room in the key-value cache to one that was admitted before it, and waits again.
    Preempted,
    /// It got a place again; what it had is prefilled anew.
    Resumed,
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
    prompt_tokens: u32,
    output_tokens: u32,
    /// Tokens to prefill before the next one is decoded.
    prefill_left: u64,
    generated: u32,
    preempted: bool,
    held: Held,
    fault: Option<Fault>,
}

impl Sequence {
    /// The tokens that it has once the next one has come out.
    fn tokens_with_next(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.generated) + 1
    }

    /// The tokens that it has in the end.
    fn tokens_in_all(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.output_tokens)
    }

    /// What comes out of this sequence at the end of a step, if anything. A stream breaks halfway: the fault takes
    /// the place of the token with the index `output_tokens / 2`.
    fn step(&mut self) -> Option<Event> {
        if self.prefill_left > 0 {
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
    /// What a step's nominal time is multiplied by; `None` without jitter.
    jitter: Option<Gamma<f64>>,
    cache: KvCache,
    /// The last event or arrival; nothing happens before it any more.
    clock_ns: u64,
    arrivals: u64,
    /// On their way in, with the time at which they get there; in order, since the overhead is the same for all.
    entering: VecDeque<(u64, Sequence)>,
    /// In the order of arrival: what was preempted arrived before all that has not been admitted yet.
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
            // shape 1/cv² and scale cv² have mean 1 and standard deviation cv; no jitter has no shape
            jitter: Gamma::new(settings.jitter.powi(-2), settings.jitter.powi(2)).ok(),
            cache: KvCache::new(settings.kv_cache_tokens),
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
            prompt_tokens: request.prompt_tokens,
            output_tokens: request.output_tokens.max(1),
            prefill_left: u64::from(request.prompt_tokens),
            generated: 0,
            preempted: false,
            held: Held::default(),
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
        let cache = &mut self.cache;
        self.running.retain_mut(|sequence| {
            if sequence.id == id {
                cache.release(&mut sequence.held);
            }
            sequence.id != id
        });
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

    /// The share of the key-value cache that running requests hold; 0 where it has no end.
    pub fn kv_cache_usage(&self) -> f64 {
        self.cache.usage()
    }

    /// How many of those who wait the next step would take, as far as is known now.
    fn admissible(&self) -> usize {
        let places = (self.settings.max_batch as usize).saturating_sub(self.running.len());
        self.cache.fitting(self.waiting.iter().take(places).map(Sequence::tokens_with_next))
    }

    /// Accepts a request or refuses it. Those who will be admitted with the next step do not count as waiting for
    /// `overload_queue`, so a limit of 0 still serves a full batch.
    fn enter(&mut self, at_ns: u64, sequence: Sequence, emit: &mut impl FnMut(Output)) {
        let (request, fault) = (sequence.id, sequence.fault);
        let fits = self.cache.ever_fits(sequence.tokens_in_all());
        self.waiting.push_back(sequence);
        let overloaded = |limit| self.waiting.len() - self.admissible() > limit as usize;
        let event = match fault {
            _ if !fits => Event::Failed(Fault::TooLong),
            Some(Fault::Error) => Event::Failed(Fault::Error),
            _ if self.settings.faults.overload_queue.is_some_and(overloaded) => {
                Event::Failed(Fault::Overloaded)
            }
            _ => Event::Queued,
        };
        emit(Output { request, at_ns, event });
        if event != Event::Queued {
            self.waiting.pop_back();
        }
    }

    /// Gives every running sequence room for its next token, the oldest first, at the cost of the youngest.
    fn make_room(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        let mut place = 0;
        while let Some(sequence) = self.running.get_mut(place) {
            let tokens = sequence.tokens_with_next();
            if self.cache.grow(&mut sequence.held, tokens) {
                place += 1;
            } else if let Some(mut youngest) = self.running.pop() {
                self.cache.release(&mut youngest.held);
                youngest.prefill_left = youngest.tokens_with_next() - 1;
                youngest.preempted = true;
                emit(Output { request: youngest.id, at_ns, event: Event::Preempted });
                self.waiting.push_front(youngest);
            }
        }
    }

    /// Admits what there is a place and room for.
    fn admit(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        for mut sequence in self.waiting.drain(..self.admissible()) {
            let tokens = sequence.tokens_with_next();
            let fits = self.cache.grow(&mut sequence.held, tokens);
            debug_assert!(fits, "what is admissible fits");
            let event = if sequence.preempted { Event::Resumed } else { Event::Started };
            emit(Output { request: sequence.id, at_ns, event });
            self.running.push(sequence);
        }
    }

    /// Settles who is part of the step and works out how long it takes.
    fn start_step(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        self.make_room(at_ns, emit);
        self.admit(at_ns, emit);
        if self.running.is_empty() {
            return;
        }
        let mut budget = PREFILL_TOKENS_PER_STEP;
        for sequence in &mut self.running {
            let chunk = sequence.prefill_left.min(u64::from(budget));
            sequence.prefill_left -= chunk;
            budget -= chunk as u32;
        }
        let prefilled = f64::from(PREFILL_TOKENS_PER_STEP - budget);
        let step_s = self.settings.step_base_s
            + self.settings.step_per_sequence_s * self.running.len() as f64
            + prefilled / self.settings.prefill_tokens_per_second;
        let factor = self.jitter.map_or(1.0, |gamma| self.steps.sample(gamma));
        // at least a nanosecond, so that time moves whatever the settings
        self.step_ends_ns = Some(at_ns.saturating_add(nanos(step_s * factor).max(1)));
    }

    /// Hands out what the step brought.
    fn end_step(&mut self, at_ns: u64, emit: &mut impl FnMut(Output)) {
        self.step_ends_ns = None;
        let cache = &mut self.cache;
        self.running.retain_mut(|sequence| {
            let Some(event) = sequence.step() else { return true };
            emit(Output { request: sequence.id, at_ns, event });
            if event.ends() {
                cache.release(&mut sequence.held);
            }
            !event.ends()
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

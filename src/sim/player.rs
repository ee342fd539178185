//! The model in real time: one thread owns it and lets it happen when it is due.
//!
//! The thread is a plain one that sleeps in the kernel, because an async runtime's timers are a millisecond or two
//! late. Every time is absolute, counted from one [`Instant`], so lateness never adds up: a step that was handed out
//! late does not delay the next.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    fault::Fault,
    model::{Event, Model, Output, Request, RequestId},
};
use crate::config::Sim;

/// Counts of what the server did, read by `/metrics`.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Requests in the batch.
    pub(super) running: AtomicU64,
    /// Requests that wait for a place.
    pub(super) waiting: AtomicU64,
    /// The share of the key-value cache in use, as the bits of an `f64`.
    pub(super) kv_cache_usage: AtomicU64,
    /// How many times a request lost its place to an older one.
    pub(super) preemptions: AtomicU64,
    /// Prompt tokens of all requests that got a place.
    pub(super) prompt_tokens: AtomicU64,
    /// Tokens generated.
    pub(super) generated_tokens: AtomicU64,
    /// Requests that were answered in full.
    pub(super) ok: AtomicU64,
    /// Requests whose client went away.
    pub(super) cancelled: AtomicU64,
    /// Requests that went wrong, in the order of [`Fault::ALL`].
    pub(super) failed: [AtomicU64; Fault::ALL.len()],
}

impl Counters {
    fn note(&self, event: Event) {
        match event {
            Event::Token { last, .. } => {
                self.generated_tokens.fetch_add(1, Relaxed);
                self.ok.fetch_add(u64::from(last), Relaxed);
            }
            Event::Failed(fault) => {
                self.failed[fault as usize].fetch_add(1, Relaxed);
            }
            Event::Preempted => {
                self.preemptions.fetch_add(1, Relaxed);
            }
            Event::Queued | Event::Started | Event::Resumed => {}
        }
    }
}

/// What the handlers of requests tell the thread.
enum Message {
    Arrived { at_ns: u64, requests: Vec<Request>, events: UnboundedSender<Happened> },
    Cancelled(RequestId),
}

/// Something that happened to one of the requests of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Happened {
    /// Which of them, from 0.
    pub(super) index: usize,
    /// What.
    pub(super) event: Event,
}

/// The handle to the playing thread, which ends with its last handle.
#[derive(Debug, Clone)]
pub(super) struct Player {
    start: Instant,
    messages: Sender<Message>,
    /// How many requests have arrived. The lock spans numbering, timing and handing over, so that a request has the
    /// same number here as in the model.
    arrived: Arc<Mutex<u64>>,
    counters: Arc<Counters>,
}

impl Player {
    /// Starts the thread with an idle model.
    pub(super) fn start(settings: Sim, seed: u64) -> io::Result<Self> {
        let start = Instant::now();
        let (sender, messages) = channel();
        let counters = Arc::new(Counters::default());
        let thread = Play {
            start,
            model: Model::new(settings, seed),
            answers: HashMap::new(),
            counters: Arc::clone(&counters),
        };
        thread::Builder::new().name("sim-model".to_owned()).spawn(move || thread.run(&messages))?;
        Ok(Self { start, messages: sender, arrived: Arc::default(), counters })
    }

    /// Requests arrive now, all in one moment.
    pub(super) fn arrive(&self, requests: Vec<Request>) -> Ticket {
        let (events, receiver) = unbounded_channel();
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *arrived;
        *arrived += requests.len() as u64;
        let open = vec![true; requests.len()];
        let at_ns = self.start.elapsed().as_nanos() as u64;
        // should the thread be gone, `events` is dropped and the ticket ends without an event
        let _ = self.messages.send(Message::Arrived { at_ns, requests, events });
        drop(arrived);
        Ticket { first, open, events: receiver, messages: self.messages.clone() }
    }

    /// What has been counted so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Requests that arrived together, in the hands of the player. Dropping it cancels those that have not ended.
#[derive(Debug)]
pub(super) struct Ticket {
    /// The number of the first; the others follow it.
    first: u64,
    /// Which of them have not ended.
    open: Vec<bool>,
    events: UnboundedReceiver<Happened>,
    messages: Sender<Message>,
}

impl Ticket {
    /// The numbers of the requests.
    pub(super) fn ids(&self) -> impl Iterator<Item = RequestId> + use<> {
        (self.first..self.first + self.open.len() as u64).map(RequestId)
    }

    /// Whether all of them have ended.
    pub(super) fn all_ended(&self) -> bool {
        !self.open.contains(&true)
    }

    /// The next thing that happens to any of the requests; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Happened> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Ticket::next`] for those who poll.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Happened>> {
        let happened = self.events.poll_recv(context);
        match &happened {
            Poll::Ready(Some(Happened { index, event })) if event.ends() => self.open[*index] = false,
            Poll::Ready(None) => self.open.fill(false),
            _ => {}
        }
        happened
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for (id, _) in self.ids().zip(&self.open).filter(|(_, open)| **open) {
            // a thread that is gone has nothing left to cancel
            let _ = self.messages.send(Message::Cancelled(id));
        }
    }
}

/// What the thread owns.
struct Play {
    start: Instant,
    model: Model,
    answers: HashMap<RequestId, Answer>,
    counters: Arc<Counters>,
}

/// Where the events of a request go.
struct Answer {
    index: usize,
    prompt_tokens: u32,
    events: UnboundedSender<Happened>,
}

impl Play {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match self.model.next_event() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(next_ns) => {
                    messages.recv_timeout(Duration::from_nanos(next_ns.saturating_sub(self.now_ns())))
                }
            };
            match message {
                Ok(message) => {
                    self.take(message);
                    // all that is there, so that no event is played before an arrival that came first
                    for message in messages.try_iter() {
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.play();
        }
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Arrived { at_ns, requests, events } => {
                for (index, request) in requests.into_iter().enumerate() {
                    let id = self.model.arrive(at_ns, request);
                    let Request { prompt_tokens, .. } = request;
                    self.answers.insert(id, Answer { index, prompt_tokens, events: events.clone() });
                }
            }
            Message::Cancelled(id) => {
                if self.model.cancel(id) {
                    self.answers.remove(&id);
                    self.counters.cancelled.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// Lets everything happen that is due by now.
    fn play(&mut self) {
        let now_ns = self.now_ns();
        let Self { model, answers, counters, .. } = self;
        model.advance(now_ns, &mut |Output { request, event, .. }| {
            counters.note(event);
            let Some(answer) = answers.get(&request) else { return };
            if event == Event::Started {
                counters.prompt_tokens.fetch_add(u64::from(answer.prompt_tokens), Relaxed);
            }
            // a client that has just left is cancelled by its ticket
            let _ = answer.events.send(Happened { index: answer.index, event });
            if event.ends() {
                answers.remove(&request);
            }
        });
        counters.running.store(model.running() as u64, Relaxed);
        counters.waiting.store(model.waiting() as u64, Relaxed);
        counters.kv_cache_usage.store(model.kv_cache_usage().to_bits(), Relaxed);
    }
}

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
            Event::Queued | Event::Started => {}
        }
    }
}

/// What the handlers of requests tell the thread.
enum Message {
    Arrived { at_ns: u64, request: Request, events: UnboundedSender<Event> },
    Cancelled(RequestId),
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

    /// A request arrives now.
    pub(super) fn arrive(&self, request: Request) -> Ticket {
        let (events, receiver) = unbounded_channel();
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        let id = RequestId(*arrived);
        *arrived += 1;
        let at_ns = self.start.elapsed().as_nanos() as u64;
        // should the thread be gone, `events` is dropped and the ticket ends without an event
        let _ = self.messages.send(Message::Arrived { at_ns, request, events });
        drop(arrived);
        Ticket { id, events: receiver, messages: self.messages.clone(), ended: false }
    }

    /// What has been counted so far.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// A request in the hands of the player. Dropping it before its end cancels the request.
#[derive(Debug)]
pub(super) struct Ticket {
    id: RequestId,
    events: UnboundedReceiver<Event>,
    messages: Sender<Message>,
    ended: bool,
}

impl Ticket {
    /// The number of the request.
    pub(super) fn id(&self) -> RequestId {
        self.id
    }

    /// The next thing that happens to the request; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Ticket::next`] for those who poll.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = self.events.poll_recv(context);
        if let Poll::Ready(event) = &event {
            self.ended = event.is_none_or(Event::ends);
        }
        event
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            // a thread that is gone has nothing left to cancel
            let _ = self.messages.send(Message::Cancelled(self.id));
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
    prompt_tokens: u32,
    events: UnboundedSender<Event>,
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
            Message::Arrived { at_ns, request, events } => {
                let id = self.model.arrive(at_ns, request);
                self.answers.insert(id, Answer { prompt_tokens: request.prompt_tokens, events });
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
            let _ = answer.events.send(event);
            if event.ends() {
                answers.remove(&request);
            }
        });
        counters.running.store(model.running() as u64, Relaxed);
        counters.waiting.store(model.waiting() as u64, Relaxed);
    }
}

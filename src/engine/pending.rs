//! Requests that have not ended, for whoever judges while the run goes on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{recorder::Recorder, step::StepRun};
use crate::{
    record::{Event, Pending},
    wire::{Clock, Mark},
};

/// What is pending of one step, by number.
#[derive(Default)]
pub(super) struct Registry(Mutex<BTreeMap<u64, Arc<Life>>>);

/// A request from when it is due to its end; its own task says how far it has come.
pub(super) struct Life {
    endpoint: usize,
    due_ns: u64,
    pub(super) begun: Mark,
    pub(super) sent: Arc<Mark>,
    pub(super) first_token: Mark,
    pub(super) first_content: Mark,
}

impl Life {
    fn pending(&self, seq: u64) -> Pending {
        Pending {
            seq,
            endpoint: self.endpoint,
            due_ns: self.due_ns,
            begun_ns: self.begun.get(),
            sent_ns: self.sent.get(),
            first_token_ns: self.first_token.get(),
            first_content_ns: self.first_content.get(),
        }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Life>>> {
        // a panic elsewhere cannot leave an entry half made
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers everything that is pending to the recorder.
    pub(super) fn tell(&self, step: usize, clock: Clock, recorder: &Recorder) {
        // under the lock: the end of a request, which takes it out first, stands behind this in the order of events
        let pending = self.lock();
        let at_ns = clock.now_ns();
        let requests = pending.iter().map(|(seq, life)| life.pending(*seq)).collect();
        recorder.offer(Event::Pending { step, at_ns, requests });
    }
}

/// A request that is in its step's registry until this is dropped.
pub(super) struct Registered {
    run: Arc<StepRun>,
    seq: u64,
    pub(super) life: Arc<Life>,
}

impl Registered {
    /// Enters a request that is due; `None` where nobody wants to know.
    pub(super) fn new(run: &Arc<StepRun>, seq: u64, endpoint: usize, due_ns: u64) -> Option<Self> {
        let registry = run.pending.as_ref()?;
        let life = Arc::new(Life {
            endpoint,
            due_ns,
            begun: Mark::default(),
            sent: Arc::default(),
            first_token: Mark::default(),
            first_content: Mark::default(),
        });
        registry.lock().insert(seq, Arc::clone(&life));
        Some(Self { run: Arc::clone(run), seq, life })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(registry) = &self.run.pending {
            registry.lock().remove(&self.seq);
        }
    }
}

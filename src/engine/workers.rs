//! The threads that measure, each with connections and timers of its own.
//!
//! A request stays on the thread that it began on, so nothing of it is shared, stolen or handed over while its answer
//! arrives. Threads that steal work from each other wake each other for it, which cost as much per token as reading it.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::wire::priority;

/// So many threads, each before others of this machine where the system allows it, until this is dropped.
pub struct Workers {
    lanes: Lanes,
    /// Dropped with this, which ends the threads and whatever still runs on them.
    _alive: Vec<oneshot::Sender<()>>,
}

/// Where tasks can be started on each of the threads.
#[derive(Debug, Clone)]
pub(super) struct Lanes(Vec<Handle>);

impl Workers {
    /// Starts the threads, of which there is one at least.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(threads: u32) -> io::Result<Self> {
        let mut lanes = Vec::new();
        let mut alive = Vec::new();
        for number in 0..threads.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            lanes.push(runtime.handle().clone());
            let (sender, dropped) = oneshot::channel::<()>();
            alive.push(sender);
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                priority::raise();
                // an error is what the drop of the sender comes to
                let _ = runtime.block_on(dropped);
            })?;
        }
        Ok(Self { lanes: Lanes(lanes), _alive: alive })
    }

    /// The thread that is next in turn after so many, to start a task on.
    pub fn handle(&self, turn: u64) -> &Handle {
        self.lanes.handle(self.lanes.of(turn))
    }

    pub(super) fn lanes(&self) -> Lanes {
        self.lanes.clone()
    }
}

impl Lanes {
    /// How many there are; one at least.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The thread that is next in turn after so many.
    pub(super) fn of(&self, turn: u64) -> usize {
        (turn % self.0.len() as u64) as usize
    }

    /// Where to start a task on one of them.
    pub(super) fn handle(&self, lane: usize) -> &Handle {
        &self.0[lane]
    }
}

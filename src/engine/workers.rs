//! The threads that measure, each with connections and timers of its own.
//!
//! A request stays on the thread that it began on, so nothing of it is shared, stolen or handed over while its answer
//! arrives, and no thread is woken for another's work.

use std::{io, sync::mpsc, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::{config::Threads, wire::priority};

/// So many threads, each before others of this machine where the system allows it, until this is dropped.
pub struct Workers {
    lanes: Lanes,
    /// Dropped with this, which ends the threads and whatever still runs on them.
    _alive: Vec<oneshot::Sender<()>>,
}

/// Where tasks can be started on each of the threads.
#[derive(Debug, Clone)]
pub(super) struct Lanes(Vec<Handle>);

/// How many threads measure. Where a server is on this machine it needs processors, too: two sides that have all of them
/// keep waking each other.
pub fn threads(wanted: Threads, beside_server: bool) -> u32 {
    let all = thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    match wanted {
        Threads::Auto if beside_server => (all / 2).max(1),
        Threads::Auto | Threads::All => all,
        Threads::Number(threads) => threads,
    }
}

impl Workers {
    /// Starts the threads, of which there is one at least.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(threads: u32) -> io::Result<Self> {
        let mut lanes = Vec::new();
        let mut alive = Vec::new();
        for number in 0..threads.max(1) {
            let (sender, dropped) = oneshot::channel::<()>();
            alive.push(sender);
            let (tell, told) = mpsc::channel();
            // the runtime is the thread's own: where it cannot be started there is none that would have to go
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                priority::raise();
                match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => {
                        let _ = tell.send(Ok(runtime.handle().clone()));
                        // an error is what the drop of the sender comes to
                        let _ = runtime.block_on(dropped);
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            })?;
            lanes.push(told.recv().map_err(io::Error::other)??);
        }
        Ok(Self { lanes: Lanes(lanes), _alive: alive })
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

    /// How much of `all` falls to one of them where turns begin with `first`.
    pub(super) fn part(&self, all: usize, lane: usize, first: usize) -> usize {
        let count = self.count();
        all / count + usize::from((lane + count - first % count) % count < all % count)
    }

    /// Where to start a task on one of them.
    pub(super) fn handle(&self, lane: usize) -> &Handle {
        &self.0[lane]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_turns() {
        let workers = Workers::start(3).expect("threads");
        let lanes = workers.lanes();
        for (all, first) in [(0, 0), (1, 0), (1, 2), (2, 2), (3, 1), (7, 4), (100, 5)] {
            let mut turns = vec![0; lanes.count()];
            for turn in 0..all {
                turns[lanes.of((first + turn) as u64)] += 1;
            }
            let parts: Vec<_> = (0..lanes.count()).map(|lane| lanes.part(all, lane, first)).collect();
            assert_eq!(parts, turns, "{all} from {first}");
        }
    }

    #[test]
    fn tasks_run_on_the_thread_that_they_were_given_to() {
        let workers = Workers::start(2).expect("threads");
        let lanes = workers.lanes();
        let name = |turn| {
            let lane = lanes.handle(lanes.of(turn));
            let task = lane.spawn(async { thread::current().name().map(str::to_owned) });
            lane.block_on(task).expect("no panic")
        };
        let names: Vec<_> = (0..3).filter_map(name).collect();
        assert_eq!(names, ["worker-0", "worker-1", "worker-0"]);
    }
}

//! The null server of a part, and the engine that drives it.

use std::{net::SocketAddr, path::Path};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use scenario::{calibrate::Null, config::Threads, engine, sim::Child};

/// A null server in a process of its own, and a client with the threads that a run beside it would have.
pub(crate) struct Server {
    pub(crate) null: Null,
    pub(crate) address: SocketAddr,
    /// What the processors of this thread were before; `None` where it keeps them.
    before: Option<CpuSet>,
    _child: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        let child = Child::start_null(Path::new(env!("CARGO_BIN_EXE_scenario"))).unwrap();
        Self::of(child, None)
    }

    /// The server on one processor and the client on another. Where one is bare and the other is not, the system places them
    /// in different ways, and a loop that shares its server's processor and caches takes half the time of one that does not.
    pub(crate) fn start_apart() -> Self {
        let before = sched_getaffinity(None).unwrap();
        let mut processors = (0..CpuSet::MAX_CPU).filter(|processor| before.is_set(*processor));
        let (Some(first), Some(second)) = (processors.next(), processors.next()) else {
            return Self::start();
        };
        place(first);
        let child = Child::start_null(Path::new(env!("CARGO_BIN_EXE_scenario"))).unwrap();
        place(second);
        Self::of(child, Some(before))
    }

    fn of(child: Child, before: Option<CpuSet>) -> Self {
        let base_url = child.base_url();
        let address = base_url.trim_start_matches("http://").trim_end_matches("/v1").parse().unwrap();
        let null = Null::new(base_url, engine::threads(Threads::Auto, true)).unwrap();
        Self { null, address, before, _child: child }
    }

    /// Forgets what the server wrote so far.
    pub(crate) fn forget(&self) {
        self.null.truth(scenario::wire::Clock::start()).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            sched_setaffinity(None, before).unwrap();
        }
    }
}

fn place(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only).unwrap();
}

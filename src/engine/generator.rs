//! What measuring costs: the tool's own use of the machine, looked at once a second while a run goes on.
//!
//! Whether the tool was itself the bottleneck is told from this, so it is written down like everything else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use super::Shared;
use crate::{
    record::{Diary, Generator},
    wire::{Clock, WireError, priority},
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Counts what the machine refused to the tool.
#[derive(Default)]
pub(super) struct Refusals(AtomicU64);

impl Refusals {
    /// Notes an error if it was the machine that had no port or descriptor left for a connection.
    pub(super) fn note(&self, error: &WireError) {
        if matches!(error, WireError::Exhausted(_)) {
            self.0.fetch_add(1, Relaxed);
        }
    }
}

/// Writes into the diary what the tool has used by now.
pub(super) async fn look(shared: &Shared) {
    let line = Generator {
        at_ns: shared.clock.now_ns(),
        cpu_ns: system::cpu_ns(),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        nice: priority::of_raised(),
        swapped_bytes: system::swapped_bytes(),
        refused: shared.refusals.0.load(Relaxed),
        wall_steps: Clock::wall_steps(),
    };
    shared.recorder.diary(Diary::Generator(line)).await;
}

/// Looks again and again, until the task is aborted.
pub(super) fn watch(shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        loop {
            look(&shared).await;
            tokio::time::sleep(EVERY).await;
        }
    })
}

mod system {
    /// Processor time that all threads of this process have used, in nanoseconds.
    #[cfg(unix)]
    pub(super) fn cpu_ns() -> Option<u64> {
        use nix::sys::{
            resource::{UsageWho, getrusage},
            time::TimeVal,
        };
        let ns = |time: TimeVal| time.tv_sec() as u64 * 1_000_000_000 + time.tv_usec() as u64 * 1000;
        getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| ns(usage.user_time()) + ns(usage.system_time()))
    }

    #[cfg(not(unix))]
    pub(super) fn cpu_ns() -> Option<u64> {
        None
    }

    /// Bytes of this process that the system has moved out of memory: `proc_pid_status(5)`. `None` where it does not tell.
    pub(super) fn swapped_bytes() -> Option<u64> {
        swapped_in(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    pub(super) fn swapped_in(status: &str) -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix("VmSwap:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_swapped_is_read_as_linux_writes_it() {
        for (status, bytes) in [
            ("VmRSS:\t    1024 kB\nVmSwap:\t       3 kB\n", Some(3072)),
            ("VmSwap:\t0 kB\n", Some(0)),
            ("VmRSS:\t1024 kB\n", None),
            ("VmSwap: many\n", None),
        ] {
            assert_eq!(system::swapped_in(status), bytes, "{status:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn work_costs_processor_time() {
        let before = system::cpu_ns().expect("told on unix");
        // each look is work
        let looks = (0..1_000_000).take_while(|_| system::cpu_ns() <= Some(before)).count();
        assert!(looks < 1_000_000);
    }

    #[test]
    fn only_what_the_machine_refused_is_counted() {
        let refusals = Refusals::default();
        refusals.note(&WireError::Connect("connection refused".to_owned()));
        assert_eq!(refusals.0.load(Relaxed), 0);
        refusals.note(&WireError::Exhausted("no local port is left".to_owned()));
        assert_eq!(refusals.0.load(Relaxed), 1);
    }
}

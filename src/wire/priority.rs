//! The priority of the threads that measure.
//!
//! A thread that waits for a processor while bytes arrive finds them merged, and then only the last event of them has
//! an exact time. So the threads that read and those that send go before others where the system allows it, and what
//! came of it is reported.

use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The nice value of the threads that measure: before everything that has none of its own, behind what somebody put
/// first.
const RAISED: i32 = -10;

/// The highest nice value that a thread was left with; `i32::MIN` for none.
static WORST: AtomicI32 = AtomicI32::new(i32::MIN);

/// Puts the calling thread before others of this machine. Returns the nice value that it has then; `None` where the
/// system does not tell threads apart.
pub fn raise() -> Option<i32> {
    let nice = system::set(RAISED);
    WORST.fetch_max(nice.unwrap_or(i32::MIN), Relaxed);
    nice
}

/// The nice value of the threads that were raised, the highest where they differ; `None` where there is none or the
/// system does not tell.
pub fn of_raised() -> Option<i32> {
    Some(WORST.load(Relaxed)).filter(|nice| *nice != i32::MIN)
}

/// Gives the calling thread the priority of the process: threads begin with that of the thread that starts them. Returns
/// its nice value; `None` where the system does not tell threads apart.
pub fn ordinary() -> Option<i32> {
    system::of_process().and_then(system::set)
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::{
        process::{getpid, getpriority_process, setpriority_process},
        thread::gettid,
    };

    /// Linux gives each thread a nice value of its own, though POSIX says that it is the process's: setpriority(2).
    pub(super) fn set(nice: i32) -> Option<i32> {
        // refused without CAP_SYS_NICE or a limit (RLIMIT_NICE) that allows it
        let _ = setpriority_process(Some(gettid()), nice);
        getpriority_process(Some(gettid())).ok()
    }

    /// That of the main thread, which measures nothing.
    pub(super) fn of_process() -> Option<i32> {
        getpriority_process(Some(getpid())).ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn set(_: i32) -> Option<i32> {
        None
    }

    pub(super) fn of_process() -> Option<i32> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn it_is_raised_as_far_as_the_system_allows_for_this_thread_only() {
        let own = system::of_process();
        let threads = std::thread::spawn(move || {
            let raised = raise();
            assert!(raised == Some(RAISED) || raised == own, "{raised:?}");
            // a thread starts with the priority of its parent, and may always step back
            let child = std::thread::spawn(ordinary);
            assert_eq!(child.join().expect("no panic"), own);
        });
        threads.join().expect("no panic");
        assert_eq!(system::of_process(), own);
    }
}

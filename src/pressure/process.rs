//! What the process that presses does.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

use super::{Held, cpu, memory::Hold};
use crate::{
    config::{CpuPressure, MemoryAmount, MemoryPressure, PressingThreads, Pressure},
    machine::Memory,
};

/// Between two lines.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Between two looks at how much memory others need.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks from one touching of pages to the next: a second.
const TOUCH_EVERY: u32 = 10;

/// Every page is touched once in so many of these.
const TOUCHED_IN: usize = 10;

/// What the main thread hears.
enum News {
    /// The parent ended, or wants the pressure to.
    InputEnded,
    /// As much memory is held as is wanted, or as there may be.
    MemoryReady,
    /// What memory there is cannot be known any more.
    Failed(String),
}

/// What the threads have to say.
#[derive(Default)]
struct Counters {
    /// Of each thread that computes.
    cpu_ns: Vec<AtomicU64>,
    memory_bytes: AtomicU64,
    ready: AtomicBool,
}

/// Presses until the standard input ends, and says what comes of it: as soon as it is as much as there can be, once a
/// second, and at the end. SIGINT is ignored, since the parent decides when it is over. The error is that of the system
/// that has no threads, or does not tell how much memory is available. With its return the process is expected to end,
/// which ends the pressure.
pub fn run(pressure: &Pressure, tell: impl Fn(&Held)) -> io::Result<()> {
    // what was taken over and is not acted upon is thereby ignored, to the end of the process
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let _interrupt = runtime.block_on(async { signal(SignalKind::interrupt()) })?;

    let (news, heard) = channel();
    let threads = pressure.cpu.map_or(Ok(0), |cpu| threads(&cpu))?;
    let wanted = pressure.memory.map_or(Ok(0), |memory| wanted(&memory)).map_err(io::Error::other)?;
    let counters = Arc::new(Counters {
        cpu_ns: (0..threads).map(|_| AtomicU64::new(0)).collect(),
        ready: AtomicBool::new(pressure.memory.is_none()),
        ..Counters::default()
    });
    let ended = news.clone();
    spawn("pressure-input", move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(News::InputEnded);
    })?;
    if let Some(memory) = pressure.memory {
        let (counters, hold) = (Arc::clone(&counters), Hold::new(wanted, memory.keep_free_bytes));
        spawn("pressure-memory", move || {
            if let Err(why) = keep(hold, &counters, &news) {
                let _ = news.send(News::Failed(why));
            }
        })?;
    }
    for thread in 0..threads {
        let (counters, duty) = (Arc::clone(&counters), pressure.cpu.map_or(0.0, |cpu| cpu.duty));
        spawn("pressure-cpu", move || cpu::press(duty, &counters.cpu_ns[thread as usize]))?;
    }

    let tell = || {
        tell(&Held {
            ready: counters.ready.load(Relaxed),
            threads,
            cpu_ns: counters.cpu_ns.iter().map(|used| used.load(Relaxed)).sum(),
            memory_bytes: counters.memory_bytes.load(Relaxed),
            wanted_bytes: wanted,
        });
    };
    let mut next = Instant::now();
    loop {
        match heard.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(News::MemoryReady) => tell(),
            Err(RecvTimeoutError::Timeout) => {
                tell();
                next += TELL_EVERY;
            }
            Ok(News::Failed(why)) => return Err(io::Error::other(why)),
            Ok(News::InputEnded) | Err(RecvTimeoutError::Disconnected) => {
                tell();
                return Ok(());
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

fn threads(of: &CpuPressure) -> io::Result<u32> {
    match of.threads {
        PressingThreads::Number(threads) => Ok(threads),
        PressingThreads::All => thread::available_parallelism().map(|all| all.get() as u32),
    }
}

/// Bytes that are to be held.
fn wanted(of: &MemoryPressure) -> Result<u64, String> {
    match of.amount {
        MemoryAmount::Bytes(bytes) => Ok(bytes),
        MemoryAmount::Share(share) => Ok((Memory::now()?.total_bytes as f64 * share) as u64),
    }
}

/// Holds memory for good: takes it piece by piece, and looks again and again whether others need it.
fn keep(mut hold: Hold, counters: &Counters, news: &Sender<News>) -> Result<(), String> {
    for look in (0..TOUCH_EVERY).cycle() {
        let available = Memory::now()?.available_bytes;
        // a system that gives no more is one that is full
        let goes_on = hold.adjust(available).unwrap_or(false);
        counters.memory_bytes.store(hold.held(), Relaxed);
        if goes_on {
            continue;
        }
        if !counters.ready.swap(true, Relaxed) {
            let _ = news.send(News::MemoryReady);
        }
        if look == 0 {
            for _ in 0..hold.pieces().div_ceil(TOUCHED_IN) {
                hold.touch();
            }
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

//! The open loop: requests go out when they are due, whatever the answers do.
//!
//! Three threads of work, so that none waits for another: one prepares bodies ahead of need, one sleeps until each
//! due time and hands the request over, and the runtime's tasks send it. A timer of the runtime would be a
//! millisecond late at the median; a sleeping thread is not.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::{
    exchange::{Prepared, exchange, not_sent},
    step::{Arrivals, StepRun},
};
use crate::plan::schedule;

/// Requests whose bodies are made ahead of need.
const AHEAD: usize = 256;

/// Longest sleep of the pacer without a look at whether the run was stopped.
const NAP: Duration = Duration::from_millis(50);

/// Runs the schedule to its end. Returns how many requests it had due.
pub(super) async fn perform(run: &Arc<StepRun>, concurrency_limit: Option<u32>) -> u64 {
    let (ready, next) = sync_channel(AHEAD);
    let preparer = {
        let run = Arc::clone(run);
        std::thread::spawn(move || prepare(&run, &ready))
    };
    let places = concurrency_limit.map(|limit| Arc::new(Semaphore::new(limit as usize)));
    // every request holds a sender; when all are dropped, all have ended
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let pacer = {
        let (run, runtime) = (Arc::clone(run), Handle::current());
        std::thread::spawn(move || pace(&run, &runtime, &next, places.as_ref(), &alive))
    };
    all_ended.recv().await;
    // both threads have nothing left to do by now: the pacer dropped its sender last, the preparer found no receiver
    let _ = pacer.join();
    preparer.join().unwrap_or(0)
}

/// Makes the requests of the schedule in order. Returns how many the whole schedule has.
fn prepare(run: &StepRun, prepared: &SyncSender<(u64, Prepared)>) -> u64 {
    let plan = &run.shared.plan;
    let Some(mut offsets) = schedule::of_step(&plan.steps[run.step_id], plan.seed) else { return 0 };
    let mut count = 0;
    for offset_ns in offsets.by_ref() {
        let request = Prepared::new(run, count);
        count += 1;
        if prepared.send((offset_ns, request)).is_err() {
            break;
        }
    }
    count + offsets.count() as u64
}

/// Sleeps until each request is due and hands it to the runtime.
fn pace(
    run: &Arc<StepRun>,
    runtime: &Handle,
    next: &Receiver<(u64, Prepared)>,
    places: Option<&Arc<Semaphore>>,
    alive: &mpsc::Sender<()>,
) {
    let start_ns = run.start();
    let cap = u64::from(run.shared.plan.limits.max_in_flight);
    while let Ok((offset_ns, request)) = next.recv() {
        let due_ns = start_ns + offset_ns;
        if !sleep_until(run, due_ns) {
            break;
        }
        run.count_issued();
        let (run, alive, places) = (Arc::clone(run), alive.clone(), places.cloned());
        if run.in_flight() >= cap {
            runtime.spawn(async move {
                let reason = format!("`run.max_in_flight` = {cap} was reached");
                not_sent(&run, request, due_ns, 0, reason).await;
                drop(alive);
            });
            continue;
        }
        let in_flight = run.enter();
        runtime.spawn(async move {
            send(&run, request, due_ns, places).await;
            drop((in_flight, alive));
        });
    }
    if let Some(duration) = run.load.duration {
        // the step lasts as long as the plan says, also behind its last arrival
        sleep_until(run, start_ns + duration.as_nanos() as u64);
    }
    run.advance(Arrivals::Over);
}

/// Waits for a place where the plan limits them, then sends.
async fn send(run: &Arc<StepRun>, request: Prepared, due_ns: u64, places: Option<Arc<Semaphore>>) {
    let mut queue_wait_ns = 0;
    let mut place = None;
    if let Some(places) = places {
        place = Arc::clone(&places).try_acquire_owned().ok();
        if place.is_none() {
            place = tokio::select! {
                place = places.acquire_owned() => place.ok(),
                () = run.reached(Arrivals::Stopped) => None,
            };
            queue_wait_ns = run.shared.clock.now_ns().saturating_sub(due_ns);
        }
        if place.is_none() {
            let reason = "still waiting for a place under `concurrency_limit` at the end";
            not_sent(run, request, due_ns, queue_wait_ns, reason.to_owned()).await;
            return;
        }
    }
    exchange(run, request, None, due_ns, queue_wait_ns).await;
    drop(place);
}

/// Sleeps until a moment of the run. `false` when the run was stopped before it.
fn sleep_until(run: &StepRun, at_ns: u64) -> bool {
    loop {
        if run.arrivals() >= Arrivals::Stopped {
            return false;
        }
        let left = Duration::from_nanos(at_ns.saturating_sub(run.shared.clock.now_ns()));
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(NAP));
    }
}

//! The open loop: requests go out when they are due, whatever the answers do.
//!
//! Three threads of work, so that none waits for another: one prepares requests ahead of need, one sleeps until each
//! due time and writes the request to an open connection, and the runtime's tasks read the answer. A timer of the
//! runtime would be a millisecond late at the median, and a task that has to be woken later still.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    exchange::{Prepared, exchange, not_sent},
    step::{Arrivals, InFlight, StepRun},
};
use crate::{plan::arrivals_of, wire::priority};

/// Requests whose bodies are made ahead of need.
const AHEAD: usize = 256;

/// How long before a request is due a connection is taken for it, in nanoseconds: the look whether it is still open is
/// a system call, and in a longer time the server could close it.
const RESERVE_NS: u64 = 5_000_000;

/// Longest sleep of the pacer without a look at whether its arrivals were ended.
const NAP: Duration = Duration::from_millis(50);

/// A schedule whose first requests are being made.
pub(super) struct Ahead {
    /// Gives back how many requests the whole schedule has.
    preparer: JoinHandle<u64>,
    next: Receiver<(u64, Box<Prepared>)>,
    full: oneshot::Receiver<()>,
}

impl Ahead {
    /// Waits until so many requests are made that the first of them will not be late.
    pub(super) async fn ready(&mut self, run: &StepRun) {
        tokio::select! {
            // an error means that the whole schedule is made
            _ = &mut self.full => {}
            () = run.arrivals_over() => {}
        }
    }
}

/// Begins to make the requests of the schedule.
pub(super) fn prepare_ahead(run: &Arc<StepRun>) -> Ahead {
    let (prepared, next) = sync_channel(AHEAD);
    let (filled, full) = oneshot::channel();
    let run = Arc::clone(run);
    let preparer = std::thread::spawn(move || prepare(&run, &prepared, filled));
    Ahead { preparer, next, full }
}

/// Runs the schedule to its end. Returns how many requests it had due.
pub(super) async fn perform(run: &Arc<StepRun>, ahead: Ahead, concurrency_limit: Option<u32>) -> u64 {
    let Ahead { preparer, next, .. } = ahead;
    let places = concurrency_limit.map(|limit| Arc::new(Semaphore::new(limit as usize)));
    // where the plan itself allows fewer, the rest queues and the safety cap has nothing to guard
    let most = run.shared.plan.limits.max_in_flight;
    let cap = concurrency_limit.is_none_or(|limit| limit > most).then_some(u64::from(most));
    // every request holds a sender; when all are dropped, all have ended
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let pacer = {
        let run = Arc::clone(run);
        std::thread::spawn(move || pace(&run, &next, places.as_ref(), cap, &alive))
    };
    all_ended.recv().await;
    // the pacer dropped its sender last, and the preparer finds no receiver, though it may have a request in hand: this thread
    // has answers to read meanwhile
    let joined = tokio::task::spawn_blocking(move || {
        let _ = pacer.join();
        preparer.join().unwrap_or(0)
    });
    joined.await.unwrap_or(0)
}

/// Makes the requests of the schedule in order. Returns how many the whole schedule has.
fn prepare(run: &StepRun, prepared: &SyncSender<(u64, Box<Prepared>)>, filled: oneshot::Sender<()>) -> u64 {
    // what it makes is needed later; the thread that started it is one that measures
    priority::ordinary();
    let plan = &run.shared.plan;
    let source = |endpoint: usize| &run.shared.endpoints[endpoint].binding.source;
    let Some(offsets) = arrivals_of(plan, &run.step, source) else { return 0 };
    let mut filled = Some(filled);
    let mut count = 0;
    for offset_ns in offsets {
        let request = Prepared::new(run, count, run.shared.lanes.of(count));
        count += 1;
        if prepared.send((offset_ns, request)).is_err() {
            // the run was stopped; the planner has counted the schedule, or it is too long to be counted now
            let planned = run.step.expected.requests.unwrap_or_default();
            return count.max(planned as u64);
        }
        if count == AHEAD as u64
            && let Some(filled) = filled.take()
        {
            // nobody waits where the run was stopped
            let _ = filled.send(());
        }
    }
    count
}

/// Sleeps until each request is due, sends it where it can, and hands it to the thread that measures it.
fn pace(
    run: &Arc<StepRun>,
    next: &Receiver<(u64, Box<Prepared>)>,
    places: Option<&Arc<Semaphore>>,
    cap: Option<u64>,
    alive: &mpsc::Sender<()>,
) {
    priority::raise();
    let start_ns = run.start();
    while let Ok((offset_ns, mut request)) = next.recv() {
        let due_ns = start_ns + offset_ns;
        if !sleep_until(run, due_ns.saturating_sub(RESERVE_NS)) {
            break;
        }
        request.reserve(run);
        if !sleep_until(run, due_ns) {
            break;
        }
        run.count_issued();
        let (run, alive, places) = (Arc::clone(run), alive.clone(), places.cloned());
        // counted here and not in the task, so that the next look at the cap sees it
        let in_flight = cap.map(|cap| run.enter_below(cap).ok_or(cap));
        if let Some(Err(cap)) = in_flight {
            request.release(&run);
            request.home(&Arc::clone(&run)).spawn(async move {
                let reason = format!("`run.max_in_flight` = {cap} was reached");
                not_sent(&run, request, None, due_ns, 0, reason).await;
                drop(alive);
            });
            continue;
        }
        let in_flight = in_flight.and_then(Result::ok);
        let place = places.as_ref().and_then(|places| Arc::clone(places).try_acquire_owned().ok());
        if place.is_some() || places.is_none() {
            // by this thread, which is awake: a task of the runtime would have to be woken first
            request.begin(&run);
        } else {
            request.release(&run);
        }
        request.home(&Arc::clone(&run)).spawn(async move {
            send(&run, request, due_ns, places, place, in_flight).await;
            drop(alive);
        });
    }
    if let Some(duration) = run.load.duration.filter(|_| !run.is_used_up()) {
        // without a count that ended it, the step lasts as long as the plan says, also behind its last arrival
        sleep_until(run, start_ns + duration.as_nanos() as u64);
    }
    run.advance(Arrivals::Over);
}

/// Waits for a place where the plan limits them, then sends. What waits there is not in flight.
async fn send(
    run: &Arc<StepRun>,
    mut request: Box<Prepared>,
    due_ns: u64,
    places: Option<Arc<Semaphore>>,
    mut place: Option<OwnedSemaphorePermit>,
    in_flight: Option<InFlight>,
) {
    request.register(run, due_ns);
    let mut queue_wait_ns = 0;
    if let Some(places) = places.filter(|_| place.is_none()) {
        place = tokio::select! {
            // first: a place that comes free because others were cut off is of no use any more
            biased;
            () = run.reached(Arrivals::Stopped) => None,
            place = places.acquire_owned() => place.ok(),
        };
        queue_wait_ns = run.shared.clock.now_ns().saturating_sub(due_ns);
        // waiters are woken one after another: a place can come free before the news of the stop is here
        place = place.filter(|_| run.arrivals() < Arrivals::Stopped);
        if place.is_none() {
            let reason = "still waiting for a place under `concurrency_limit` at the end";
            not_sent(run, request, None, due_ns, queue_wait_ns, reason.to_owned()).await;
            return;
        }
    }
    let in_flight = in_flight.unwrap_or_else(|| run.enter());
    if place.is_some() && queue_wait_ns > 0 {
        // whoever left the place left a connection, which may be that of another thread
        request.reserve(run);
        let (home, run) = (request.home(run).clone(), Arc::clone(run));
        let _ = home.spawn(async move { exchange(&run, request, None, due_ns, queue_wait_ns).await }).await;
    } else {
        exchange(run, request, None, due_ns, queue_wait_ns).await;
    }
    drop((in_flight, place));
}

/// Sleeps until a moment of the run. `false` when the arrivals were ended before it.
fn sleep_until(run: &StepRun, at_ns: u64) -> bool {
    loop {
        if run.arrivals() >= Arrivals::Over {
            return false;
        }
        let left = Duration::from_nanos(at_ns.saturating_sub(run.shared.clock.now_ns()));
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(NAP));
    }
}

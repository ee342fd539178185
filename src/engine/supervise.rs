//! One step from its start to its end.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    Shared, closed, open, passed,
    step::{Arrivals, StepRun},
    stock::Stock,
};
use crate::{
    plan::{LoadStep, Pattern, Step, schedule::peak_rate},
    record::Diary,
};

/// Time between two notes in the diary of how many requests were issued.
const NOTE_EVERY: Duration = Duration::from_millis(100);

/// Longest that a step waits for connections to be opened ahead of it. A server whose accept queue is full lets
/// them hang for minutes.
const OPENING: Duration = Duration::from_secs(5);

/// Runs a load step to its end: notes how many requests were issued, ends its arrivals with those of the step that it runs
/// beside, and cuts off what is in flight when the drain has lasted long enough.
pub(super) async fn load(shared: Arc<Shared>, planned: Step, load: LoadStep) {
    let (step, host) = (planned.id, load.until);
    let run = StepRun::new(shared, planned, load);
    let Shared { recorder, clock, .. } = run.shared.as_ref();
    let mut deadline = None;
    let mut noted = run.counts();
    let mut ticks = tokio::time::interval(NOTE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut arriving = Some(run.shared.ceiling.arriving());
    // a set of one: dropped with this task, it takes the requests along, which would go on beside the next step
    let mut work = JoinSet::new();
    work.spawn(perform(Arc::clone(&run)));
    let due = loop {
        tokio::select! {
            due = work.join_next() => break due,
            () = over(&run, host), if run.arrivals() == Arrivals::Running => run.advance(Arrivals::Over),
            () = run.reached(Arrivals::Over), if deadline.is_none() => {
                arriving.take();
                deadline = Some(tokio::time::Instant::now() + run.shared.plan.limits.drain);
            }
            () = passed(deadline), if run.arrivals() < Arrivals::Cancelled => {
                run.advance(Arrivals::Cancelled);
            }
            _ = ticks.tick() => {
                if run.counts() != noted {
                    noted = run.counts();
                    recorder.diary(run.issued_line()).await;
                }
                if let Some(pending) = &run.pending {
                    pending.tell(step, *clock, recorder);
                }
            }
        }
    };
    let issued = run.issued();
    // a step whose own task died is cut short, and the accounts will say so
    let due = due.and_then(Result::ok).unwrap_or(issued);
    recorder.diary(Diary::StepEnded { step, at_ns: clock.now_ns(), issued, due }).await;
}

/// Sends nothing for a while, or until a command comes. Any command ends it, since there is nothing to drain.
pub(super) async fn pause(shared: Arc<Shared>, step: usize, duration: Option<Duration>) {
    let Shared { recorder, clock, arrivals, ceiling, .. } = shared.as_ref();
    let _arriving = ceiling.arriving();
    recorder.diary(Diary::StepStarted { step, at_ns: clock.now_ns() }).await;
    // one that is too far to name is never
    let over = duration.and_then(|duration| tokio::time::Instant::now().checked_add(duration));
    tokio::select! {
        () = passed(over) => {}
        () = arrivals[step].reached(Arrivals::Stopped) => {}
    }
    recorder.diary(Diary::StepEnded { step, at_ns: clock.now_ns(), issued: 0, due: 0 }).await;
}

/// Waits until nothing new arrives in the step that another one runs beside, for ever where there is none.
async fn over(run: &StepRun, host: Option<usize>) {
    match host {
        Some(host) => run.shared.arrivals[host].reached(Arrivals::Over).await,
        None => std::future::pending().await,
    }
}

/// Opens connections, sends what the step has to send and waits for the answers. Returns how many requests its plan
/// had due.
async fn perform(run: Arc<StepRun>) -> u64 {
    let due = match run.load.pattern.clone() {
        Pattern::Closed { users, ramp_up, think_time } => {
            let (stock, ()) = tokio::join!(Stock::fill(&run, users), open_connections(&run));
            start(&run).await;
            closed::perform(&run, stock, users, ramp_up, think_time).await
        }
        Pattern::Open { concurrency_limit, .. } | Pattern::Trace { concurrency_limit, .. } => {
            let mut ahead = open::prepare_ahead(&run);
            tokio::join!(open_connections(&run), ahead.ready(&run));
            start(&run).await;
            open::perform(&run, ahead, concurrency_limit).await
        }
    };
    // what is due in a step that ends with another one, or when it has shown enough, is what was issued until then
    if run.load.until.is_some() || run.load.trial.is_some() { run.issued() } else { due }
}

/// Fixes time 0 of the step and notes it.
async fn start(run: &StepRun) {
    let started = Diary::StepStarted { step: run.step_id, at_ns: run.start() };
    run.shared.recorder.diary(started).await;
}

/// Opens connections ahead of the measured window. Failures are left to the requests themselves, which record them.
async fn open_connections(run: &Arc<StepRun>) {
    let lanes = &run.shared.lanes;
    let all = async {
        // one after the other: together they might be more than a server accepts at a time
        for lane in 0..lanes.count() {
            let opening = Arc::clone(run);
            let open = async move {
                for traffic in &opening.load.traffic {
                    let all = (expected_concurrency(&opening.load) * traffic.share).ceil() as usize;
                    let wanted = opening.shared.lanes.part(all, lane, opening.step_id);
                    let pool = &opening.shared.endpoints[traffic.endpoint].pools[lane];
                    let _ = pool.open_ahead(wanted).await;
                }
            };
            // a set of one: dropped with this, it opens no more
            let mut task = JoinSet::new();
            task.spawn_on(open, lanes.handle(lane));
            task.join_next().await;
        }
    };
    tokio::select! {
        () = all => {}
        () = tokio::time::sleep(OPENING) => {}
        () = run.arrivals_over() => {}
    }
}

/// How many requests of a step may be in flight soon after its start.
fn expected_concurrency(load: &LoadStep) -> f64 {
    /// Seconds of arrivals for which an open loop gets connections beforehand; the rest open when they are needed.
    const AHEAD_S: f64 = 1.0;
    /// More connections than this are not opened on a guess.
    const MOST: f64 = 256.0;
    let requests = load.requests.map_or(f64::INFINITY, |requests| requests as f64);
    match &load.pattern {
        Pattern::Closed { users, .. } => f64::from(*users).min(requests),
        open @ (Pattern::Open { concurrency_limit, .. } | Pattern::Trace { concurrency_limit, .. }) => {
            let rate = peak_rate(open).unwrap_or(0.0);
            let limit = concurrency_limit.map_or(MOST, f64::from);
            (rate * AHEAD_S).min(limit).min(requests).min(MOST)
        }
    }
}

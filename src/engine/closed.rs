//! The closed loop: so many users, each with one request at a time.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::{
    agenda::Agenda,
    exchange::{Exchanged, exchange},
    passed,
    step::{Arrivals, StepRun},
    stock::Stock,
};
use crate::record::Outcome;

/// Pause of a user after a connection could not be made. Without it, a dead server on this machine would be asked
/// thousands of times a second.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Runs the users to their end. Returns how many requests were due.
pub(super) async fn perform(
    run: &Arc<StepRun>,
    stock: Stock,
    users: u32,
    ramp_up: Duration,
    think_time: Duration,
) -> u64 {
    let stock = Arc::new(stock);
    let start = Instant::now();
    let end = run.load.duration.map(|duration| start + duration);
    let mut tasks = JoinSet::new();
    for user in 0..users {
        let begin = start + ramp_up.mul_f64(f64::from(user) / f64::from(users));
        let lanes = &run.shared.lanes;
        // not all steps begin on the same thread
        let lane = lanes.of(run.step_id as u64 + u64::from(user));
        let serving = serve_user(Arc::clone(run), Arc::clone(&stock), user, lane, begin, end, think_time);
        tasks.spawn_on(serving, lanes.handle(lane));
    }
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    tokio::pin!(all_ended);
    tokio::select! {
        () = &mut all_ended => {}
        () = passed(end) => {
            // nothing is due any more, also where every user still waits for an answer: the drain counts from here
            run.advance(Arrivals::Over);
            all_ended.await;
        }
    }
    run.load.requests.filter(|_| run.load.duration.is_none()).unwrap_or_else(|| run.issued())
}

async fn serve_user(
    run: Arc<StepRun>,
    stock: Arc<Stock>,
    user: u32,
    lane: usize,
    begin: Instant,
    end: Option<Instant>,
    think_time: Duration,
) {
    if !wait_until(&run, begin, end).await {
        return;
    }
    let _at_work = run.enter_user();
    let mut agenda = Agenda::new(&run, stock);
    while let Some(prepared) = agenda.next(&run, lane) {
        let in_flight = run.enter();
        let due_ns = run.shared.clock.now_ns();
        let Exchanged { outcome, turn } = exchange(&run, prepared, Some(user), due_ns, 0).await;
        drop(in_flight);
        if outcome == Outcome::NotSent {
            // at the ceiling: the run is being stopped, and until then nothing more of this user is due
            run.arrivals_over().await;
            break;
        }
        if run.is_used_up() {
            // thinking would only hold up the end
            break;
        }
        let think_time = agenda.heard(turn).unwrap_or(think_time);
        let unreachable = matches!(outcome, Outcome::ConnectFailed | Outcome::TlsFailed);
        let pause = if unreachable { think_time.max(BACK_OFF) } else { think_time };
        if !wait_until(&run, Instant::now() + pause, end).await {
            return;
        }
    }
    // the first user without work ends the arrivals of the step
    if agenda.ends_with_one() || run.is_used_up() {
        run.advance(Arrivals::Over);
    }
}

/// Waits for the moment of the next request. `false` when the arrivals of the step are over by then.
async fn wait_until(run: &StepRun, at: Instant, end: Option<Instant>) -> bool {
    if end.is_some_and(|end| at >= end) {
        // nothing of this user is due any more, but the step is not over before its time
        run.arrivals_over().await;
        return false;
    }
    if at > Instant::now() {
        tokio::select! {
            () = tokio::time::sleep_until(at) => {}
            () = run.arrivals_over() => {}
        }
    }
    run.arrivals() == Arrivals::Running
}

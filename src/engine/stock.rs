//! Requests of a closed loop, made ahead of need: nobody knows when they will be due, only which ones are next.

use std::{
    sync::{Arc, Mutex, PoisonError, TryLockError},
    thread::{self, Thread},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    exchange::Prepared,
    step::{Arrivals, StepRun},
};
use crate::{
    plan::conversation_of,
    wire::{Pool, priority},
};

/// Requests that are kept for each user.
const FOR_EACH: usize = 2;

/// Requests that are kept at least and at most: prompts may be large.
const KEPT: std::ops::RangeInclusive<usize> = 8..=256;

/// Longest wait for requests before the step begins. Those that are not made by then are made when they are needed.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the preparer looks whether anybody still needs it, where nobody wakes it.
const NAP: Duration = Duration::from_millis(50);

/// The next requests of a step, each in a place of its own, made by a thread beside those that measure. Where one is not made
/// yet, whoever needs it makes it.
pub(super) struct Stock {
    /// `None` once nobody is left who could take any.
    places: Option<Arc<[Place]>>,
    /// The thread that makes them; `None` where there is none.
    preparer: Option<Thread>,
}

/// A request and its number. One that was needed before it was there lies here until another one takes its place.
type Place = Mutex<Option<(u64, Box<Prepared>)>>;

impl Stock {
    /// Begins to make requests for so many users, and waits a little until there is one for each. Where requests may come to share
    /// connections none are made: what goes out depends on what the thread that sends it has learnt of the server.
    pub(super) async fn fill(run: &Arc<StepRun>, users: u32) -> Self {
        let mut pools =
            run.load.traffic.iter().flat_map(|traffic| &run.shared.endpoints[traffic.endpoint].pools);
        // nor where what is said depends on what was answered
        let converses = conversation_of(&run.shared.plan, &run.load).is_some();
        if converses || pools.any(Pool::may_share) {
            return Self { places: None, preparer: None };
        }
        let kept = (users as usize).saturating_mul(FOR_EACH).clamp(*KEPT.start(), *KEPT.end());
        let places: Arc<[Place]> = (0..kept).map(|_| Place::default()).collect();
        let (tell, full) = oneshot::channel();
        let (of_run, to_fill) = (Arc::clone(run), Arc::clone(&places));
        let spawned = thread::Builder::new()
            .name("preparer".to_owned())
            .spawn(move || make(&of_run, &to_fill, u64::from(users), tell))
            .map(|handle| handle.thread().clone());
        // first, so that it is told also where nobody waits any more
        let stock = Self { places: Some(places), preparer: spawned.ok() };
        tokio::select! {
            // an error means that there is no more to be made
            _ = full => {}
            () = tokio::time::sleep(PATIENCE) => {}
            () = run.arrivals_over() => {}
        }
        stock
    }

    /// Request number `index`, for one of the threads that measure.
    pub(super) fn take(&self, run: &StepRun, index: u64, lane: usize) -> Box<Prepared> {
        let made = self.places.as_ref().and_then(|places| {
            // now and then: to wake a thread costs more than to make a request
            if index.is_multiple_of(places.len() as u64 / 2) {
                self.wake();
            }
            // whoever measures waits for nobody: a place in use is one that is being filled too late
            let mut place = match place(places, index).try_lock() {
                Ok(place) => place,
                Err(TryLockError::Poisoned(place)) => place.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            };
            place.take_if(|(number, _)| *number == index)
        });
        made.map_or_else(|| Prepared::new(run, index, lane), |(_, made)| made.for_lane(lane))
    }

    fn wake(&self) {
        if let Some(preparer) = &self.preparer {
            preparer.unpark();
        }
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        // so that it sees that nobody is left, and ends
        self.places = None;
        self.wake();
    }
}

fn place(places: &[Place], index: u64) -> &Place {
    &places[(index % places.len() as u64) as usize]
}

/// Makes the requests behind those that were taken, until nothing more arrives or nobody is left who could take any. Tells
/// once there are as many as `enough`, or as are kept.
fn make(run: &StepRun, places: &Arc<[Place]>, enough: u64, full: oneshot::Sender<()>) {
    priority::ordinary();
    let most = run.load.requests.unwrap_or(u64::MAX);
    let kept = places.len() as u64;
    let mut full = Some(full);
    let mut next = 0;
    while run.arrivals() < Arrivals::Over && Arc::strong_count(places) > 1 {
        let taken = run.issued();
        if next < taken {
            // too late for these, and the one that is needed next would be late as well
            next = taken + kept / 2;
        }
        if next >= most {
            break;
        }
        if next >= enough.min(kept)
            && let Some(full) = full.take()
        {
            // nobody waits where the run was stopped
            let _ = full.send(());
        }
        if next < taken + kept {
            let made = Prepared::new(run, next, 0);
            // a panic elsewhere cannot leave a request half made; what was there before is dropped behind the lock
            let before =
                place(places, next).lock().unwrap_or_else(PoisonError::into_inner).replace((next, made));
            drop(before);
            next += 1;
        } else {
            thread::park_timeout(NAP);
        }
    }
}

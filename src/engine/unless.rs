//! Work that can be interrupted, at no cost while nothing interrupts it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Runs `work` to its end, or until `interruption` has come: then `work` is dropped.
///
/// `work` is woken for every read of an answer. What interrupts it is looked at only when it is itself woken: to ask a
/// timer and a channel of the whole run each time would cost as much as the read.
///
/// Both stay where they are pinned: a future that takes another one in has it twice, once where it was given and once where
/// it is pinned, and there may be ten thousand of these.
///
/// # Errors
/// What interrupted it.
pub(super) async fn unless<W: Future, I: Future>(
    mut interruption: Pin<&mut I>,
    mut work: Pin<&mut W>,
) -> Result<W::Output, I::Output> {
    let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::default() });
    let waker = Waker::from(Arc::clone(&bell));
    let mut heard = None;
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        // hardly ever does any bell ring: to look at one's own after every read would be to fetch it from memory
        let rings = Some(RINGS.load(Ordering::Acquire));
        if rings != heard {
            heard = rings;
            if bell.rung.swap(false, Ordering::Acquire) {
                bell.belongs_to(cx.waker());
                if let Poll::Ready(came) = interruption.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(Err(came));
                }
            }
        }
        Poll::Pending
    })
    .await
}

/// How often any bell has rung.
static RINGS: AtomicU64 = AtomicU64::new(0);

/// Rings when the interruption may have come, and wakes the task for it. Tasks keep their waker.
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    fn belongs_to(&self, task: &Waker) {
        // a panic elsewhere cannot leave a waker half stored
        self.task.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| task.clone());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        RINGS.fetch_add(1, Ordering::Release);
        if let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner) {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending, pin::pin, time::Duration};

    use tokio::{sync::oneshot, task::yield_now, time::sleep};

    use super::*;

    async fn unless<W: Future, I: Future>(interruption: I, work: W) -> Result<W::Output, I::Output> {
        super::unless(pin!(interruption), pin!(work)).await
    }

    #[tokio::test]
    async fn work_ends_where_nothing_interrupts_it() {
        assert_eq!(unless(pending::<()>(), async { 7 }).await, Ok(7));
        let slow = async {
            sleep(Duration::from_millis(5)).await;
            8
        };
        assert_eq!(unless(pending::<()>(), slow).await, Ok(8));
        // what is ready counts, also where the interruption has come as well
        assert_eq!(unless(async {}, async { 9 }).await, Ok(9));
    }

    #[tokio::test]
    async fn an_interruption_is_heard_whenever_it_comes() {
        assert_eq!(unless(async { "at once" }, pending::<()>()).await, Err("at once"));
        assert_eq!(unless(sleep(Duration::from_millis(5)), pending::<()>()).await, Err(()));
        let (tell, told) = oneshot::channel();
        let waiting = tokio::spawn(unless(told, pending::<()>()));
        yield_now().await;
        tell.send("from elsewhere").expect("somebody listens");
        assert_eq!(waiting.await.expect("no panic"), Err(Ok("from elsewhere")));
        // also by work that never waits for anything else
        let busy = async {
            loop {
                yield_now().await;
            }
        };
        assert_eq!(unless(sleep(Duration::from_millis(5)), busy).await, Err::<(), ()>(()));
    }

    #[tokio::test]
    async fn it_is_not_asked_while_nothing_woke_it() {
        let asked = Cell::new(0);
        let interruption = std::future::poll_fn(|_| {
            asked.set(asked.get() + 1);
            Poll::<()>::Pending
        });
        let work = async {
            for _ in 0..100 {
                yield_now().await;
            }
        };
        assert_eq!(unless(interruption, work).await, Ok(()));
        assert_eq!(asked.get(), 1);
    }
}

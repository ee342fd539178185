//! Ctrl-C and SIGTERM.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::record::StopCause;

/// Signals that follow one another faster than this were meant as one; nobody presses Ctrl-C twice so fast.
const ECHO: Duration = Duration::from_millis(100);

/// The signals that stop a run in stages. From its creation on they no longer end the process by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    last: Option<Instant>,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            last: None,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal. Signals right behind one another count as one: a supervisor often tells the process
    /// and its whole group.
    pub(super) async fn next(&mut self) -> StopCause {
        loop {
            let cause = self.receive().await;
            let again = self.last.is_some_and(|last| last.elapsed() < ECHO);
            self.last = Some(Instant::now());
            if !again {
                return cause;
            }
        }
    }

    /// Whether there has been any.
    pub(super) fn caught(&self) -> bool {
        self.last.is_some()
    }

    #[cfg(unix)]
    async fn receive(&mut self) -> StopCause {
        tokio::select! {
            _ = self.interrupt.recv() => StopCause::Interrupt,
            _ = self.terminate.recv() => StopCause::Terminate,
        }
    }

    #[cfg(not(unix))]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { last: None })
    }

    #[cfg(not(unix))]
    async fn receive(&mut self) -> StopCause {
        if tokio::signal::ctrl_c().await.is_err() {
            // no way to be told: then nobody asks
            std::future::pending::<()>().await;
        }
        StopCause::Interrupt
    }
}

//! Ctrl-C and SIGTERM.

use std::io;

use crate::record::StopCause;

/// The signals that stop a run in stages. From its creation on they no longer end the process by themselves.
#[derive(Debug)]
pub(super) struct Signals {
    caught: bool,
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
            caught: false,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> StopCause {
        let cause = self.receive().await;
        self.caught = true;
        cause
    }

    /// Whether there has been any.
    pub(super) fn caught(&self) -> bool {
        self.caught
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
        Ok(Self { caught: false })
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

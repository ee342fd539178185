//! The one way out of the engine.

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::record::{Diary, Event, Record};

/// Sends events to whoever writes them down.
pub(super) struct Recorder {
    events: mpsc::Sender<Event>,
    full: mpsc::Sender<()>,
}

impl Recorder {
    /// `full` is told when the queue of events overflows.
    pub(super) fn new(events: mpsc::Sender<Event>, full: mpsc::Sender<()>) -> Self {
        Self { events, full }
    }

    pub(super) async fn finished(&self, record: Record, chunks: Vec<u64>) {
        self.send(Event::Finished { record: Box::new(record), chunks }).await;
    }

    pub(super) async fn diary(&self, line: Diary) {
        self.send(Event::Diary(line)).await;
    }

    /// Usually does not wait. With a full queue it says so, which stops the arrivals, and then waits: from there on
    /// the run is no measurement any more, but no record may be lost.
    async fn send(&self, event: Event) {
        match self.events.try_send(event) {
            // without a receiver nobody is left to tell
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(event)) => {
                let _ = self.full.try_send(());
                let _ = self.events.send(event).await;
            }
        }
    }
}

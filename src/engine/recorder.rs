//! The one way out of the engine.

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::record::{Diary, Event, Record, Texts};

/// Sends events to whoever writes them down.
pub(super) struct Recorder {
    events: mpsc::Sender<Event>,
    full: mpsc::Sender<()>,
}

impl Recorder {
    /// `full` is told when the queue of events overflows or nobody reads it any more.
    pub(super) fn new(events: mpsc::Sender<Event>, full: mpsc::Sender<()>) -> Self {
        Self { events, full }
    }

    /// Texts are left out where the queue is an eighth full: a writer that falls behind must not lose records to them,
    /// and what waits in the queue stays small.
    pub(super) async fn finished(&self, record: Record, chunks: Vec<u64>, texts: Option<Texts>) {
        let texts = texts.filter(|_| !self.is_behind()).map(Box::new);
        self.send(Event::Finished { record: Box::new(record), chunks, texts }).await;
    }

    /// Hands on what may be left out, unless the queue is an eighth full. Never waits.
    pub(super) fn offer(&self, event: Event) {
        if !self.is_behind() {
            let _ = self.events.try_send(event);
        }
    }

    fn is_behind(&self) -> bool {
        let waiting = self.events.max_capacity() - self.events.capacity();
        waiting > self.events.max_capacity() / 8
    }

    pub(super) async fn diary(&self, line: Diary) {
        self.send(Event::Diary(line)).await;
    }

    /// Usually does not wait. With a full queue it says so, which stops the arrivals, and then waits: from there on
    /// the run is no measurement any more, but no record may be lost.
    async fn send(&self, event: Event) {
        match self.events.try_send(event) {
            Ok(()) => {}
            // whoever wrote them down is gone: a load that leaves no records must not go on
            Err(TrySendError::Closed(_)) => {
                let _ = self.full.try_send(());
            }
            Err(TrySendError::Full(event)) => {
                let _ = self.full.try_send(());
                let _ = self.events.send(event).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::exchange::untouched;

    #[tokio::test]
    async fn a_full_queue_and_a_lost_reader_stop_the_arrivals() {
        let line = || Diary::RunEnded { at_ns: 0 };
        let (events, mut out) = mpsc::channel(1);
        let (full, mut told) = mpsc::channel(1);
        let recorder = Recorder::new(events, full);
        recorder.diary(line()).await;
        assert!(told.try_recv().is_err(), "there was room");
        // the second waits for room, and nothing is dropped
        let ((), first) = tokio::join!(recorder.diary(line()), out.recv());
        assert!(first.is_some() && out.recv().await.is_some());
        assert!(told.try_recv().is_ok());
        drop(out);
        recorder.diary(line()).await;
        assert!(told.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_writer_that_falls_behind_loses_texts_and_no_record() {
        let (events, mut out) = mpsc::channel(16);
        let (full, _told) = mpsc::channel(1);
        let recorder = Recorder::new(events, full);
        for _ in 0..5 {
            recorder.finished(untouched(0), Vec::new(), Some(Texts::default())).await;
        }
        let mut kept = Vec::new();
        while let Ok(Event::Finished { texts, .. }) = out.try_recv() {
            kept.push(texts.is_some());
        }
        assert_eq!(kept, [true, true, true, false, false]);
    }
}

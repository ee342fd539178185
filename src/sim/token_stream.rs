//! The body of a streamed answer: a frame of server-sent events for each thing that happens to the request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{
    answer::Answer,
    fault::Fault,
    model::Event,
    player::{Happened, Ticket},
    refusal::Refusal,
};

/// A stream on its way out.
#[derive(Debug)]
pub(super) struct TokenStream {
    ticket: Ticket,
    answer: Answer,
    opening: Option<Bytes>,
    flow: Flow,
}

/// Where a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// There is more to come.
    Open,
    /// The connection is to be cut.
    Cutting,
    /// Nothing comes any more, and the client is not told.
    Stalled,
    /// Everything was sent.
    Ended,
}

/// The error with which a body makes hyper close the connection without the chunk that ends it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(super) struct Cut;

impl TokenStream {
    /// The stream of a request that was accepted.
    pub(super) fn new(ticket: Ticket, mut answer: Answer) -> Self {
        Self { ticket, opening: answer.opening(), answer, flow: Flow::Open }
    }

    /// The frame for an event; `None` for events that a client does not see. The stream of several prompts ends with the
    /// last of them, and breaks with the first that breaks.
    fn frame(&mut self, happened: Option<Happened>) -> Option<Bytes> {
        let index = happened.map_or(0, |happened| happened.index);
        match happened.map(|happened| happened.event) {
            Some(Event::Queued | Event::Started | Event::Preempted | Event::Resumed) => None,
            Some(Event::Token { last: false, .. }) => Some(self.answer.token(index)),
            Some(Event::Token { last: true, .. }) if self.ticket.all_ended() => {
                self.flow = Flow::Ended;
                Some(self.answer.end(index))
            }
            Some(Event::Token { last: true, .. }) => Some(self.answer.last_token(index)),
            Some(Event::Failed(fault @ Fault::ErrorInStream)) => {
                self.flow = Flow::Ended;
                Some(format!("data: {}\n\n", Refusal::fault(fault).body()).into())
            }
            Some(Event::Failed(Fault::Stalled)) => {
                self.flow = Flow::Stalled;
                None
            }
            // the other faults come before a stream; a player that is gone cuts what it leaves behind
            Some(Event::Failed(Fault::Cut | Fault::Error | Fault::Overloaded | Fault::TooLong)) | None => {
                self.flow = Flow::Cutting;
                None
            }
        }
    }
}

impl Body for TokenStream {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(Ok(Frame::data(opening))));
        }
        loop {
            match self.flow {
                Flow::Open => {
                    let happened = ready!(self.ticket.poll_next(context));
                    if let Some(frame) = self.frame(happened) {
                        return Poll::Ready(Some(Ok(Frame::data(frame))));
                    }
                    if self.flow == Flow::Cutting {
                        // on an error hyper drops what it has not written yet; between two polls it writes
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Flow::Cutting => {
                    self.flow = Flow::Ended;
                    return Poll::Ready(Some(Err(Cut)));
                }
                // not woken again: hyper drops the body when the client leaves
                Flow::Stalled => return Poll::Pending,
                Flow::Ended => return Poll::Ready(None),
            }
        }
    }
}

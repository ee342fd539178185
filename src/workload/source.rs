//! A workload that prompts can be had of.

use std::{sync::Arc, time::Duration};

use super::{
    MeanTokens, Prompt, conversation,
    counter::Counter,
    dataset::{DatasetError, Rows},
    snippets, synthetic,
    trace::{self, Requests},
};

/// A workload with whatever its prompts come from, open. Clones share it.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name of the workload, which prompts are drawn by.
    name: Arc<str>,
    kind: Kind,
    /// What counts the tokens of its prompts.
    counter: Counter,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Synthetic(Arc<synthetic::Writer>),
    Snippets(Arc<snippets::Writer>),
    Dataset(Arc<Rows>),
    Conversation(Arc<conversation::Writer>),
    Trace(Arc<Requests>),
}

impl Source {
    pub(super) fn new(name: &str, kind: Kind, counter: Counter) -> Self {
        Self { name: name.into(), kind, counter }
    }

    /// What counts the tokens of its prompts.
    pub fn counter(&self) -> &Counter {
        &self.counter
    }

    /// Tokens that its requests have on average.
    ///
    /// # Errors
    ///
    /// Those of [`prompt`](Self::prompt).
    pub(super) fn mean_tokens(&self) -> Result<MeanTokens, DatasetError> {
        match &self.kind {
            Kind::Synthetic(writer) => Ok(writer.mean_tokens()),
            Kind::Snippets(writer) => Ok(writer.mean_tokens()),
            Kind::Dataset(rows) => rows.mean_tokens(),
            Kind::Conversation(writer) => Ok(writer.mean_tokens()),
            Kind::Trace(requests) => Ok(requests.mean_tokens()),
        }
    }

    /// The prompt of request `seq`.
    ///
    /// Made-up prompts are different for any two sequence numbers: the part that is not shared on purpose begins with a
    /// title, or the name of a file, that spells the number in words. Those of a dataset are different until all of its rows have been used;
    /// those of a trace have the lengths of its rows, one after the other.
    ///
    /// # Errors
    ///
    /// Where a file can no longer be read, or is no longer what it was when it was opened.
    pub fn prompt(&self, seed: u64, seq: u64) -> Result<Prompt, DatasetError> {
        self.at_place(seed, seq, 0, 1)
    }

    /// The prompts of request `seq` where it carries several; each follows from the seed, the number and its place, and the
    /// first of made-up ones is that of [`prompt`](Self::prompt). They all ask for the same number of output tokens, since a
    /// request has one limit for all of them: that of the first.
    ///
    /// # Errors
    ///
    /// Those of [`prompt`](Self::prompt).
    pub fn batch(&self, seed: u64, seq: u64, size: u32) -> Result<Vec<Prompt>, DatasetError> {
        let mut prompts =
            (0..size).map(|place| self.at_place(seed, seq, place, size)).collect::<Result<Vec<_>, _>>()?;
        if let [first, others @ ..] = prompts.as_mut_slice() {
            for other in others {
                other.output_tokens = first.output_tokens;
            }
        }
        Ok(prompts)
    }

    /// The prompt of request `seq` of a step that follows a trace, with the row that it is.
    ///
    /// # Errors
    ///
    /// Those of [`prompt`](Self::prompt).
    pub fn row(&self, seed: u64, seq: u64, row: u64) -> Result<Prompt, DatasetError> {
        match &self.kind {
            Kind::Trace(requests) => {
                trace::prompt(requests, &self.counter, &self.name, seed, (seq, Some(row)), (0, 1))
            }
            _ => self.prompt(seed, seq),
        }
    }

    /// When the requests of a trace are due at a speed, in nanoseconds from the start of a phase, ascending: so many at most, and
    /// before the end of a duration. None of what is no trace.
    pub fn arrivals(
        &self,
        speed: f64,
        requests: Option<u64>,
        duration: Option<Duration>,
    ) -> impl Iterator<Item = u64> {
        let trace = match &self.kind {
            Kind::Trace(trace) => Some(trace),
            _ => None,
        };
        trace.into_iter().flat_map(move |trace| trace.arrivals(speed, requests, duration))
    }

    /// What request `seq` says where it is turn `turn`, from 0, of a conversation; the turns before it are for whoever has heard
    /// the answers.
    ///
    /// # Errors
    ///
    /// Those of [`prompt`](Self::prompt).
    pub fn turn(&self, seed: u64, seq: u64, turn: u32) -> Result<Prompt, DatasetError> {
        match &self.kind {
            Kind::Conversation(writer) => Ok(writer.prompt(&self.name, seed, seq, turn)),
            _ => self.prompt(seed, seq),
        }
    }

    fn at_place(&self, seed: u64, seq: u64, place: u32, size: u32) -> Result<Prompt, DatasetError> {
        let name = &self.name;
        match &self.kind {
            Kind::Synthetic(writer) => Ok(writer.prompt(name, seed, seq, place)),
            Kind::Snippets(writer) => Ok(writer.prompt(name, seed, seq, place)),
            Kind::Dataset(rows) => rows.prompt(name, seed, seq, place, size),
            Kind::Conversation(writer) => Ok(writer.prompt(name, seed, seq, 0)),
            Kind::Trace(requests) => {
                trace::prompt(requests, &self.counter, name, seed, (seq, None), (place, size))
            }
        }
    }
}

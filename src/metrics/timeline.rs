//! The run in slices, for charts over time.

use crate::{
    metrics::{Slice, Stop, Timeline, cell::arrivals, survey::Survey},
    record::Record,
};

/// At most so many slices, and none shorter than a second.
const MAX_SLICES: u64 = 600;
const SECOND_NS: u64 = 1_000_000_000;

/// A timeline being filled.
pub(super) struct Drawing {
    slice_ns: u64,
    total_ns: u64,
    slices: Vec<Slice>,
}

impl Drawing {
    /// Empty slices over the whole run, marked with the phases at their start.
    pub(super) fn new(survey: &Survey<'_>) -> Self {
        let total_ns = survey.last_end_ns;
        let slice_ns = total_ns.div_ceil(MAX_SLICES * SECOND_NS).max(1) * SECOND_NS;
        let phases_at = |at_ns: u64| -> Vec<String> {
            let running = survey.steps.values().filter(|step| {
                // a step that did not end was running to the last
                step.started_ns.is_some_and(|start| start <= at_ns)
                    && step.ended_ns.is_none_or(|end| at_ns < end)
            });
            running.map(|step| step.step.phase.clone()).collect()
        };
        let slices = (0..total_ns.div_ceil(slice_ns))
            .map(|i| Slice { phases: phases_at(i * slice_ns), ..Slice::default() })
            .collect();
        Self { slice_ns, total_ns, slices }
    }

    /// The slice of a moment; the last one also owns its own end.
    fn at(&mut self, at_ns: u64) -> Option<&mut Slice> {
        let last = self.slices.len().checked_sub(1)?;
        self.slices.get_mut(((at_ns / self.slice_ns) as usize).min(last))
    }

    /// Takes in one request; what the stop cut off neither completed nor failed.
    pub(super) fn add(&mut self, record: &Record, chunks: &[u64], stop: Option<Stop>) {
        if let Some(slice) = self.at(record.due_ns) {
            slice.due += 1;
        }
        if let Some(slice) = self.at(record.end_ns) {
            if !record.outcome.failed() {
                slice.completed += 1;
            } else if stop.is_none_or(|stop| !stop.cut_off(record)) {
                slice.failed += 1;
            }
        }
        if let Some(tokens) = record.output_tokens.filter(|tokens| *tokens > 0) {
            arrivals(record, chunks, |moments| {
                let each = tokens as f64 / moments.len() as f64;
                for at in moments {
                    let Some(slice) = self.at(*at) else { continue };
                    // the name is copied once a slice, not once a chunk
                    if let Some(sum) = slice.output_tokens.get_mut(&record.endpoint) {
                        *sum += each;
                    } else {
                        slice.output_tokens.insert(record.endpoint.clone(), each);
                    }
                }
            });
        }
        if let Some(sent_ns) = record.sent_ns {
            self.add_in_flight(sent_ns, record.end_ns);
        }
    }

    fn add_in_flight(&mut self, from_ns: u64, to_ns: u64) {
        let (slice_ns, total_ns) = (self.slice_ns, self.total_ns);
        let first = from_ns / slice_ns;
        let last = to_ns / slice_ns;
        for (i, slice) in (first..=last).zip(self.slices.iter_mut().skip(first as usize)) {
            let (start, end) = (i * slice_ns, ((i + 1) * slice_ns).min(total_ns));
            let inside = to_ns.min(end).saturating_sub(from_ns.max(start));
            slice.in_flight += inside as f64 / (end - start) as f64;
        }
    }

    /// The finished timeline.
    pub(super) fn finish(self) -> Timeline {
        Timeline { slice_s: self.slice_ns as f64 / 1e9, slices: self.slices }
    }
}

//! The part of a step that counts.

use crate::{
    metrics::{Ending, survey::StepSurvey},
    plan::Pattern,
    units,
};

/// A stretch of the run in nanoseconds; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
}

impl Span {
    pub(super) fn contains(self, at_ns: u64) -> bool {
        (self.from_ns..=self.to_ns).contains(&at_ns)
    }

    pub(super) fn length_s(self) -> f64 {
        (self.to_ns - self.from_ns) as f64 / 1e9
    }

    /// Whether more than a moment lies in both.
    pub(super) fn overlaps(self, other: Self) -> bool {
        self.from_ns.max(other.from_ns) < self.to_ns.min(other.to_ns)
    }

    /// How many of these ascending moments lie in it.
    pub(super) fn count(self, moments: &[u64]) -> usize {
        moments.partition_point(|at| *at <= self.to_ns) - moments.partition_point(|at| *at < self.from_ns)
    }
}

/// The window of a step, and what is to be said about it; no window where nothing was due.
///
/// Open loops and steps that end by time: from the start to the last due time. Closed loops that end by count: from
/// the start of the last user (without a ramp-up all start together) to the first user without work, or everything where
/// there is no such stretch. Of each, what is due while the step settles does not count.
pub(super) fn window(step: &StepSurvey<'_>, ending: Ending) -> (Option<Span>, Option<String>) {
    let (span, note) = unsettled(step, ending);
    let settle_ns = step.load.settle.as_nanos() as u64;
    let Some(mut span) = span.filter(|_| settle_ns > 0) else { return (span, note) };
    span.from_ns = span.from_ns.max(step.started_ns.unwrap_or(span.from_ns) + settle_ns);
    if span.from_ns < span.to_ns {
        return (Some(span), note);
    }
    let settle = units::write_duration(step.load.settle);
    // users whose answers take longer than that show how long those take all the same, which a search goes on from
    if let (Pattern::Closed { .. }, Some(_), false) =
        (&step.load.pattern, &step.load.trial, step.account.cut_short)
    {
        let note = format!(
            "`{}`: no user had a second request once it had settled for {settle}, so its window is all of it",
            step.title()
        );
        return (step.hull, Some(note));
    }
    (
        None,
        Some(format!(
            "`{}`: it was over before it had settled for {settle}, so nothing of it counts",
            step.title()
        )),
    )
}

/// The window of a step that has nothing to settle.
fn unsettled(step: &StepSurvey<'_>, ending: Ending) -> (Option<Span>, Option<String>) {
    let Some(hull) = step.hull else { return (None, None) };
    let (users, together) = match step.load.pattern {
        Pattern::Closed { users, ramp_up, .. } if ended_by_count(step) => (users, ramp_up.is_zero()),
        _ => {
            // a diary that lost its start cannot begin later than what it started
            let from_ns = step.started_ns.map_or(hull.from_ns, |started| started.min(hull.from_ns));
            return (Some(Span { from_ns, to_ns: step.last_due_ns }), None);
        }
    };
    let last_start_ns = step.users.values().map(|user| user.from_ns).max().unwrap_or(hull.from_ns);
    let to_ns = if ending == Ending::Killed {
        // nobody had run out of work: the last record of a user is not its last request
        hull.to_ns
    } else {
        step.users.values().map(|user| user.to_ns).min().unwrap_or(hull.to_ns)
    };
    if step.users.len() as u64 == u64::from(users) && last_start_ns < to_ns {
        // users without a ramp-up start at one moment, and what lies between them is the time it takes to say so
        let from_ns = if together { hull.from_ns } else { last_start_ns };
        return (Some(Span { from_ns, to_ns }), None);
    }
    let note = format!(
        "`{}`: {} never kept all {users} users busy at once, so its window is all of it, idle users included",
        step.title(),
        units::show_count_of(step.account.records, "request"),
    );
    (Some(hull), Some(note))
}

/// Whether the count ended a step, or would have: a step with a duration beside it may have met that first, and one that
/// ends with another step that end.
fn ended_by_count(step: &StepSurvey<'_>) -> bool {
    let otherwise = step.load.duration.is_some() || step.load.until.is_some();
    step.load.requests.is_some_and(|requests| !otherwise || step.account.issued >= requests)
}

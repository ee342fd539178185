//! Searches as tables, whoever shows them.

use super::Report;
use crate::{
    units,
    verdict::{Attempt, Found, Mark},
};

/// What each trial of a search says.
pub(super) const HEADINGS: [&str; 4] = ["trial", "lasted", "", "by"];

/// A trial as a row.
pub(super) struct Row {
    pub(super) mark: Mark,
    /// In the order of [`HEADINGS`].
    pub(super) cells: [String; 4],
}

/// The searches of a run with their trials, in the order in which they were run.
pub(super) fn tables<'a>(report: &Report<'a>) -> impl Iterator<Item = (&'a Found, Vec<Row>)> {
    report.verdict.searches.iter().map(|found| (found, found.attempts.iter().map(row).collect()))
}

fn row(attempt: &Attempt) -> Row {
    let Attempt { step, duration_s, mark, reason, .. } = attempt;
    let word = match mark {
        Mark::Pass => "✓ holds",
        Mark::Inconclusive => "? undecided",
        Mark::Fail => "✗ does not hold",
    };
    let cells = [step.clone(), units::show_seconds(*duration_s), word.to_owned(), reason.clone()];
    Row { mark: *mark, cells }
}

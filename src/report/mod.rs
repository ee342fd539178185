//! Verdict and Summary → bytes; one file per format. Pure.
//!
//! Every renderer takes a [`Report`], which borrows everything that is known about a run, and gives back text or
//! bytes; where they go is decided elsewhere. A value that is missing is `–` for people and `null` or an empty
//! field for programs, never 0. Percentiles are as targets judge them, with failed requests as infinite, unless
//! they say otherwise.

mod alerts;
mod changes;
mod chart;
mod csv;
#[cfg(test)]
pub(crate) mod fixture;
mod energy;
mod html;
mod json;
mod ladders;
mod observed;
mod pressure;
mod searches;
mod services;
mod spikes;
mod terminal;
mod words;

pub use chart::{Chart, ChartError, charts};
pub use csv::{csv_header, csv_row, spikes_csv};
pub use html::{HtmlError, PageError, comparisons, html};
pub use json::{Document, FORMAT, json};
pub use terminal::{Line, Style, calibration, cases, comparison, line, repeats, several, terminal};

use crate::{machine::SystemInfo, metrics::Summary, plan::Plan, verdict::Verdict};

/// Everything that is known about a run once it is over: the input of every renderer.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// Where it was done and what answered.
    pub system: &'a SystemInfo,
    /// The numbers.
    pub summary: &'a Summary,
    /// What they come to.
    pub verdict: &'a Verdict,
    /// Wall clock at time 0 of the run, in UTC.
    pub started: time::OffsetDateTime,
    /// Seconds from the start of the run to its end.
    pub elapsed_s: f64,
    /// The run folder, as it is shown to the user.
    pub folder: &'a str,
}

impl<'a> Report<'a> {
    /// The run's name: that of its folder, wherever the folder is.
    fn run(&self) -> &'a str {
        self.folder.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default()
    }
}

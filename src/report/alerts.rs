//! The alerts that fired, in words.

use super::Report;
use crate::{
    config::Severity,
    metrics::Fired,
    units::{show_count_of, show_seconds},
};

/// One of them, as it is shown.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) name: &'a str,
    pub(super) severity: &'static str,
    pub(super) condition: &'a str,
    pub(super) first: String,
    pub(super) lasted: String,
    pub(super) worst: String,
    pub(super) times: u64,
    /// Where, and what happened.
    pub(super) place: String,
}

/// What is not there.
const NONE: &str = "–";

/// Each, what means most first.
pub(super) fn alerts<'a>(report: &Report<'a>) -> Vec<Shown<'a>> {
    report.summary.alerts.iter().map(Shown::of).collect()
}

impl<'a> Shown<'a> {
    fn of(fired: &'a Fired) -> Self {
        let unit = fired.metric.map(|metric| metric.metric.unit());
        let worst = fired.worst.zip(unit).map(|(worst, unit)| {
            if worst.is_finite() { unit.show(worst) } else { "failed requests".to_owned() }
        });
        let lasted = fired.firing_s.map(|seconds| {
            let end = if fired.at_end { ", to the end" } else { "" };
            format!("{}{end}", show_seconds(seconds))
        });
        let scopes = fired.scopes.iter().map(ToString::to_string);
        let subject = fired.subject.iter().filter(|_| fired.whys.is_empty()).map(ToString::to_string);
        let places: Vec<String> = scopes.chain(subject).chain(fired.whys.iter().cloned()).collect();
        Self {
            name: &fired.name,
            severity: severity(fired.severity),
            condition: &fired.condition,
            first: show_seconds(fired.first_s),
            lasted: lasted.unwrap_or_else(|| NONE.to_owned()),
            worst: worst.unwrap_or_else(|| NONE.to_owned()),
            times: fired.times,
            place: places.join("; "),
        }
    }

    /// All of it in a line: `slow (ttft.p95 > 800 ms over 30s): fired twice, first after 3.20 s, for 12.0 s in all`.
    pub(super) fn line(&self) -> String {
        let mut parts = vec![format!("{} ({})", self.name, self.condition)];
        if !self.place.is_empty() {
            parts.push(self.place.clone());
        }
        parts.push(format!("fired {}, first after {}", show_count_of(self.times, "time"), self.first));
        if self.lasted != NONE {
            parts.push(format!("for {}", self.lasted));
        }
        if self.worst != NONE {
            parts.push(format!("at worst {}", self.worst));
        }
        parts.join(" · ")
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Info => "info",
    }
}

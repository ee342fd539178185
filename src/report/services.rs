//! The programs that a run started: what, how soon they were ready, how they ended.

use super::Report;
use crate::{machine::StartedService, plan::PlannedService, record::ServiceEnded, units::show_seconds};

/// One of them, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) planned: &'a PlannedService,
    pub(super) started: Option<&'a StartedService>,
    /// `None` where a killed run could not see it.
    pub(super) ended: Option<&'a ServiceEnded>,
}

/// Each, in the order of the plan.
pub(super) fn services<'a>(report: &Report<'a>) -> impl Iterator<Item = Known<'a>> + use<'a> {
    let Report { plan, system, summary, .. } = *report;
    plan.services.iter().map(|planned| Known {
        planned,
        started: system.services.iter().find(|started| started.service == planned.name),
        ended: summary.services.iter().find(|ended| ended.service == planned.name),
    })
}

impl Known<'_> {
    /// How soon it was ready: `ready in 3.20 s`.
    pub(super) fn readiness(&self) -> Option<String> {
        Some(format!("ready in {}", show_seconds(self.started?.ready_s)))
    }

    /// How it ended: `stopped at the end`, `ended with status 1 after 3.20 s`.
    pub(super) fn end(&self) -> Option<String> {
        let ended = self.ended?;
        Some(if !ended.asked {
            format!("{} after {}", ended.how(), show_seconds(ended.at_ns as f64 / 1e9))
        } else if ended.killed || !ended.left_running.is_empty() {
            ended.how()
        } else {
            "stopped at the end".to_owned()
        })
    }

    /// All of it in a line.
    pub(super) fn line(&self) -> String {
        let first = format!("{}: {}", self.planned.name, self.planned.command_line());
        [Some(first), self.readiness(), self.end()].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }
}

/// That services ended while the run went on, which it did without them, or that some of them cannot be killed; one sentence for
/// each.
pub(super) fn lost<'a>(report: &Report<'a>) -> impl Iterator<Item = String> + use<'a> {
    services(report).filter_map(|known| {
        let (name, end, ended) = (&known.planned.name, known.end()?, known.ended?);
        let mut sentence = format!("the service `{name}` {end}");
        if !ended.asked {
            sentence.push_str(", and the run went on without it");
        }
        if !ended.left_running.is_empty() {
            sentence.push_str("; what is left may hold its port, its memory and its GPU: end it as the user that it belongs to");
        }
        let told = !ended.asked || !ended.left_running.is_empty();
        told.then(|| format!("{sentence}: see `services/{name}.log`"))
    })
}

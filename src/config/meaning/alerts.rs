//! Alerts must have something to watch, and watch what can be told while the run goes on.

use std::fmt;

use super::{
    super::{Alert, Bound, Target, is_live},
    Check, Diagnostic,
};
use crate::units::write_duration;

/// What asks for a metric: a target, or an alert, whose metric stands in its condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asks<'a> {
    table: &'static str,
    /// Its name.
    pub(super) name: &'a str,
}

impl fmt::Display for Asks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.name)
    }
}

impl<'a> Asks<'a> {
    pub(super) fn target(name: &'a str) -> Self {
        Self { table: "targets", name }
    }

    fn alert(name: &'a str) -> Self {
        Self { table: "alerts", name }
    }

    /// Its own address.
    pub(super) fn whole(self) -> [&'a str; 2] {
        [self.table, self.name]
    }

    /// The address of one of its keys, by what a target calls it.
    pub(super) fn at(self, key: &'a str) -> [&'a str; 3] {
        let key = if self.watches() && key == "metric" { "when" } else { key };
        [self.table, self.name, key]
    }

    /// Whether it only watches.
    pub(super) fn watches(self) -> bool {
        self.table == "alerts"
    }

    pub(super) fn noun(self) -> &'static str {
        if self.watches() { "alert" } else { "target" }
    }

    /// Whether what it watches is there without requests: a target judges readings in measured phases.
    pub(super) fn is_of_the_whole(self, asked: &Target) -> bool {
        self.watches() && asked.metric.metric.quantity().is_some()
    }
}

impl Check<'_> {
    pub(super) fn alert(&self, name: &str, alert: &Alert) {
        let (of, metric) = (Asks::alert(name), alert.when.metric);
        let when = self.place(&of.at("when"));
        if !is_live(metric.metric) {
            let help = "judge it with a target, or watch something else";
            self.sink.push(
                Diagnostic::new(format!("`{of}` cannot watch `{metric}`"))
                    .label(when, "known only at the end")
                    .help(help),
            );
            return;
        }
        if let Some(quantity) = metric.metric.quantity()
            && let Some(monitoring) = self.draft.monitoring()
            && monitoring.enabled
        {
            // one reading alone has no mean
            let least = monitoring.interval_of(quantity) * 2;
            if alert.window < least {
                let written = write_duration(least);
                self.sink.push(
                    Diagnostic::new(format!("`{of}.window` is shorter than two readings take"))
                        .label(self.place(&of.at("window")), "holds hardly a reading")
                        .label(when, format!("read every {}", write_duration(least / 2)))
                        .help(format!("set it to {written} or more, or read more often by `[monitoring]`")),
                );
                return;
            }
        }
        // what it selects is what a target would judge
        let asked = Target {
            metric,
            bound: Bound::AtMost(0.0),
            phase: alert.phase.clone(),
            step: None,
            endpoint: alert.endpoint.clone(),
            severity: alert.severity,
            abort: None,
            from_preset: false,
        };
        self.asks_for(of, &asked);
    }
}

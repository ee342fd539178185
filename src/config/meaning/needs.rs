//! What a target needs beside traffic: objectives, a price, a metric that can be judged while requests still come.

use super::{
    super::{OPTIMUM, Severity},
    Asks, Check, Diagnostic, Load, Target, quoted,
};
use crate::catalog::{Kind, Metric};

impl Check<'_> {
    /// Whether the scenario has what the metric of a target or an alert is about; what it lacks is reported.
    pub(super) fn has_what_it_needs(&self, of: Asks<'_>, target: &Target) -> bool {
        let metric = target.metric.metric;
        let place = |key| self.place(&of.at(key));
        let lacks = |table: &str, why: &str, help: &str| {
            // a table that is there and wrong is a problem of its own
            let there = self.root.get(table).is_some();
            if !there {
                self.sink.push(
                    Diagnostic::missing(format!("`{of}` needs `[{table}]`, which the scenario lacks"))
                        .label(place("metric"), why)
                        .help(help),
                );
            }
            !there
        };
        if metric.needs_objectives() {
            if self.draft.endpoints.keys().any(|endpoint| self.asks(endpoint)) {
                return true;
            }
            let why = "counts the requests that meet every objective";
            return !lacks(
                "objectives",
                why,
                "add `[objectives]` with what each should meet, such as `ttft = \"500ms\"`",
            );
        }
        if metric.kind() == Kind::Reading {
            let enabled = self.root.at(&["monitoring", "enabled"]);
            if let Some(enabled) = enabled.filter(|_| !self.draft.monitors()) {
                self.sink.push(
                    Diagnostic::new(format!("`{of}` needs what nobody reads"))
                        .label(place("metric"), "read while the run goes on")
                        .label(&enabled.place, "nothing is read")
                        .help(format!("remove `monitoring.enabled`, or the {}", of.noun())),
                );
                return false;
            }
            if let Some(endpoint) = target.endpoint.as_ref().filter(|_| !metric.is_of_server()) {
                self.sink.push(
                    Diagnostic::new(format!("`{of}` asks for the machine of one endpoint"))
                        .label(place("endpoint"), format!("`{}` is not of `{endpoint}` alone", metric.name()))
                        .help("remove `endpoint`; what starts with `server.` has one"),
                );
                return false;
            }
        }
        if metric == Metric::CostPerMillionTokens {
            if lacks("price", "follows from a price", "add `[price]` with `per_hour = 0.69`") {
                return false;
            }
            let by_hour = self.root.at(&["price", "per_hour"]);
            if let (Some(price), Some(_)) = (by_hour, &target.endpoint) {
                self.sink.push(
                    Diagnostic::new(format!("`{of}` asks for the cost of one endpoint"))
                        .label(place("endpoint"), "an hour of the platform is not one endpoint's")
                        .label(&price.key, "a price of the platform")
                        .help("remove `endpoint`, or give the price of tokens"),
                );
                return false;
            }
        }
        true
    }

    /// `abort` needs a target that decides, and evidence that grows with every request.
    pub(super) fn abort(&self, name: &str, target: &Target) {
        if target.abort.is_none() {
            return;
        }
        let key = self.key(&["targets", name, "abort"]);
        let severity = self.root.at(&["targets", name, "severity"]);
        if let Some(severity) = severity.filter(|_| target.severity != Severity::Fail) {
            self.sink.push(
                Diagnostic::new(format!("`targets.{name}` cannot end a run that it cannot fail"))
                    .label(key, "ends the run")
                    .label(&severity.place, "does not fail it")
                    .help("remove `abort`, or let `severity` be `\"fail\"`"),
            );
        }
        if target.step.as_deref() == Some(OPTIMUM) {
            self.sink.push(
                Diagnostic::new(format!("`targets.{name}.abort` cannot judge the optimum on the way"))
                    .label(key, "asks for an end on the way")
                    .label(self.place(&["targets", name, "step"]), "known only at the end")
                    .help("remove `abort`, or name one step"),
            );
        }
        let phase = target.phase.as_ref().and_then(|phase| self.draft.phases.get(phase)?.as_ref());
        if target.step.is_none() && phase.is_some_and(|phase| matches!(phase.load, Load::Search(_))) {
            self.sink.push(
                Diagnostic::new(format!(
                    "`targets.{name}.abort` cannot judge the limit of a search on the way"
                ))
                .label(key, "asks for an end on the way")
                .label(self.place(&["targets", name, "phase"]), "judged at the level that it finds")
                .help("remove `abort`: a level that misses ends its own trial, not the run"),
            );
        }
        if !target.metric.counts_requests() {
            let shares: Vec<&str> =
                Metric::ALL.into_iter().filter(|metric| metric.is_share_of_due()).map(Metric::name).collect();
            self.sink.push(
                Diagnostic::new(format!(
                    "`targets.{name}.abort` cannot judge `{}` on the way",
                    target.metric
                ))
                .label(key, "asks for an end on the way")
                .label(self.place(&["targets", name, "metric"]), "known only at the end")
                .help(format!(
                    "remove `abort`, or judge {} or a percentile of each request's times, such as `ttft.p95`",
                    quoted(&shares)
                )),
            );
        }
    }
}

//! What a target needs beside traffic: objectives, a price, a metric that can be judged while requests still come.

use super::{
    super::{OPTIMUM, Severity},
    Check, Diagnostic, Phase, Target, quoted,
};
use crate::catalog::Metric;

impl Check<'_> {
    /// An objective that no answer can miss is none.
    pub(super) fn objectives(&self) {
        let mut endpoints = self.draft.endpoints.values().peekable();
        let streams = endpoints.peek().is_none()
            || endpoints.any(|endpoint| endpoint.as_ref().is_none_or(|endpoint| endpoint.stream));
        let idle =
            self.draft.objectives.iter().filter(|objective| objective.metric.needs_stream() && !streams);
        for objective in idle {
            let name = objective.metric.name();
            self.sink.push(
                Diagnostic::missing(format!("`objectives.{name}` is about nothing"))
                    .label(self.key(&["objectives", name]), "no endpoint streams its answers")
                    .help("set `stream = true` on an endpoint, or ask for `e2e` instead"),
            );
        }
        let gaps = Metric::Itl.name();
        if !self.keeps_chunks() && self.draft.objectives.iter().any(|one| one.metric == Metric::Itl) {
            self.sink.push(
                Diagnostic::new(format!("`objectives.{gaps}` needs the arrivals of chunks"))
                    .label(self.key(&["objectives", gaps]), "a report made of records could not judge it")
                    .label(self.place(&["output", "chunks"]), "they are not kept")
                    .help("set `output.chunks = \"full\"`, or ask for `tpot` instead"),
            );
        }
        self.gaps_of_batches();
    }

    /// The gaps between the tokens of several answers in one stream are not known, so that nothing could miss them.
    fn gaps_of_batches(&self) {
        let gaps = Metric::Itl.name();
        if self.draft.objectives.iter().all(|one| one.metric != Metric::Itl) {
            return;
        }
        for (name, phase) in &self.draft.phases {
            let batched = |phase: &Phase| phase.measure && phase.batches().iter().any(|batch| *batch > 1);
            if !phase.as_ref().is_some_and(batched) {
                continue;
            }
            // sizes may have come with the load of another phase
            let sizes = self.root.at(&["phases", name, "batch_sizes"]);
            let place = sizes.map_or_else(|| self.key(&["phases", name, "load"]), |sizes| &sizes.key);
            self.sink.push(
                Diagnostic::new(format!("`objectives.{gaps}` cannot be judged in `{name}`"))
                    .label(
                        self.key(&["objectives", gaps]),
                        format!("`{gaps}` is not known of answers to several prompts"),
                    )
                    .label(place, "several prompts per request")
                    .help("ask for `tpot` instead, or send one prompt per request"),
            );
        }
    }

    /// Whether the scenario has what the metric of a target is about; what it lacks is reported.
    pub(super) fn has_what_it_needs(&self, name: &str, target: &Target) -> bool {
        let metric = target.metric.metric;
        let place = |key| self.place(&["targets", name, key]);
        let lacks = |table: &str, why: &str, help: &str| {
            // a table that is there and wrong is a problem of its own
            let there = self.root.get(table).is_some();
            if !there {
                self.sink.push(
                    Diagnostic::missing(format!(
                        "`targets.{name}` needs `[{table}]`, which the scenario lacks"
                    ))
                    .label(place("metric"), why)
                    .help(help),
                );
            }
            !there
        };
        if metric.needs_objectives() {
            let why = "counts the requests that meet every objective";
            return !lacks(
                "objectives",
                why,
                "add `[objectives]` with what each should meet, such as `ttft = \"500ms\"`",
            );
        }
        if let Metric::Reading(quantity) = metric {
            let enabled = self.root.at(&["monitoring", "enabled"]);
            if let Some(enabled) = enabled.filter(|_| !self.draft.monitors()) {
                self.sink.push(
                    Diagnostic::new(format!("`targets.{name}` needs what nobody reads"))
                        .label(place("metric"), "read while the run goes on")
                        .label(&enabled.place, "nothing is read")
                        .help("remove `monitoring.enabled`, or the target"),
                );
                return false;
            }
            if let Some(endpoint) = target.endpoint.as_ref().filter(|_| !quantity.is_of_server()) {
                self.sink.push(
                    Diagnostic::new(format!("`targets.{name}` asks for the machine of one endpoint"))
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
                    Diagnostic::new(format!("`targets.{name}` asks for the cost of one endpoint"))
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

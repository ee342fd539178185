//! How values fit together: references, weights, and targets that must have something to judge.

mod alerts;
mod batches;
mod connection;
mod conversations;
mod headers;
mod idle;
mod needs;
mod objectives;
mod order;
mod protocols;
mod search;
mod services;
mod spikes;
mod stages;
mod steady;
mod trace;

use std::collections::HashMap;

use alerts::Asks;

use super::{
    Chunks, Endpoint, Layer, Load, OPTIMUM, Phase, Target, Until,
    diagnostic::{Diagnostic, Sink},
    fill::sends_nothing,
    nearest::{quoted, suggest},
    read::Draft,
    source::Place,
    tree::{Node, Value},
};
use crate::catalog::{Carrier, Metric};

/// Checks a draft. Values that could not be read are taken to be fine. `named` is whether somebody chose the platform
/// whose preset is in it.
pub(super) fn check(root: &Node, draft: &Draft, named: bool, sink: &Sink) {
    let check = Check::new(root, draft, sink);
    check.something_to_do();
    check.workloads();
    check.weights();
    check.headers();
    check.protocols();
    check.connections();
    check.monitored();
    check.services();
    for (name, phase) in &draft.phases {
        check.phase(name);
        check.references(name);
        if let Some(phase) = phase {
            check.stages(name, phase);
            check.steady(name, phase);
            check.spikes(name, phase);
            check.batches(name, phase);
            check.trace(name, phase);
            check.conversations(name, phase);
            check.search(name, phase, named);
            check.during(name, phase);
        }
    }
    check.circle();
    check.crowd(named);
    check.idle();
    check.objectives();
    for (name, target) in &draft.targets {
        if let Some(target) = target {
            check.abort(name, target);
            check.target(name, target);
        }
    }
    for (name, alert) in &draft.alerts {
        if let Some(alert) = alert {
            check.alert(name, alert);
        }
    }
}

/// The step names of a phase, as plans call them: the phase's own name for a single one, else the level.
fn steps(name: &str, phase: &Phase) -> Vec<String> {
    let levels = phase.levels();
    if levels.len() > 1 { levels } else { vec![name.to_owned()] }
}

struct Check<'a> {
    root: &'a Node,
    draft: &'a Draft,
    sink: &'a Sink,
    /// The steps of every phase that could be read.
    steps: HashMap<&'a str, Vec<String>>,
    /// Whether each of them has an endpoint, and whether it has one that streams.
    loaded: HashMap<&'a str, (bool, bool)>,
    weighted: bool,
}

impl<'a> Check<'a> {
    fn new(root: &'a Node, draft: &'a Draft, sink: &'a Sink) -> Self {
        let weighted = draft.endpoints.values().flatten().any(|endpoint| endpoint.weight.is_some());
        let mut check = Self { root, draft, sink, steps: HashMap::new(), loaded: HashMap::new(), weighted };
        for (name, phase) in &draft.phases {
            if let Some(phase) = phase {
                let loaded = || draft.endpoints.iter().filter(|(endpoint, _)| check.loads(phase, endpoint));
                let mut streams =
                    loaded().map(|(_, endpoint)| endpoint.as_ref().is_none_or(|end| end.stream));
                let entry = (loaded().next().is_some(), streams.any(|streams| streams));
                check.loaded.insert(name, entry);
                check.steps.insert(name, steps(name, phase));
            }
        }
        check
    }

    /// The names of a phase's steps.
    fn steps_of(&self, phase: &str) -> &[String] {
        self.steps.get(phase).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a phase has a step that a target calls so: one of its own, or the best of several.
    fn has_step(&self, phase: &str, step: &str) -> bool {
        let steps = self.steps_of(phase);
        // of a search nobody knows the levels before it has run
        let known = !self.searches(phase) && steps.iter().any(|name| name == step);
        known || (step == OPTIMUM && steps.len() > 1)
    }

    /// Whether a phase looks for its load.
    fn searches(&self, phase: &str) -> bool {
        let phase = self.draft.phases.get(phase).and_then(Option::as_ref);
        matches!(phase, Some(Phase { load: Load::Search(_), .. }))
    }

    fn place(&self, path: &[&str]) -> &'a Place {
        self.root.at(path).map_or(&self.root.place, |node| &node.place)
    }

    fn key(&self, path: &[&str]) -> &'a Place {
        self.root.at(path).map_or(&self.root.place, |node| &node.key)
    }

    /// Where a phase says that it sends nothing.
    fn resting(&self, phase: &str) -> &'a Place {
        let pause = self.root.at(&["phases", phase, "pause"]);
        pause.map_or_else(|| self.key(&["phases", phase, "pressure"]), |node| &node.key)
    }

    fn something_to_do(&self) {
        let lacks = |what: &str, help: &str| {
            // anything but a table there is a problem of its own
            if self.root.get(what).is_some_and(|node| node.as_table().is_none_or(|table| !table.is_empty())) {
                return;
            }
            self.sink.push(
                Diagnostic::missing(format!("the scenario has no {what}"))
                    .label(&self.root.place, format!("needs a `[{what}.NAME]`"))
                    .help(help),
            );
        };
        lacks("endpoints", "add `[endpoints.main]` with `url = \"http://127.0.0.1:8080/v1\"`");
        lacks("phases", "add `[phases.main]` with `load.closed = { users = 4 }`");
        let mut phases = self.root.names("phases").peekable();
        let Some(&first) = phases.peek() else { return };
        let idle = |phase: &Node| sends_nothing(phase) && phase.get("load").is_none();
        if phases.all(|name| self.root.at(&["phases", name]).is_some_and(idle)) {
            self.sink.push(
                Diagnostic::missing("no phase sends anything, each is a pause")
                    .label(self.resting(first), "nothing is sent")
                    .help("add `[phases.main]` with `load.closed = { users = 4 }`"),
            );
        }
    }

    fn workloads(&self) {
        for name in self.draft.endpoints.keys() {
            let known = self.draft.workloads.keys().map(String::as_str);
            // from the tree, so that it is checked even where another key of the endpoint is wrong
            let Some(node) = self.root.at(&["endpoints", name, "workload"]) else {
                if let Some(endpoint) =
                    self.root.at(&["endpoints", name]).filter(|node| node.as_table().is_some())
                {
                    self.sink.push(
                        Diagnostic::missing(format!(
                            "`endpoints.{name}` has no `workload`, and there are several"
                        ))
                        .label(&endpoint.place, "needs `workload`")
                        .help(format!("name one of {}", quoted(&known.collect::<Vec<_>>()))),
                    );
                }
                continue;
            };
            let Some(workload) = node.as_text() else { continue };
            if !self.draft.workloads.contains_key(workload) {
                self.sink.push(
                    Diagnostic::missing(format!(
                        "`endpoints.{name}.workload` names the workload `{workload}`, which does not exist"
                    ))
                    .label(&node.place, "no workload of this name")
                    .help(suggest(workload, "workloads", known)),
                );
            }
        }
    }

    fn weights(&self) {
        let weighted: Vec<(&String, f64)> = self
            .draft
            .endpoints
            .iter()
            .filter_map(|(name, endpoint)| Some((name, endpoint.as_ref()?.weight?)))
            .collect();
        let mixed = self.root.names("phases").any(|name| {
            let phase = self.root.at(&["phases", name]);
            phase.is_some_and(|phase| phase.get("endpoints").is_none() && !sends_nothing(phase))
        });
        if let [(first, _), rest @ ..] = weighted.as_slice()
            && weighted.iter().all(|(_, weight)| *weight == 0.0)
            && mixed
        {
            let mut problem = Diagnostic::new("all weights are 0, so mixed traffic has nowhere to go")
                .label(self.place(&["endpoints", first, "weight"]), "0");
            for (name, _) in rest {
                problem = problem.label(self.place(&["endpoints", name, "weight"]), "0");
            }
            self.sink.push(
                problem.help("give one endpoint a weight above 0, or remove all weights for equal shares"),
            );
        }
    }

    fn phase(&self, name: &str) {
        let Some(list) = self.root.at(&["phases", name, "endpoints"]) else { return };
        let Value::List(items) = &list.value else { return };
        let mut known = true;
        for item in items {
            let Some(endpoint) = item.as_text() else { continue };
            if !self.draft.endpoints.contains_key(endpoint) {
                known = false;
                let names = self.draft.endpoints.keys().map(String::as_str);
                self.sink.push(
                    Diagnostic::missing(format!(
                        "`phases.{name}.endpoints` names the endpoint `{endpoint}`, which does not exist"
                    ))
                    .label(&item.place, "no endpoint of this name")
                    .help(suggest(endpoint, "endpoints", names)),
                );
            }
        }
        let zero = |item: &Node| {
            let endpoint = item.as_text().and_then(|name| self.draft.endpoints.get(name));
            matches!(endpoint, Some(Some(Endpoint { weight: Some(0.0), .. })))
        };
        if known && !items.is_empty() && items.iter().all(zero) {
            self.sink.push(
                Diagnostic::new(format!("the weights of the endpoints of `phases.{name}` sum to nothing"))
                    .label(&list.place, "each of them has weight 0")
                    .help("name an endpoint with a weight above 0, or give one of these such a weight"),
            );
        }
    }

    /// Whether an endpoint gets traffic in a phase; what could not be read is taken to.
    fn loads(&self, phase: &Phase, endpoint: &str) -> bool {
        if let Some(names) = &phase.endpoints {
            let named = self.draft.endpoints.get(endpoint).and_then(Option::as_ref);
            let nothing = named.is_some_and(|endpoint| endpoint.weight == Some(0.0));
            return !nothing && names.iter().any(|name| name == endpoint);
        }
        match self.draft.endpoints.get(endpoint) {
            Some(Some(endpoint)) => !self.weighted || endpoint.weight.is_some_and(|weight| weight > 0.0),
            _ => true,
        }
    }

    /// Whether the arrivals of chunks are kept; what could not be read is taken to.
    fn keeps_chunks(&self) -> bool {
        self.draft.output.as_ref().is_none_or(|output| output.chunks == Chunks::Full)
    }

    /// Whether a phase has an endpoint that a target is about and whose answers carry its metric.
    fn carries(&self, name: &str, phase: &Phase, target: &Target) -> bool {
        if target.metric.metric.needs_objectives() && !self.asks_in(phase, target) {
            return false;
        }
        let carries = |streams: bool| {
            target.metric.metric.is_carried_by(Carrier {
                streams,
                gaps: self.keeps_chunks() && phase.batches().contains(&1),
                queues: phase.load.concurrency_limit().is_some(),
                spikes: phase.load.spikes().is_some(),
            })
        };
        match &target.endpoint {
            Some(name) => {
                let endpoint = self.draft.endpoints.get(name).and_then(Option::as_ref);
                self.loads(phase, name) && carries(endpoint.is_none_or(|endpoint| endpoint.stream))
            }
            None => self.loaded.get(name).is_some_and(|(loaded, streams)| *loaded && carries(*streams)),
        }
    }

    fn target(&self, name: &str, target: &Target) {
        // a preset's targets apply where they can
        if !target.from_preset {
            self.asks_for(Asks::target(name), target);
        }
    }

    /// Whether what a target or an alert asks for is there.
    fn asks_for(&self, of: Asks<'_>, target: &Target) {
        if !self.has_what_it_needs(of, target) {
            return;
        }
        let references =
            [("phase", target.phase.as_ref(), "phases"), ("endpoint", target.endpoint.as_ref(), "endpoints")];
        let mut known = true;
        for (key, reference, table) in references {
            let Some(reference) = reference else { continue };
            if self.root.at(&[table, reference]).is_none() {
                known = false;
                self.sink.push(
                    Diagnostic::missing(format!(
                        "`{of}.{key}` names the {key} `{reference}`, which does not exist"
                    ))
                    .label(self.place(&of.at(key)), format!("no {key} of this name"))
                    .help(suggest(reference, table, self.root.names(table))),
                );
            }
        }
        // a phase that could not be read may well be what is meant
        let read = self.draft.phases.values().all(Option::is_some) && !self.draft.phases.is_empty();
        if known && read && !self.draft.endpoints.is_empty() && !of.is_of_the_whole(target) {
            self.selects(of, target);
        }
    }

    /// A target must have at least one measured step to judge, and an alert one to watch.
    fn selects(&self, of: Asks<'_>, target: &Target) {
        let phases: Vec<(&str, &Phase)> = self
            .draft
            .phases
            .iter()
            .filter_map(|(name, phase)| Some((name.as_str(), phase.as_ref()?)))
            .filter(|(name, _)| target.phase.as_ref().is_none_or(|wanted| wanted == name))
            .collect();
        let nothing = |key: &str, why: String| {
            let place = match key {
                "" => self.key(&of.whole()),
                _ => self.place(&of.at(key)),
            };
            Diagnostic::missing(format!("`{of}` selects nothing")).label(place, why)
        };

        if let Some(step) = &target.step
            && !phases.iter().any(|(name, _)| self.has_step(name, step))
        {
            if step == OPTIMUM {
                let why = "no phase for it has several levels".to_owned();
                let help = "give a measured phase levels, such as `load.closed = { users = [1, 2, 4, 8] }`";
                return self.sink.push(nothing("step", why).help(help));
            }
            let known = |(at, phase): &&(&str, &Phase)| phase.measure && !self.searches(at);
            let measured = phases.iter().filter(known);
            let steps = measured.flat_map(|(name, _)| self.steps_of(name)).map(String::as_str);
            let known = suggest(step, "measured steps", steps);
            return self
                .sink
                .push(nothing("step", "no phase has a step of this name".to_owned()).help(known));
        }
        let named = |at: &str| target.step.as_ref().is_none_or(|step| self.has_step(at, step));
        let phases: Vec<(&str, &Phase)> = phases.into_iter().filter(|(at, _)| named(at)).collect();

        let measured: Vec<(&str, &Phase)> =
            phases.iter().copied().filter(|(_, phase)| phase.measure).collect();
        if measured.is_empty() {
            let problem = match (&target.phase, phases.first()) {
                (Some(phase), _) => nothing("phase", format!("`{phase}` is not measured"))
                    .label(self.unmeasured(phase), "because of this"),
                (None, Some((phase, _))) => nothing("", "no measured phase for it".to_owned())
                    .label(self.unmeasured(phase), "not measured"),
                (None, None) => nothing("", "no phase for it".to_owned()),
            };
            return self.sink.push(problem.help(self.measured_phases()));
        }

        let carriers: Vec<(&str, &Phase)> =
            measured.iter().copied().filter(|(at, phase)| self.carries(at, phase, target)).collect();
        let Some((carrier, _)) = carriers.first() else {
            let problem = match &target.endpoint {
                Some(endpoint) if !measured.iter().any(|(_, phase)| self.loads(phase, endpoint)) => {
                    nothing("endpoint", format!("`{endpoint}` gets no traffic in {}", phase_list(&measured)))
                        .help("name an endpoint that the phase loads, or a phase that loads this endpoint")
                }
                _ if target.metric.metric == Metric::QueueWait => {
                    nothing("metric", format!("`{}` needs a queue to wait in", target.metric))
                        .help("set `concurrency_limit` in the `load.open` of a measured phase")
                }
                _ if target.metric.metric.needs_spikes()
                    && measured.iter().all(|(_, phase)| {
                        let there =
                            target.endpoint.as_ref().is_none_or(|endpoint| self.loads(phase, endpoint));
                        !there || phase.load.spikes().is_none()
                    }) =>
                {
                    nothing("metric", format!("`{}` needs spikes", target.metric)).help(
                        "add `spikes = { every = \"60s\", lasting = \"5s\", rate = 40 }` to the `load.open` of a measured phase",
                    )
                }
                _ if target.metric.metric == Metric::Itl && !self.keeps_chunks() => {
                    nothing("metric", format!("`{}` needs the arrivals of chunks", target.metric))
                        .label(self.place(&["output", "chunks"]), "they are not kept")
                        .help("set `output.chunks = \"full\"`, or judge `tpot` instead")
                }
                _ if target.metric.metric == Metric::Itl
                    && measured.iter().all(|(_, phase)| !phase.batches().contains(&1)) =>
                {
                    let why = format!("`{}` is not known of answers to several prompts", target.metric);
                    let (phase, _) = measured[0];
                    // sizes may have come with the load of another phase
                    let sizes = self.root.at(&["phases", phase, "batch_sizes"]);
                    let place =
                        sizes.map_or_else(|| self.key(&["phases", phase, "load"]), |sizes| &sizes.key);
                    nothing("metric", why)
                        .label(place, "several prompts per request")
                        .help("judge `tpot`, or add 1 to `batch_sizes`")
                }
                _ if target.metric.metric.needs_objectives() => {
                    let (whose, at) = target.endpoint.as_ref().map_or_else(
                        || (format!("the endpoints of {}", phase_list(&measured)), "NAME".to_owned()),
                        |endpoint| (format!("`{endpoint}`"), endpoint.clone()),
                    );
                    nothing("metric", format!("nothing is asked of requests to {whose}"))
                        .help(format!("add `[endpoints.{at}.objectives]`, or `[objectives]` for all"))
                }
                _ => nothing("metric", format!("`{}` needs streamed answers", target.metric))
                    .help("set `stream = true` on the endpoint, or judge `e2e` instead"),
            };
            return self.sink.push(problem);
        };

        let explores = carriers.iter().all(|(name, _)| self.steps_of(name).len() > 1);
        // what a search goes by has its use there
        let sought = carriers.iter().any(|(name, phase)| match &phase.load {
            Load::Search(search) => match &search.until {
                Until::Named(names) => names.iter().any(|name| name == of.name),
                // or tells where it was missed on the way
                Until::Targets | Until::Broken => target.is_criterion(name, true),
            },
            _ => false,
        });
        if explores && !of.watches() && !sought && target.phase.is_none() && target.step.is_none() {
            self.sink.push(
                nothing("", "steps of a ladder are judged only when named".to_owned())
                    .label(self.key(&["phases", carrier]), "several steps")
                    .help(format!("add `phase = \"{carrier}\"`, or the `step` that is meant")),
            );
        }
    }

    /// Why a phase is not measured: `measure = false`, or a pause.
    fn unmeasured(&self, phase: &str) -> &'a Place {
        let measure = self.root.at(&["phases", phase, "measure"]);
        measure.map_or_else(|| self.resting(phase), |node| &node.place)
    }

    fn measured_phases(&self) -> String {
        let measured: Vec<&str> = self
            .draft
            .phases
            .iter()
            .filter(|(_, phase)| phase.as_ref().is_none_or(|phase| phase.measure))
            .map(|(name, _)| name.as_str())
            .collect();
        if measured.is_empty() {
            "no phase is measured: remove `measure = false` from one".to_owned()
        } else {
            format!("measured phases: {}", quoted(&measured))
        }
    }
}

fn phase_list(phases: &[(&str, &Phase)]) -> String {
    quoted(&phases.iter().map(|(name, _)| *name).collect::<Vec<_>>())
}

//! Whether what is asked of requests is something that they can miss.

use super::{Check, Diagnostic, Endpoint, Phase, Target};
use crate::{catalog::Metric, config::Objective};

/// A table of objectives.
struct Asked<'a> {
    /// Whose requests it is about; `None` for those of all endpoints.
    endpoint: Option<&'a str>,
    objectives: &'a [Objective],
}

impl<'a> Asked<'a> {
    /// Where a key of it stands.
    fn path(&self, key: &'a str) -> Vec<&'a str> {
        let table = self.endpoint.map_or(vec!["objectives"], |name| vec!["endpoints", name, "objectives"]);
        [table, vec![key]].concat()
    }

    /// The path of its `itl`, where it asks for that.
    fn gaps(&self) -> Option<Vec<&'a str>> {
        let asks = self.objectives.iter().any(|objective| objective.metric == Metric::Itl);
        asks.then(|| self.path(Metric::Itl.name()))
    }
}

impl Check<'_> {
    /// An objective that no answer can miss is none.
    pub(super) fn objectives(&self) {
        let of_all = Asked { endpoint: None, objectives: &self.draft.objectives };
        self.streams(&of_all);
        self.gaps(&of_all);
        for (name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint else { continue };
            let of_one = Asked { endpoint: Some(name), objectives: &endpoint.objectives };
            self.own_stream(&of_one, name, endpoint);
            self.gaps(&of_one);
        }
    }

    /// Whether requests of an endpoint have objectives; those that could not be read are some.
    pub(super) fn asks(&self, endpoint: &str) -> bool {
        self.root.get("objectives").is_some()
            || self.root.at(&["endpoints", endpoint, "objectives"]).is_some()
    }

    /// Whether that holds of an endpoint that a target is about in a phase.
    pub(super) fn asks_in(&self, phase: &Phase, target: &Target) -> bool {
        let mut endpoints = self.draft.endpoints.keys().filter(|name| self.loads(phase, name));
        endpoints.any(|name| target.endpoint.as_ref().is_none_or(|own| own == name) && self.asks(name))
    }

    /// Whether any endpoint has the streams that the objectives of all are about. One without cannot miss them.
    fn streams(&self, asked: &Asked<'_>) {
        let mut endpoints = self.draft.endpoints.values().peekable();
        let streams = endpoints.peek().is_none()
            || endpoints.any(|endpoint| endpoint.as_ref().is_none_or(|endpoint| endpoint.stream));
        let idle = asked.objectives.iter().filter(|objective| objective.metric.needs_stream() && !streams);
        for objective in idle {
            let path = asked.path(objective.metric.name());
            self.sink.push(
                Diagnostic::missing(format!("`{}` is about nothing", path.join(".")))
                    .label(self.key(&path), "no endpoint streams its answers")
                    .help("set `stream = true` on an endpoint, or ask for `e2e` instead"),
            );
        }
    }

    /// Whether an endpoint has the streams that its own objectives are about.
    fn own_stream(&self, asked: &Asked<'_>, name: &str, endpoint: &Endpoint) {
        if endpoint.stream {
            return;
        }
        let (key, why, help) = if endpoint.protocol.generates() {
            ("stream", "because of this", "remove `stream = false`, or ask for `e2e` instead")
        } else {
            ("protocol", "the protocol has no streams", "ask for `e2e` instead")
        };
        for objective in asked.objectives.iter().filter(|objective| objective.metric.needs_stream()) {
            let path = asked.path(objective.metric.name());
            self.sink.push(
                Diagnostic::missing(format!("`{}` is about nothing", path.join(".")))
                    .label(self.key(&path), format!("`{name}` does not stream its answers"))
                    .label(self.place(&["endpoints", name, key]), why)
                    .help(help),
            );
        }
    }

    /// Gaps need the arrivals of chunks; between the tokens of several answers in one stream they are not known, so that
    /// nothing could miss them.
    fn gaps(&self, asked: &Asked<'_>) {
        let Some(path) = asked.gaps() else { return };
        let (key, written) = (self.key(&path), path.join("."));
        if !self.keeps_chunks() {
            self.sink.push(
                Diagnostic::new(format!("`{written}` needs the arrivals of chunks"))
                    .label(key, "a report made of records could not judge it")
                    .label(self.place(&["output", "chunks"]), "they are not kept")
                    .help("set `output.chunks = \"full\"`, or ask for `tpot` instead"),
            );
        }
        for (name, phase) in &self.draft.phases {
            let batched = |phase: &Phase| {
                let loads = asked.endpoint.is_none_or(|endpoint| self.loads(phase, endpoint));
                phase.measure && loads && phase.batches().iter().any(|batch| *batch > 1)
            };
            if !phase.as_ref().is_some_and(batched) {
                continue;
            }
            // sizes may have come with the load of another phase
            let sizes = self.root.at(&["phases", name, "batch_sizes"]);
            let place = sizes.map_or_else(|| self.key(&["phases", name, "load"]), |sizes| &sizes.key);
            self.sink.push(
                Diagnostic::new(format!("`{written}` cannot be judged in `{name}`"))
                    .label(
                        key,
                        format!("`{}` is not known of answers to several prompts", Metric::Itl.name()),
                    )
                    .label(place, "several prompts per request")
                    .help("ask for `tpot` instead, or send one prompt per request"),
            );
        }
    }
}

//! Whether a search knows what it looks for, and ends by itself.

use super::{
    super::{Search, Until},
    Check, Diagnostic, Load, Phase, Target,
};
use crate::{
    catalog::Kind,
    config::{nearest::suggest, tree::Value},
    units::write_duration,
};

impl Check<'_> {
    /// `named` is whether somebody chose the platform whose preset is in the scenario.
    pub(super) fn search(&self, name: &str, phase: &Phase, named: bool) {
        self.settle(name, phase);
        let Load::Search(search) = &phase.load else { return };
        let here = self.key(&["phases", name, "load", "search"]);
        let at = |key: &str| self.root.at(&["phases", name, key]);
        if !phase.measure {
            self.sink.push(
                Diagnostic::new(format!("`phases.{name}` looks for a level by what is not measured"))
                    .label(here, "goes by what is measured")
                    .label(self.place(&["phases", name, "measure"]), "nothing is")
                    .help("remove `measure = false`"),
            );
        }
        for (key, why) in [("requests", "a count"), ("duration", "the clock")] {
            let Some(node) = at(key) else { continue };
            self.sink.push(
                Diagnostic::new(format!("`phases.{name}` ends when it has found, and by `{key}`"))
                    .label(&node.key, format!("ends by {why}"))
                    .label(here, "ends when it has found")
                    .help(format!("remove `{key}`; `load.search.step` says how long each level is tried")),
            );
        }
        if let (Some(sizes), 2..) = (at("batch_sizes"), phase.batch_sizes.len()) {
            self.sink.push(
                Diagnostic::new(format!("`phases.{name}` looks for a level, and has several `batch_sizes`"))
                    .label(&sizes.place, "one search for each of them")
                    .label(here, "a search")
                    .help("keep one size, or make a phase of each"),
            );
        }
        self.until(name, phase, search, named);
    }

    /// Whether there is anything that has to hold.
    fn until(&self, name: &str, phase: &Phase, search: &Search, named: bool) {
        let path = ["phases", name, "load", "search", "until"];
        match &search.until {
            Until::Broken => {}
            Until::Targets => {
                let read = self.draft.targets.values().all(Option::is_some);
                let mut targets = self.draft.targets.values().flatten();
                let decides =
                    |target: &Target| target.is_criterion(name, named) && self.carries(name, phase, target);
                if read && !targets.any(decides) {
                    self.sink.push(
                        Diagnostic::missing(format!("`phases.{name}` looks for the limit of no target"))
                            .label(self.key(&path[..4]), "no at-most target on latency or errors for it")
                            .help(
                                "add one, such as `[targets.first_token]` with `metric = \"ttft.p95\"` and `at_most = \"500ms\"`, or \
                                 write `until = \"broken\"`",
                            ),
                    );
                }
            }
            Until::Named(names) => {
                let list = self.root.at(&path).map(|node| &node.value);
                let items = if let Some(Value::List(items)) = list { items.as_slice() } else { &[] };
                for target_name in names {
                    let item = items.iter().find(|item| item.as_text() == Some(target_name));
                    let place = item.map_or_else(|| self.place(&path), |item| &item.place);
                    let Some(target) = self.draft.targets.get(target_name) else {
                        let known = self.draft.targets.keys().map(String::as_str);
                        self.sink.push(
                            Diagnostic::missing(format!(
                                "`{}` names no target: `{target_name}`",
                                path.join(".")
                            ))
                            .label(place, "no target of this name")
                            .help(suggest(target_name, "targets", known)),
                        );
                        continue;
                    };
                    let Some(target) = target else { continue };
                    if target.may_hold_in(name) {
                        // what is read comes beside the requests, some of it after a trial has been decided
                        let read = target.metric.metric.kind() == Kind::Reading;
                        if read || !self.carries(name, phase, target) {
                            self.sink.push(
                                Diagnostic::new(format!(
                                    "`{}` names `{target_name}`, which no trial measures",
                                    path.join(".")
                                ))
                                .label(place, "has to hold at every level of this phase")
                                .label(
                                    self.place(&["targets", target_name, "metric"]),
                                    if read {
                                        format!("`{}` is read beside the requests", target.metric)
                                    } else {
                                        format!("`{}` is not measured there", target.metric)
                                    },
                                )
                                .help("name a target on what every request has, such as `e2e.p95` or `error_rate`"),
                            );
                        }
                    } else {
                        self.sink.push(
                            Diagnostic::new(format!(
                                "`{}` names `{target_name}`, which is about another place",
                                path.join(".")
                            ))
                            .label(place, "has to hold at every level of this phase")
                            .label(self.key(&["targets", target_name]), "names another phase or step")
                            .help("remove its `phase` and `step`, or name another target"),
                        );
                    }
                }
            }
        }
    }

    /// What settles has to come to an end within the step.
    fn settle(&self, name: &str, phase: &Phase) {
        let Some((settle, length)) = phase.settle.zip(phase.length()) else { return };
        if settle < length {
            return;
        }
        let end = if matches!(phase.load, Load::Search(_)) {
            self.place(&["phases", name, "load", "search", "step"])
        } else {
            self.place(&["phases", name, "duration"])
        };
        self.sink.push(
            Diagnostic::new(format!("`phases.{name}` settles until it is over"))
                .label(self.place(&["phases", name, "settle"]), "nothing of it counts")
                .label(end, format!("a step takes {}", write_duration(length)))
                .help("let `settle` be shorter than the steps"),
        );
    }
}

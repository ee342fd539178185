//! When phases begin: what they name must exist, and they may not wait for each other in a circle.

use super::{
    super::{
        Order,
        crowd::crowd,
        fill::sends_nothing,
        order::{Phases, Why},
        tree::Value,
    },
    Check, Diagnostic, Layer, Node, Phase, Place, quoted, suggest,
};

/// Addresses that name phases, and what helps where that is the phase itself.
const REFERENCES: &[(&[&str], &str)] = &[
    (&["after"], "name another phase, or write `after = []` to begin as soon as the servers are ready"),
    (&["during"], "name the phase beside which this one runs"),
];

impl<'a> Check<'a> {
    /// Names of phases in a phase. They are looked up in the tree, so that they are checked even where another key of
    /// the phase is wrong.
    pub(super) fn references(&self, name: &str) {
        for (path, help) in REFERENCES {
            for node in self.named_by(name, path) {
                let Some(phase) = node.as_text() else { continue };
                if phase == name {
                    self.sink.push(
                        Diagnostic::new(format!("`phases.{name}.{}` names its own phase", path.join(".")))
                            .label(&node.place, "this phase")
                            .help(*help),
                    );
                } else {
                    self.phase_exists(name, path, node, phase);
                }
            }
        }
        let same_as: &[&str] = &["load", "same_as"];
        for node in self.named_by(name, same_as) {
            if let Some(phase) = node.as_text() {
                self.phase_exists(name, same_as, node, phase);
            }
        }
    }

    /// The values in a phase that are names of phases: one, or a list of them.
    fn named_by(&self, name: &str, path: &[&str]) -> impl Iterator<Item = &'a Node> + use<'a> {
        let node = self.root.at(&[&["phases", name], path].concat());
        node.into_iter().flat_map(|node| match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        })
    }

    fn phase_exists(&self, name: &str, path: &[&str], node: &Node, phase: &str) {
        if self.root.at(&["phases", phase]).is_some() {
            return;
        }
        let address = path.join(".");
        let help = if phase == "ready" && address == "after" {
            "write `after = []` to begin as soon as the servers are ready".to_owned()
        } else {
            suggest(phase, "phases", self.root.names("phases").filter(|other| *other != name))
        };
        self.sink.push(
            Diagnostic::missing(format!(
                "`phases.{name}.{address}` names the phase `{phase}`, which does not exist"
            ))
            .label(&node.place, "no phase of this name")
            .help(help),
        );
    }

    /// What a phase runs during must send requests by itself, and the phase must have one step.
    pub(super) fn during(&self, name: &str, phase: &Phase) {
        let Order::During(host) = &phase.order else { return };
        let place = self.place(&["phases", name, "during"]);
        if host == name {
            return;
        }
        if self.root.at(&["phases", host]).is_some_and(sends_nothing) {
            self.sink.push(
                Diagnostic::new(format!("`phases.{name}.during` names `{host}`, which sends nothing"))
                    .label(place, "a pause has no arrivals that could end")
                    .label(self.resting(host), "a pause by this")
                    .help("let it begin where the pause does, by `after`, and give it a `duration`"),
            );
        }
        if let Some(outer) = self.root.at(&["phases", host, "during"]) {
            let help = match outer.as_text() {
                Some(outer) if outer != name && outer != host => {
                    format!("name `{outer}`, and both run beside it")
                }
                _ => "let one of the two stand by itself".to_owned(),
            };
            self.sink.push(
                Diagnostic::new(format!(
                    "`phases.{name}.during` names `{host}`, which runs during another phase itself"
                ))
                .label(place, "not a phase that stands by itself")
                .label(&outer.place, "because of this")
                .help(help),
            );
        }
        let levels = phase.levels();
        if levels.len() > 1 {
            let several_loads = phase.load.levels().len() > 1;
            let paths: [&[&str]; 4] = [
                &["load", "closed", "users"],
                &["load", "open", "rate"],
                &["batch_sizes"],
                &["load", "same_as"],
            ];
            let paths = if several_loads { &paths[..] } else { &paths[2..] };
            let list = paths.iter().find_map(|path| self.root.at(&[&["phases", name], *path].concat()));
            let mut problem =
                Diagnostic::new(format!("`phases.{name}` runs during `{host}` and has several levels"))
                    .label(place, format!("until `{host}` ends"));
            if let Some(list) = list {
                problem = problem.label(&list.place, format!("{} levels", levels.len()));
            }
            self.sink.push(problem.help("keep one level: nothing says when each of them would end"));
        }
    }

    /// Phases that wait for each other would never begin.
    pub(super) fn circle(&self) {
        let Some(phases) = self.orders() else { return };
        let Some(circle) = phases.cycle() else { return };
        let following = circle.iter().cycle().skip(1);
        let edges: Vec<(&str, &str, Why)> = circle
            .iter()
            .zip(following)
            .map(|((phase, why), (on, _))| (phases.name(*phase), phases.name(*on), *why))
            .collect();
        let [(first, ..), ..] = edges[..] else { return };
        let chain: Vec<String> = edges.iter().map(|(phase, ..)| format!("`{phase}`")).collect();
        let mut problem = Diagnostic::new(format!(
            "phases wait for each other in a circle: {} → `{first}`",
            chain.join(" → ")
        ));
        for (phase, on, why) in edges {
            let (place, text) = self.edge(phase, on, why);
            problem = problem.label(place, text);
        }
        self.sink.push(
            problem.help("let one of them begin after something else; `after = []` begins as soon as the servers are ready"),
        );
    }

    /// Where it is said that a phase waits for another, and how.
    fn edge(&self, phase: &str, on: &str, why: Why) -> (&'a Place, String) {
        match why {
            Why::After => {
                let mut names = self.named_by(phase, &["after"]);
                let node = names.find(|node| node.as_text() == Some(on));
                let place = node.map_or_else(|| self.key(&["phases", phase]), |node| &node.place);
                (place, format!("`{phase}` begins after `{on}`"))
            }
            Why::InTurn => (
                self.key(&["phases", phase]),
                format!("`{phase}` follows `{on}`, the phase before it in the file"),
            ),
            Why::During => {
                (self.place(&["phases", phase, "during"]), format!("`{phase}` begins with `{on}`"))
            }
            Why::Beside => {
                let place = self.place(&["phases", on, "during"]);
                let host =
                    self.root.at(&["phases", on, "during"]).and_then(Node::as_text).unwrap_or_default();
                (place, format!("`{phase}` begins after `{host}` and `{on}` beside it"))
            }
        }
    }

    /// The phases with when they begin; `None` where one of them could not be read.
    pub(super) fn orders(&self) -> Option<Phases<'a>> {
        let phases = self.draft.phases.iter();
        let orders: Vec<(&str, &Order)> = phases
            .map(|(name, phase)| Some((name.as_str(), &phase.as_ref()?.order)))
            .collect::<Option<_>>()?;
        Some(Phases::new(orders))
    }

    /// No more endpoints on this machine are loaded at once than somebody said there may be. A limit that nobody asked
    /// for, such as that of a preset that was only detected, is for the plan to warn about.
    pub(super) fn crowd(&self, named: bool) {
        let Some(limit) = self.root.at(&["defaults", "max_endpoints"]) else { return };
        let asked = match limit.place.source.layer {
            Layer::BuiltIn => false,
            Layer::Preset => named,
            Layer::Include | Layer::Scenario | Layer::Platform | Layer::Matrix | Layer::Set => true,
        };
        let Some(most) = self.draft.max_endpoints().filter(|_| asked) else { return };
        let phases: Option<Vec<(&str, &Phase)>> =
            self.draft.phases.iter().map(|(name, phase)| Some((name.as_str(), phase.as_ref()?))).collect();
        let endpoints: Option<Vec<_>> = self
            .draft
            .endpoints
            .iter()
            .map(|(name, endpoint)| Some((name.as_str(), endpoint.as_ref()?)))
            .collect();
        let (Some(phases), Some(endpoints)) = (phases, endpoints) else { return };
        if self.orders().is_none_or(|orders| orders.cycle().is_some()) {
            return;
        }
        let Some(found) = crowd(&phases, &endpoints, most) else { return };
        let names: Vec<&str> = found.endpoints.iter().map(String::as_str).collect();
        let mut problem = Diagnostic::new(format!(
            "{} endpoints on this machine are loaded at once, and `defaults.max_endpoints` is {most}",
            names.len()
        ))
        .label(&limit.place, format!("at most {most}"));
        for phase in &found.phases {
            problem = problem.label(self.key(&["phases", phase]), format!("`{phase}` loads some of them"));
        }
        let split =
            if found.phases.len() > 1 { "let these phases follow each other" } else { "split the phase" };
        self.sink.push(problem.help(format!("raise it, or {split}; they are {}", quoted(&names))));
    }
}

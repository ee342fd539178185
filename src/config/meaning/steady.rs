//! Whether a phase that has to be steady can be.

use super::{
    super::{Arrivals, Open, Shape},
    Check, Diagnostic, Load, Phase,
};
use crate::{
    stats::STEADY_FLOOR,
    units::{show_count, show_count_of},
};

impl Check<'_> {
    /// Only what is measured is judged, only a load that stays the same can be steady, and few answers show nothing.
    pub(super) fn steady(&self, name: &str, phase: &Phase) {
        if !phase.require_steady {
            return;
        }
        let place = |keys: &[&str]| self.place(&[&["phases", name], keys].concat());
        let required = place(&["require_steady"]);
        let never = |what: &str| Diagnostic::new(format!("`phases.{name}` has to be steady, and {what}"));
        if !phase.measure {
            self.sink.push(
                never("is not measured")
                    .label(required, "judged by what is measured")
                    .label(place(&["measure"]), "nothing is")
                    .help("remove one of the two"),
            );
            return;
        }
        if let Some((key, what)) = changing(&phase.load) {
            // a load that came from another phase is spoken of where that was asked for
            let same_as = self.root.at(&["phases", name, "load", "same_as"]).map(|node| &node.place);
            let here = same_as.unwrap_or_else(|| self.key(&[&["phases", name, "load"], key].concat()));
            self.sink.push(
                never("its load is not")
                    .label(required, "takes a load that stays the same")
                    .label(here, what)
                    .help("remove `require_steady`, or make a phase of the part that is steady"),
            );
        }
        let Some(few) = phase.requests.filter(|requests| *requests < STEADY_FLOOR) else { return };
        let requests = self.root.at(&["phases", name, "requests"]).map(|node| &node.place);
        // a number that came with the load of another phase
        let here = requests.unwrap_or_else(|| self.key(&["phases", name, "load"]));
        let floor = show_count(STEADY_FLOOR);
        self.sink.push(
            never("sends too little to show it")
                .label(required, format!("takes {floor} answers a step"))
                .label(here, show_count_of(few, "request"))
                .help(format!("set `phases.{name}.requests` to {floor} or more")),
        );
    }
}

/// What in a load changes it while a step runs: the key under `load`, and why.
fn changing(load: &Load) -> Option<(&'static [&'static str], &'static str)> {
    if let Load::Trace(_) = load {
        return Some((&["trace"], "comes as it once did"));
    }
    let Load::Open(Open { arrivals, shape, spikes, .. }) = load else { return None };
    if let Shape::Stages(stages) = shape {
        let rate = stages.first().map(|stage| stage.from);
        if stages.iter().any(|stage| Some(stage.from) != rate || Some(stage.to) != rate) {
            return Some((&["open", "stages"], "the rate changes"));
        }
    }
    if spikes.is_some() {
        return Some((&["open", "spikes"], "the rate changes"));
    }
    matches!(arrivals, Arrivals::Gamma { .. }).then_some((&["open", "arrivals"], "bursts come and go"))
}

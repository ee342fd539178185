//! What can be planned of a scenario although something is wrong with it, so that what shows only in a plan is told in the
//! same breath.

use std::collections::BTreeSet;

use super::{
    Order, Phase, Target,
    diagnostic::{Diagnostic, Sink},
    order::Phases,
    read::Draft,
    source::Place,
    tree::Node,
};

/// A draft without the phases, targets and alerts at fault, and without what leans on them. `None` where everything may lean on
/// what is wrong: an endpoint, a default, a text that could not be read.
pub(super) fn sound(mut draft: Draft, root: &Node, sinks: [&Sink; 2]) -> Option<Draft> {
    let mut faulty = Faulty::default();
    for sink in sinks {
        for problem in sink.problems().iter() {
            faulty.add(problem, root)?;
        }
    }
    let all = draft.phases.len();
    // what was left out may have been leant on
    loop {
        let before = draft.phases.len();
        let there: BTreeSet<String> = draft.phases.keys().cloned().collect();
        draft.phases.retain(|name, phase| {
            let sound = |phase: &Phase| leans_on(phase).all(|other| there.contains(other));
            !faulty.phases.contains(name) && phase.as_ref().is_some_and(sound)
        });
        if draft.phases.len() == before {
            break;
        }
    }
    let whole = draft.phases.len() == all;
    let sound = |target: &Target| {
        // which requests go to an endpoint follows from how many there were before them
        target.phase.as_ref().is_none_or(|phase| draft.phases.contains_key(phase))
            && (whole || target.endpoint.is_none())
    };
    let there = |phase: &Option<String>| phase.as_ref().is_none_or(|phase| draft.phases.contains_key(phase));
    draft.alerts.retain(|name, alert| {
        !faulty.alerts.contains(name) && alert.as_ref().is_some_and(|alert| there(&alert.phase))
    });
    draft.targets.retain(|name, target| !faulty.targets.contains(name) && target.as_ref().is_some_and(sound));
    let orders =
        draft.phases.iter().filter_map(|(name, phase)| Some((name.as_str(), &phase.as_ref()?.order)));
    // without a phase between them, one may follow another that waits for it
    let circle = Phases::new(orders).cycle().is_some();
    (!draft.phases.is_empty() && !circle).then_some(draft)
}

/// The other phases that a phase names.
fn leans_on(phase: &Phase) -> impl Iterator<Item = &String> {
    let order: &[String] = match &phase.order {
        Order::InTurn => &[],
        Order::After(others) => others,
        Order::During(other) => std::slice::from_ref(other),
    };
    order.iter().chain(phase.same_as.iter().map(|same| &same.phase))
}

/// Phases, targets and alerts with which something is wrong.
#[derive(Default)]
struct Faulty {
    phases: BTreeSet<String>,
    targets: BTreeSet<String>,
    alerts: BTreeSet<String>,
}

impl Faulty {
    /// Adds what a problem is about; `None` where that is not a phase, a target, or what no number of requests depends on.
    fn add(&mut self, problem: &Diagnostic, root: &Node) -> Option<()> {
        let place = problem.place().filter(|place| !problem.is_unreadable() && **place != root.place)?;
        let mut addresses = Vec::new();
        at_place(root, place, &mut Vec::new(), &mut addresses);
        // what is nowhere was taken out when it was found
        for address in addresses {
            match address[..] {
                ["phases", name, ..] => self.phases.insert(name.to_owned()),
                ["targets", name, ..] => self.targets.insert(name.to_owned()),
                ["alerts", name, ..] => self.alerts.insert(name.to_owned()),
                ["objectives" | "price" | "monitoring" | "alerting", ..]
                | ["endpoints", _, "objectives", ..] => true,
                _ => return None,
            };
        }
        Some(())
    }
}

/// Finds the addresses of the innermost values at a place, and says whether there are any: a default stands at one place
/// and is the value of many.
fn at_place<'a>(
    node: &'a Node,
    place: &Place,
    path: &mut Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) -> bool {
    let mut deeper = false;
    for (key, inner) in node.as_table().into_iter().flatten() {
        path.push(key);
        if at_place(inner, place, path, found) {
            deeper = true;
        } else if place.lies_in(&inner.key) || place.lies_in(&inner.place) {
            found.push(path.clone());
            deeper = true;
        }
        path.pop();
    }
    deeper
}

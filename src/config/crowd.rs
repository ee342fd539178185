//! How many endpoints on this machine are loaded at once.

use std::collections::BTreeSet;

use super::{Endpoint, Load, Phase, order::predecessors, traffic};

/// Sets of phases that are looked at before the question is left open. A handful of phases side by side need dozens.
const LOOKS: u32 = 100_000;

/// Phases that can run at the same time, and the endpoints on this machine that they load together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// The phases by name, in the order of the file.
    pub phases: Vec<String>,
    /// The endpoints by name, in the order of the file.
    pub endpoints: Vec<String>,
}

/// The first phases found that load more than `limit` endpoints on this machine at once; none where there are no such
/// phases. Simulated and remote endpoints are free. Phases wait for each other in no circle.
pub fn crowd(phases: &[(&str, &Phase)], endpoints: &[(&str, &Endpoint)], limit: u32) -> Option<Crowd> {
    let weights: Vec<(&str, Option<f64>)> =
        endpoints.iter().map(|(name, endpoint)| (*name, endpoint.weight)).collect();
    let local = |phase: &Phase| -> BTreeSet<usize> {
        if matches!(phase.load, Load::Pause(_)) {
            return BTreeSet::new();
        }
        let loaded = traffic::shares(&weights, phase.endpoints.as_deref()).into_iter();
        loaded
            .map(|(endpoint, _)| endpoint)
            .filter(|endpoint| endpoints[*endpoint].1.url.is_loopback())
            .collect()
    };
    let loads: Vec<BTreeSet<usize>> = phases.iter().map(|(_, phase)| local(phase)).collect();
    let mut search = Search { limit: limit as usize, before: Vec::new(), loads: &loads, looks: LOOKS };
    // most scenarios are answered here: they do not have so many endpoints
    if search.most(&BTreeSet::new(), &(0..loads.len()).collect::<Vec<_>>()) <= search.limit {
        return None;
    }
    search.before = ancestors(&predecessors(phases.iter().map(|(name, phase)| (*name, *phase))));
    let candidates: Vec<usize> = (0..loads.len()).filter(|phase| !loads[*phase].is_empty()).collect();
    let mut found = search.among(&candidates, &BTreeSet::new())?;
    found.sort_unstable();
    let together: BTreeSet<usize> = found.iter().flat_map(|phase| &loads[*phase]).copied().collect();
    Some(Crowd {
        phases: found.into_iter().map(|phase| phases[phase].0.to_owned()).collect(),
        endpoints: together.into_iter().map(|endpoint| endpoints[endpoint].0.to_owned()).collect(),
    })
}

/// Everything that must have ended before each phase begins, by detours too.
fn ancestors(predecessors: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
    fn fill(phase: usize, predecessors: &[Vec<usize>], all: &mut Vec<Option<BTreeSet<usize>>>) {
        if all[phase].is_some() {
            return;
        }
        let mut before: BTreeSet<usize> = predecessors[phase].iter().copied().collect();
        for predecessor in &predecessors[phase] {
            fill(*predecessor, predecessors, all);
            before.extend(all[*predecessor].iter().flatten());
        }
        all[phase] = Some(before);
    }
    let mut all = vec![None; predecessors.len()];
    (0..predecessors.len()).for_each(|phase| fill(phase, predecessors, &mut all));
    all.into_iter().map(Option::unwrap_or_default).collect()
}

struct Search<'a> {
    limit: usize,
    /// By phase, what has ended when it begins.
    before: Vec<BTreeSet<usize>>,
    /// By phase, the endpoints on this machine that it loads.
    loads: &'a [BTreeSet<usize>],
    looks: u32,
}

impl Search<'_> {
    /// The endpoints of some phases and of those already chosen, counted.
    fn most(&self, loaded: &BTreeSet<usize>, phases: &[usize]) -> usize {
        let more: BTreeSet<usize> = phases.iter().flat_map(|phase| &self.loads[*phase]).copied().collect();
        loaded.union(&more).count()
    }

    /// Phases among the candidates, any two of which can run at the same time, that load too many endpoints together
    /// with what is loaded already. Candidates can all run beside what has been chosen.
    fn among(&mut self, candidates: &[usize], loaded: &BTreeSet<usize>) -> Option<Vec<usize>> {
        if loaded.len() > self.limit {
            return Some(Vec::new());
        }
        self.looks = self.looks.checked_sub(1)?;
        let (first, others) = candidates.split_first()?;
        if self.most(loaded, candidates) <= self.limit {
            return None;
        }
        let apart =
            |other: &usize| self.before[*first].contains(other) || self.before[*other].contains(first);
        let beside: Vec<usize> = others.iter().copied().filter(|other| !apart(other)).collect();
        let together: BTreeSet<usize> = loaded.union(&self.loads[*first]).copied().collect();
        if let Some(mut found) = self.among(&beside, &together) {
            found.push(*first);
            return Some(found);
        }
        self.among(others, loaded)
    }
}

//! What each phase waits for: the execution graph, as far as phases are concerned.

use std::collections::HashMap;

use super::{Order, Phase};

/// Why a phase waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It says so by `after`.
    After,
    /// It stands behind the other in the file.
    InTurn,
    /// It runs during the other, and begins with it.
    During,
    /// The other runs during one that it waits for.
    Beside,
}

/// The phases of a scenario by index, with the edges between them.
pub(super) struct Phases<'a> {
    all: Vec<(&'a str, &'a Order)>,
    by_name: HashMap<&'a str, usize>,
    /// The phase that each runs during.
    hosts: Vec<Option<usize>>,
}

impl<'a> Phases<'a> {
    /// Of names that do not exist nothing follows.
    pub(super) fn new(phases: impl IntoIterator<Item = (&'a str, &'a Order)>) -> Self {
        let all: Vec<(&str, &Order)> = phases.into_iter().collect();
        let by_name: HashMap<&str, usize> =
            all.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
        let host = |order: &Order| match order {
            Order::During(host) => by_name.get(host.as_str()).copied(),
            Order::InTurn | Order::After(_) => None,
        };
        let hosts = all.iter().map(|(_, order)| host(order)).collect();
        Self { all, by_name, hosts }
    }

    pub(super) fn name(&self, phase: usize) -> &'a str {
        self.all[phase].0
    }

    /// The phases that run during a phase.
    fn guests(&self, host: usize) -> impl Iterator<Item = usize> {
        (0..self.all.len()).filter(move |phase| self.hosts[*phase] == Some(host))
    }

    /// What a phase waits for by its own words, and what runs during that.
    pub(super) fn edges(&self, phase: usize) -> Vec<(usize, Why)> {
        let (on, why): (Vec<usize>, Why) = match self.all[phase].1 {
            Order::During(_) => {
                return self.hosts[phase].map(|host| (host, Why::During)).into_iter().collect();
            }
            Order::After(names) => {
                let known = names.iter().filter_map(|name| self.by_name.get(name.as_str()).copied());
                (known.collect(), Why::After)
            }
            // one that runs during another stands where that one does
            Order::InTurn => {
                let places = (0..phase).rev().map(|before| self.hosts[before].unwrap_or(before));
                (places.filter(|place| *place < phase).take(1).collect(), Why::InTurn)
            }
        };
        let mut edges: Vec<(usize, Why)> = Vec::new();
        for on in on {
            let beside = self.guests(on).map(|guest| (guest, Why::Beside));
            for edge in [(on, why)].into_iter().chain(beside) {
                if !edges.iter().any(|(other, _)| *other == edge.0) {
                    edges.push(edge);
                }
            }
        }
        edges
    }

    /// The phases that must have ended before each begins.
    fn predecessors(&self) -> Vec<Vec<usize>> {
        let of = |phase| {
            let mut before: Vec<usize> = self.edges(phase).into_iter().map(|(on, _)| on).collect();
            before.sort_unstable();
            before
        };
        (0..self.all.len()).map(|phase| of(self.hosts[phase].unwrap_or(phase))).collect()
    }

    /// Phases that wait for each other in a circle, each with what it waits for; the last waits for the first.
    pub(super) fn cycle(&self) -> Option<Vec<(usize, Why)>> {
        let mut done = vec![false; self.all.len()];
        (0..self.all.len()).find_map(|phase| self.walk(phase, &mut Vec::new(), &mut done))
    }

    /// Follows all edges from a phase on.
    fn walk(
        &self,
        phase: usize,
        path: &mut Vec<(usize, Why)>,
        done: &mut [bool],
    ) -> Option<Vec<(usize, Why)>> {
        if let Some(start) = path.iter().position(|(seen, _)| *seen == phase) {
            return Some(path[start..].to_vec());
        }
        if done[phase] {
            return None;
        }
        for (on, why) in self.edges(phase) {
            path.push((phase, why));
            let found = self.walk(on, path, done);
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        done[phase] = true;
        None
    }
}

/// The phases that must have ended before each phase begins, by index, of phases that wait for each other in no circle.
/// Of none: it begins as soon as the servers are ready.
pub fn predecessors<'a>(phases: impl IntoIterator<Item = (&'a str, &'a Phase)>) -> Vec<Vec<usize>> {
    Phases::new(phases.into_iter().map(|(name, phase)| (name, &phase.order))).predecessors()
}

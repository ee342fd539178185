//! What the machines of a scope used of energy, by the best that was read of each of their parts.

use std::collections::{BTreeMap, BTreeSet};

use super::{COVERED, Observation, adds_up, telemetry::is_told_by_another};
use crate::{
    catalog::{Metric, Quantity},
    record::{Class, SensorKind, Subject},
    units::{show_count_of, show_share},
};

/// What was read of a part, and how.
pub(super) type Source = (Quantity, Subject, SensorKind, Class);

/// The power of parts at rest, in watts, by what it was read by.
pub(super) type AtRest = BTreeMap<Source, f64>;

/// What a scope used of energy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnergyUse {
    /// By class, of which numbers are never put together, the largest first: that one is judged, and what others follow from.
    pub by_class: Vec<Energy>,
    /// Parts of the machine that are in none of them although they were read, with why.
    pub left_out: Vec<(Subject, String)>,
    /// Whether parts that were read at other times were lost, so that what is left is not all.
    pub incomplete: bool,
    /// Whether other phases ran beside it, so that nothing tells what of it is theirs.
    pub shared: bool,
    /// Whether the power at rest counts as nobody's.
    pub net: bool,
}

/// Energy of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Energy {
    /// How sure it is.
    pub class: Class,
    /// All that its parts used in the windows.
    pub joules: f64,
    /// The length of the windows, in seconds.
    pub length_s: f64,
    /// What the same parts draw at rest, in watts, by the same source before the load; `None` where they had no rest.
    pub idle_watts: Option<f64>,
    /// The parts, each with what read it.
    pub parts: Vec<(Subject, SensorKind)>,
}

impl Energy {
    /// Mean power in watts.
    pub fn watts(&self) -> f64 {
        self.joules / self.length_s
    }

    /// What is left of it without what the parts draw at rest.
    pub fn net_joules(&self) -> Option<f64> {
        self.idle_watts.map(|idle| self.joules - idle * self.length_s)
    }

    /// What it is of, in words: `2 GPUs and 1 processor package`.
    pub fn contents(&self) -> String {
        let mut counts: Vec<(&str, u64)> = Vec::new();
        for (subject, _) in &self.parts {
            let name = match subject {
                Subject::Gpu(_) => "GPU",
                Subject::Package(_) => "processor package",
                Subject::Machine | Subject::Host(_) => "machine",
                Subject::Server(_) => "server",
            };
            match counts.iter_mut().find(|(other, _)| *other == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
        let each = counts.into_iter().map(|(name, count)| show_count_of(count, name));
        each.collect::<Vec<_>>().join(" and ")
    }

    /// What counts of it.
    pub fn counted(&self, net: bool) -> Option<f64> {
        if net { self.net_joules() } else { Some(self.joules) }
    }
}

impl EnergyUse {
    /// Of what was read in windows of so many seconds in all.
    pub(super) fn of(readings: &[Observation], at_rest: &AtRest, length_s: f64) -> Self {
        let mut of = Self::default();
        let read = readings.iter().filter(|read| matches!(read.quantity, Quantity::Energy | Quantity::Power));
        let mut subjects: BTreeSet<&Subject> = read.clone().map(|read| &read.subject).collect();
        if length_s <= 0.0 {
            return of;
        }
        let all: Vec<&Observation> = read.clone().collect();
        let twice = read.clone().filter(|read| is_told_by_another(read, &all));
        let twice: BTreeSet<&Subject> = twice.map(|read| &read.subject).collect();
        subjects.retain(|subject| !twice.contains(subject));
        let why = "another source tells of the same";
        of.left_out.extend(twice.into_iter().map(|subject| (subject.clone(), why.to_owned())));
        // a class that lost a part on the way is no sum any more
        let mut lost = BTreeSet::new();
        let mut sums: BTreeMap<Class, Energy> = BTreeMap::new();
        for subject in subjects {
            // what is counted before what is sampled, and energy before power, from which it would follow
            let mut sources: Vec<&Observation> =
                read.clone().filter(|read| read.subject == *subject).collect();
            sources.sort_by_key(|read| (read.quantity != Quantity::Energy, read.class));
            let known = sources.iter().find_map(|read| Some((*read, joules(read, length_s)?)));
            let Some((read, joules)) = known else {
                let partly =
                    sources.iter().find(|read| read.covered < COVERED && (moved(read) || !read.was_read()));
                of.left_out.extend(partly.map(|read| {
                    lost.insert(read.class);
                    let share = show_share(read.covered);
                    (
                        subject.clone(),
                        format!("it was read for {share} of the time, so there is no sum with it"),
                    )
                }));
                if partly.is_none() {
                    of.left_out.push((subject.clone(), "its counter did not move".to_owned()));
                }
                continue;
            };
            let source = (read.quantity, read.subject.clone(), read.sensor, read.class);
            let idle_watts = at_rest.get(&source).copied();
            let sum = sums.entry(read.class).or_insert_with(|| Energy {
                class: read.class,
                joules: 0.0,
                length_s,
                idle_watts: Some(0.0),
                parts: Vec::new(),
            });
            sum.joules += joules;
            sum.idle_watts = sum.idle_watts.zip(idle_watts).map(|(sum, idle)| sum + idle);
            sum.parts.push((subject.clone(), read.sensor));
        }
        of.incomplete = !lost.is_empty();
        sums.retain(|class, _| !lost.contains(class));
        of.by_class = sums.into_values().collect();
        of.by_class.sort_by(|one, other| other.joules.total_cmp(&one.joules));
        of
    }

    /// What is judged, and how much it is; `None` where nothing was read.
    pub fn judged(&self) -> Option<(&Energy, f64)> {
        let first = self.by_class.first()?;
        Some((first, first.counted(self.net)?))
    }

    /// What follows from it where so many requests ended well and so many tokens came out.
    pub(super) fn rates(&self, completed: u64, output_tokens: Option<f64>) -> Vec<(Metric, f64)> {
        // what used no more than at rest has nothing to divide
        let Some((_, joules)) = self.judged().filter(|(_, joules)| !self.shared && *joules > 0.0) else {
            return Vec::new();
        };
        let each =
            [(Metric::EnergyPerRequest, Some(completed as f64)), (Metric::EnergyPerToken, output_tokens)];
        let some = each.into_iter().filter_map(|(metric, of)| Some((metric, of.filter(|of| *of > 0.0)?)));
        some.map(|(metric, of)| (metric, joules / of)).collect()
    }
}

/// The energy that a source tells of windows of so many seconds; `None` where it does not tell of all of them.
fn joules(read: &Observation, length_s: f64) -> Option<f64> {
    debug_assert!(adds_up(read.quantity), "energy and power are sums of their parts");
    let joules = match read.quantity {
        // what little lies beyond the readings is as the rest is
        Quantity::Energy => read.growth.map(|joules| joules / read.covered),
        // between two readings it lies on the line between them
        _ => read.mean.map(|watts| watts * length_s),
    };
    joules.filter(|joules| *joules > 0.0 && read.covered >= COVERED)
}

fn moved(read: &Observation) -> bool {
    read.growth.or(read.mean).is_some_and(|value| value > 0.0)
}

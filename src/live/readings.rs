//! What was read last of the machine and of the servers, in a few words.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    catalog::{Quantity, Unit},
    record::{Sample, Subject},
};

/// What is shown of a subject, in this order, with what stands before and behind the value.
const SHOWN: [(Quantity, &str, &str); 8] = [
    (Quantity::CpuUtilization, "CPU ", ""),
    (Quantity::SystemMemory, "memory ", ""),
    (Quantity::GpuUtilization, "", ""),
    (Quantity::GpuMemory, "memory ", ""),
    (Quantity::ServerMemory, "", ""),
    (Quantity::ServerRunning, "", " running"),
    (Quantity::ServerQueueLength, "", " waiting"),
    (Quantity::ServerKvCacheUsage, "KV cache ", ""),
];

/// The shortest time for which a reading is news, in nanoseconds.
const NEWS_NS: u64 = 5_000_000_000;

/// The last reading of each quantity of each subject.
#[derive(Debug)]
pub(super) struct Readings {
    last: BTreeMap<Subject, BTreeMap<Quantity, (u64, f64)>>,
    news_ns: u64,
}

impl Readings {
    /// None yet, of what is read so often.
    pub(super) fn new(interval: Duration) -> Self {
        let news_ns = NEWS_NS.max(interval.as_nanos() as u64 * 3);
        Self { last: BTreeMap::new(), news_ns }
    }

    /// Takes what was read of a subject.
    pub(super) fn take(&mut self, sample: &Sample) {
        let last = self.last.entry(sample.subject.clone()).or_default();
        last.extend(sample.readings.iter().map(|(quantity, value)| (*quantity, (sample.at_ns, *value))));
    }

    /// A part for each subject of which there is news: `CPU 12.3 %, memory 40.1 %`, `main 2 running, 1 waiting`.
    pub(super) fn parts(&self, now_ns: u64) -> Vec<String> {
        let each = self.last.iter().filter_map(|(subject, last)| {
            let shown = SHOWN.iter().filter_map(|(quantity, before, behind)| {
                let (at_ns, value) = last.get(quantity)?;
                let fresh = now_ns.saturating_sub(*at_ns) <= self.news_ns;
                fresh.then(|| format!("{before}{}{behind}", shown(*quantity, *value)))
            });
            let shown: Vec<String> = shown.collect();
            let name = match subject {
                Subject::Machine => String::new(),
                Subject::Server(names) => format!("{} ", names.join(", ")),
                other => format!("{other} "),
            };
            (!shown.is_empty()).then(|| format!("{name}{}", shown.join(", ")))
        });
        each.collect()
    }
}

/// A value; what is counted without decimals.
fn shown(quantity: Quantity, value: f64) -> String {
    match quantity.unit() {
        Unit::Number => format!("{value:.0}"),
        unit => unit.show(value),
    }
}

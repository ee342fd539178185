//! Another machine, as Prometheus' node exporter tells of it (<https://github.com/prometheus/node_exporter>).

use std::collections::BTreeMap;

use super::page::Page;
use crate::catalog::Quantity;

const CPU: &str = "node_cpu_seconds_total";
const MEMORY: [&str; 2] = ["node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"];
const SWAP: [&str; 2] = ["node_memory_SwapTotal_bytes", "node_memory_SwapFree_bytes"];
/// Counts that are summed up over devices.
const COUNTS: &[(&str, Quantity)] = &[
    ("node_network_receive_bytes_total", Quantity::NetworkReceived),
    ("node_network_transmit_bytes_total", Quantity::NetworkSent),
    ("node_disk_read_bytes_total", Quantity::DiskRead),
    ("node_disk_written_bytes_total", Quantity::DiskWritten),
];
/// Disks that are made of others, whose bytes would count twice.
const MADE_OF_OTHERS: &[&str] = &["dm-", "md", "loop"];

/// Seconds of one processor: all of them, and those without work.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    all: f64,
    idle: f64,
}

impl Times {
    /// Share of the time since earlier ones in which there was work; `None` where no time went by or the counters began anew.
    fn busy_since(self, before: Self) -> Option<f64> {
        let (all, idle) = (self.all - before.all, self.idle - before.idle);
        (all > 0.0 && idle >= 0.0).then(|| (1.0 - idle / all).clamp(0.0, 1.0))
    }
}

/// What a page tells of its machine.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// Counts, and what follows from two of them.
    pub(super) counted: BTreeMap<Quantity, f64>,
    /// Values of the moment.
    pub(super) sampled: BTreeMap<Quantity, f64>,
    /// Share of each processor that was busy, in the order of their numbers.
    pub(super) cores: Vec<f64>,
}

/// The machine of one exporter.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// By the number of the processor.
    before: BTreeMap<u32, Times>,
}

/// Whether a series is read.
pub(super) fn reads(name: &str) -> bool {
    name == CPU
        || MEMORY.contains(&name)
        || SWAP.contains(&name)
        || COUNTS.iter().any(|(own, _)| *own == name)
}

impl Host {
    /// What a page tells; how busy processors were, from the second page on.
    pub(super) fn read(&mut self, page: &Page<'_>) -> Told {
        let mut told = Told::default();
        let mut times: BTreeMap<u32, Times> = BTreeMap::new();
        for series in page.series.iter().filter(|series| series.value.is_finite()) {
            if series.name == CPU {
                let cpu = series.label("cpu").and_then(|cpu| cpu.parse().ok());
                let Some(times) = cpu.map(|cpu| times.entry(cpu).or_default()) else { continue };
                times.all += series.value;
                // a processor that waits for a disk could work
                if matches!(series.label("mode"), Some("idle" | "iowait")) {
                    times.idle += series.value;
                }
            } else if let Some((_, quantity)) = COUNTS.iter().find(|(name, _)| *name == series.name) {
                let device = series.label("device").unwrap_or_default();
                let disk = series.name.starts_with("node_disk");
                if !(disk && MADE_OF_OTHERS.iter().any(|begin| device.starts_with(begin))) {
                    *told.counted.entry(*quantity).or_insert(0.0) += series.value;
                }
            }
        }
        let value =
            |name: &str| page.series.iter().find(|series| series.name == name).map(|found| found.value);
        let used = |[all, free]: [&str; 2]| {
            let (all, free) = value(all).zip(value(free))?;
            (all > 0.0 && free.is_finite()).then_some((all - free, all))
        };
        if let Some((used, all)) = used(MEMORY) {
            told.sampled.insert(Quantity::SystemMemoryUsed, used);
            told.sampled.insert(Quantity::SystemMemory, used / all);
        }
        if let Some((used, _)) = used(SWAP) {
            told.sampled.insert(Quantity::SystemSwapUsed, used);
        }
        self.processors(times, &mut told);
        told
    }

    fn processors(&mut self, times: BTreeMap<u32, Times>, told: &mut Told) {
        let busy = times.iter().map(|(cpu, times)| times.busy_since(*self.before.get(cpu)?));
        if let Some(cores) = busy.collect::<Option<Vec<f64>>>()
            && !cores.is_empty()
        {
            let mean = cores.iter().sum::<f64>() / cores.len() as f64;
            told.counted.insert(Quantity::CpuUtilization, mean);
            told.cores = cores;
        }
        self.before = times;
    }
}

//! Any system, by `sysinfo`.

use std::collections::BTreeMap;

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::super::Sensor;
use crate::{
    catalog::Quantity,
    record::{Class, Sample, SensorKind, Subject},
};

/// Processors and memory.
pub(super) struct Machine {
    system: System,
    first: bool,
}

impl Machine {
    pub(super) fn new() -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_cpu_usage())
            .with_memory(MemoryRefreshKind::everything());
        Self { system: System::new_with_specifics(what), first: true }
    }
}

impl Sensor for Machine {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &Subject::Machine
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let share = |per_cent: f32| f64::from(per_cent / 100.0).clamp(0.0, 1.0);
        let sample = |class, readings, cores| Sample {
            at_ns,
            sensor: SensorKind::System,
            class,
            subject: Subject::Machine,
            readings,
            cores,
            raw: BTreeMap::new(),
        };
        let mut samples = Vec::new();
        if !std::mem::take(&mut self.first) {
            let busy = share(self.system.global_cpu_usage());
            let cores = self.system.cpus().iter().map(|cpu| share(cpu.cpu_usage())).collect();
            samples.push(sample(Class::Counter, BTreeMap::from([(Quantity::CpuUtilization, busy)]), cores));
        }
        let total = self.system.total_memory();
        if total == 0 {
            return Err("the system does not tell its memory".to_owned());
        }
        let used = total.saturating_sub(self.system.available_memory()) as f64;
        let readings = BTreeMap::from([
            (Quantity::SystemMemory, used / total as f64),
            (Quantity::SystemMemoryUsed, used),
            (Quantity::SystemSwapUsed, self.system.used_swap() as f64),
        ]);
        samples.push(sample(Class::Sampled, readings, Vec::new()));
        Ok(samples)
    }
}

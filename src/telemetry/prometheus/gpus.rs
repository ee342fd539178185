//! GPUs, as NVIDIA's DCGM exporter tells of them (<https://docs.nvidia.com/datacenter/dcgm/latest/gpu-telemetry/dcgm-exporter.html>).

use std::collections::BTreeMap;

use super::page::{Page, Series};
use crate::{
    catalog::Quantity,
    record::Class,
    telemetry::{integral::Integral, throttle},
};

/// How its names begin.
const BEGIN: &str = "DCGM_FI_";
const MEBIBYTE: f64 = (1 << 20) as f64;

/// Fields with their factors to our units.
const FIELDS: &[(&str, Quantity, f64)] = &[
    ("DCGM_FI_DEV_GPU_UTIL", Quantity::GpuUtilization, 0.01),
    ("DCGM_FI_DEV_FB_USED", Quantity::GpuMemory, MEBIBYTE),
    ("DCGM_FI_DEV_FB_RESERVED", Quantity::GpuMemoryReserved, MEBIBYTE),
    ("DCGM_FI_DEV_GPU_TEMP", Quantity::GpuTemperature, 1.0),
    ("DCGM_FI_DEV_SM_CLOCK", Quantity::GpuClock, 1.0),
    ("DCGM_FI_DEV_MEM_CLOCK", Quantity::GpuMemoryClock, 1.0),
    ("DCGM_FI_DEV_POWER_USAGE", Quantity::Power, 1.0),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Quantity::Energy, 1e-3),
];
const FREE: &str = "DCGM_FI_DEV_FB_FREE";
const TOTAL: &str = "DCGM_FI_DEV_FB_TOTAL";
/// What slows it down, as bits; the second name is that of older versions.
const REASONS: &[&str] = &["DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"];
/// Above this, a field has no value: the exporter writes the largest numbers that there are.
const BLANK: f64 = 9e18;

/// What it tells of one GPU, by how sure it is.
pub(super) type Told = BTreeMap<Class, BTreeMap<Quantity, f64>>;

/// The GPUs of one exporter.
#[derive(Debug, Default)]
pub(super) struct Gpus {
    energy: BTreeMap<String, Integral>,
}

/// Whether a series is of such an exporter.
pub(super) fn owns(name: &str) -> bool {
    name.starts_with(BEGIN)
}

impl Gpus {
    /// What a page tells of each GPU, by the machine that it is in, where that is told, and its number there. Where an exporter
    /// has no counter of energy, power is summed up since the first page.
    pub(super) fn read(&mut self, at_ns: u64, page: &Page<'_>) -> BTreeMap<String, Told> {
        // parts of a GPU each have memory of their own, and the rest in common
        let mut fields: BTreeMap<String, BTreeMap<&str, f64>> = BTreeMap::new();
        for series in page.series.iter().filter(|series| owns(series.name)) {
            let Some(gpu) = name_of(series) else { continue };
            if !(0.0..BLANK).contains(&series.value) {
                continue;
            }
            let value = fields.entry(gpu).or_default().entry(series.name).or_insert(0.0);
            let apart = series.name.contains("_FB_");
            *value = if apart { *value + series.value } else { value.max(series.value) };
        }
        fields.into_iter().map(|(gpu, fields)| (gpu.clone(), self.gpu(at_ns, gpu, &fields))).collect()
    }

    fn gpu(&mut self, at_ns: u64, name: String, fields: &BTreeMap<&str, f64>) -> Told {
        let (mut sampled, mut counted) = (BTreeMap::new(), BTreeMap::new());
        for (field, quantity, factor) in FIELDS {
            if let Some(value) = fields.get(field) {
                let into = if *quantity == Quantity::Energy { &mut counted } else { &mut sampled };
                into.insert(*quantity, value * factor);
            }
        }
        let used = fields.get("DCGM_FI_DEV_FB_USED").copied();
        let reserved = fields.get("DCGM_FI_DEV_FB_RESERVED").copied().unwrap_or(0.0);
        let total = fields.get(TOTAL).copied();
        let total = total.or_else(|| Some(used? + reserved + fields.get(FREE)?));
        if let Some((used, total)) = used.zip(total).filter(|(_, total)| *total > 0.0) {
            sampled.insert(Quantity::GpuMemoryUtilization, used / total);
        }
        if let Some(reasons) = REASONS.iter().find_map(|name| fields.get(name)) {
            sampled.insert(Quantity::GpuThrottled, f64::from(throttle::slows(*reasons as u64)));
        }
        if counted.is_empty()
            && let Some(watts) = sampled.get(&Quantity::Power)
        {
            let joules = self.energy.entry(name).or_default().add(at_ns, *watts);
            sampled.insert(Quantity::Energy, joules);
        }
        let told = [(Class::Sampled, sampled), (Class::Counter, counted)];
        told.into_iter().filter(|(_, readings)| !readings.is_empty()).collect()
    }
}

/// What the subject of a series is called, where it is a GPU.
fn name_of(series: &Series<'_>) -> Option<String> {
    let gpu = series.label("gpu").or_else(|| series.label("UUID"))?;
    Some(match series.label("Hostname") {
        Some(host) if !host.is_empty() => format!("{host}/{gpu}"),
        _ => gpu.to_owned(),
    })
}

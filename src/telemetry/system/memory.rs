//! Memory: `/proc/meminfo`, as `proc_meminfo(5)` describes it.

use std::{collections::BTreeMap, path::Path};

use super::super::{Sensor, files::OpenFile};
use crate::{
    catalog::Quantity,
    machine::kibibytes,
    record::{Class, Sample, SensorKind, Subject},
};

const MEMINFO: &str = "/proc/meminfo";

/// Memory and swap space in use.
pub(super) struct Memory {
    meminfo: OpenFile,
}

impl Memory {
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let mut meminfo = OpenFile::open(root, MEMINFO)?;
        readings(meminfo.read()?)?;
        Ok(Self { meminfo })
    }
}

impl Sensor for Memory {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &Subject::Machine
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        Ok(vec![Sample {
            at_ns,
            sensor: SensorKind::System,
            class: Class::Sampled,
            subject: Subject::Machine,
            readings: readings(self.meminfo.read()?)?,
            cores: Vec::new(),
            raw: BTreeMap::new(),
        }])
    }
}

/// What is available to programs is the kernel's own estimate, with what it would give back of its caches.
fn readings(text: &str) -> Result<BTreeMap<Quantity, f64>, String> {
    let of = |key: &str| kibibytes(text, key);
    let (Some(total), Some(available)) = (of("MemTotal").filter(|total| *total > 0), of("MemAvailable"))
    else {
        return Err(format!("`{MEMINFO}` does not say what is available"));
    };
    let used = total.saturating_sub(available) as f64;
    let mut readings =
        BTreeMap::from([(Quantity::SystemMemory, used / total as f64), (Quantity::SystemMemoryUsed, used)]);
    if let (Some(swap), Some(free)) = (of("SwapTotal"), of("SwapFree")) {
        readings.insert(Quantity::SystemSwapUsed, swap.saturating_sub(free) as f64);
    }
    Ok(readings)
}

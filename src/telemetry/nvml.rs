//! NVIDIA's GPUs, by the library that comes with the driver.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
    enums::device::UsedGpuMemory,
    error::{Bits, NvmlError},
};

use super::{Found, Missing, Sensor, integral::Integral, process::Members, throttle};
use crate::{
    catalog::Quantity,
    machine::nvml::words,
    record::{Class, Sample, SensorKind, Subject},
};

/// A sensor for each GPU that the driver can speak to. `library` is that of the driver: a name for the system's loader, or a path.
/// `servers` tells whose memory is that of servers under test; where nobody knows, it is empty.
pub(super) fn find(library: &Path, servers: &Members) -> Found {
    let mut missing = Vec::new();
    let mut lack = |subject, why| missing.push(Missing { sensor: SensorKind::Nvml, subject, why });
    let counted = Nvml::builder().lib_path(library.as_os_str()).init();
    let counted = counted.and_then(|nvml| Ok((nvml.device_count()?, Arc::new(nvml))));
    let mut sensors: Vec<Box<dyn Sensor>> = Vec::new();
    match counted {
        Err(error) => lack(Subject::Machine, words(&error, library)),
        Ok((0, _)) => lack(Subject::Machine, "the NVIDIA driver lists no GPU".to_owned()),
        Ok((count, nvml)) => {
            for index in 0..count {
                let subject = Subject::Gpu(index.to_string());
                let mut gpu = Gpu {
                    nvml: Arc::clone(&nvml),
                    library: library.to_owned(),
                    index,
                    subject: subject.clone(),
                    servers: servers.clone(),
                    counts_energy: true,
                    energy: Integral::default(),
                };
                match gpu.look() {
                    Ok(told) => {
                        gpu.counts_energy = told.joules.is_some();
                        for (what, error) in told.lacking {
                            lack(subject.clone(), format!("{what}: {}", words(&error, library)));
                        }
                        sensors.push(Box::new(gpu));
                    }
                    Err(error) => lack(subject, words(&error, library)),
                }
            }
        }
    }
    (sensors, missing)
}

/// A GPU. A handle of it is asked for anew each time: it would borrow the library, and one of a GPU that was lost is of no use.
struct Gpu {
    nvml: Arc<Nvml>,
    library: PathBuf,
    /// Among the driver's.
    index: u32,
    subject: Subject,
    servers: Members,
    /// Whether it has a counter of energy.
    counts_energy: bool,
    energy: Integral,
}

/// What a GPU tells at one moment.
#[derive(Default)]
struct Told {
    sampled: BTreeMap<Quantity, f64>,
    /// What its counter of energy says.
    joules: Option<f64>,
    /// What it does not tell, and why.
    lacking: Vec<(&'static str, NvmlError)>,
}

impl Told {
    /// Keeps what is told. A GPU that is gone is the only error that matters: all others are about this one value.
    fn keep<T>(&mut self, what: &'static str, value: Result<T, NvmlError>) -> Result<Option<T>, NvmlError> {
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error @ (NvmlError::GpuLost | NvmlError::Uninitialized)) => Err(error),
            Err(error) => {
                self.lacking.push((what, error));
                Ok(None)
            }
        }
    }

    fn add(
        &mut self,
        what: &'static str,
        quantity: Quantity,
        value: Result<f64, NvmlError>,
    ) -> Result<(), NvmlError> {
        if let Some(value) = self.keep(what, value)? {
            self.sampled.insert(quantity, value);
        }
        Ok(())
    }
}

impl Gpu {
    fn look(&self) -> Result<Told, NvmlError> {
        let device = self.nvml.device_by_index(self.index)?;
        let mut told = Told::default();
        let busy = device.utilization_rates().map(|rates| f64::from(rates.gpu) / 100.0);
        told.add("utilization", Quantity::GpuUtilization, busy)?;
        if let Some(memory) = told.keep("memory", device.memory_info())? {
            told.sampled.insert(Quantity::GpuMemory, memory.used as f64);
            told.sampled.insert(Quantity::GpuMemoryReserved, memory.reserved as f64);
            if memory.total > 0 {
                let share = memory.used as f64 / memory.total as f64;
                told.sampled.insert(Quantity::GpuMemoryUtilization, share);
            }
        }
        let celsius = device.temperature(TemperatureSensor::Gpu).map(f64::from);
        told.add("temperature", Quantity::GpuTemperature, celsius)?;
        told.add("clock", Quantity::GpuClock, device.clock_info(Clock::SM).map(f64::from))?;
        let memory_clock = device.clock_info(Clock::Memory).map(f64::from);
        told.add("clock of its memory", Quantity::GpuMemoryClock, memory_clock)?;
        let slowed = reasons(&device).map(|bits| f64::from(throttle::slows(bits)));
        told.add("what slows it down", Quantity::GpuThrottled, slowed)?;
        // milliwatts and millijoules
        let watts = device.power_usage().map(|milliwatts| f64::from(milliwatts) / 1e3);
        told.add("power", Quantity::Power, watts)?;
        if self.counts_energy {
            let joules = device.total_energy_consumption().map(|millijoules| millijoules as f64 / 1e3);
            told.joules = told.keep("counter of energy", joules)?;
        }
        let pids = self.servers.all();
        if !pids.is_empty()
            && let Some(processes) = told.keep("memory of processes", device.running_compute_processes())?
        {
            // no process of a server here is no memory of 0 bytes: in a container the driver may count them by other numbers
            let of_servers = processes.iter().filter(|process| pids.contains(&process.pid));
            let used = of_servers.filter_map(|process| match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            });
            if let Some(bytes) = used.reduce(|one, other| one + other) {
                told.sampled.insert(Quantity::GpuMemoryServer, bytes as f64);
            }
        }
        Ok(told)
    }

    fn sample(&self, at_ns: u64, class: Class, readings: BTreeMap<Quantity, f64>) -> Sample {
        let (cores, raw) = (Vec::new(), BTreeMap::new());
        Sample { at_ns, sensor: SensorKind::Nvml, class, subject: self.subject.clone(), readings, cores, raw }
    }
}

/// What slows a GPU down, as the driver's bits, also where they are newer than our list of them.
fn reasons(device: &Device<'_>) -> Result<u64, NvmlError> {
    match device.current_throttle_reasons_strict() {
        Ok(reasons) => Ok(reasons.bits()),
        Err(NvmlError::IncorrectBits(Bits::U64(bits))) => Ok(bits),
        Err(error) => Err(error),
    }
}

impl Sensor for Gpu {
    fn kind(&self) -> SensorKind {
        SensorKind::Nvml
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Values of the moment, and what the counter of energy says. Without one, energy is power summed up since the first reading.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let Told { mut sampled, joules, lacking } =
            self.look().map_err(|error| words(&error, &self.library))?;
        if !self.counts_energy
            && let Some(watts) = sampled.get(&Quantity::Power)
        {
            let joules = self.energy.add(at_ns, *watts);
            sampled.insert(Quantity::Energy, joules);
        }
        let mut samples = Vec::new();
        if !sampled.is_empty() {
            samples.push(self.sample(at_ns, Class::Sampled, sampled));
        }
        if let Some(joules) = joules {
            samples.push(self.sample(at_ns, Class::Counter, BTreeMap::from([(Quantity::Energy, joules)])));
        }
        match lacking.into_iter().next() {
            Some((_, error)) if samples.is_empty() => Err(words(&error, &self.library)),
            _ => Ok(samples),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;

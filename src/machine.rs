//! What hardware and system this is: for presets, for `system-info.json` and for the line that every chart carries; and
//! what it was seen to do as a load generator.

pub mod calibration;

use nvml_wrapper::error::NvmlError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::calibration::Calibration;
use crate::units;

/// The version of `system-info.json`.
pub const FORMAT: u32 = 1;

/// The machine that the program runs on. An empty text or 0 is "could not be found out".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// `linux`, `macos`, …
    pub os: String,
    /// Distribution or product and version, such as `Debian GNU/Linux 12`.
    pub os_version: String,
    /// Kernel version.
    pub kernel: String,
    /// CPU architecture, such as `x86_64`.
    pub arch: String,
    /// CPU model.
    pub cpu: String,
    /// Logical processors that this process may use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// NVIDIA GPUs, by NVML.
    pub gpus: Vec<Gpu>,
    /// Why there are no GPUs here: `no NVIDIA driver`. Empty when there are some.
    pub gpu_note: String,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Gpu {
    /// Product name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Driver version.
    pub driver: String,
}

/// `system-info.json`: where a run took place and what answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SystemInfo {
    /// The version of this file's format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The version of the program.
    pub tool_version: String,
    /// The machine of the client.
    pub machine: Machine,
    /// What each endpoint turned out to be.
    pub servers: Vec<Server>,
    /// Threads that sent requests and read answers; `None` in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_threads: Option<u32>,
    /// What the machine was known to do before the run; `None` where nobody had looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// An endpoint as it was found at readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Server {
    /// The endpoint's name in the plan.
    pub endpoint: String,
    /// Its base URL; for a simulated server the address that it got.
    pub url: String,
    /// The model that requests name.
    pub model: String,
    /// The `server` header or version that it told; empty when it told none.
    pub version: String,
    /// Whether it is a simulation.
    pub simulated: bool,
}

impl Machine {
    /// Looks at this machine: `sysinfo` for the system, NVML for GPUs.
    pub fn detect() -> Self {
        let system = sysinfo::System::new_with_specifics(
            sysinfo::RefreshKind::nothing()
                .with_cpu(sysinfo::CpuRefreshKind::nothing())
                .with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram()),
        );
        let (gpus, gpu_note) = match nvidia() {
            Ok(gpus) if gpus.is_empty() => (gpus, "the NVIDIA driver lists no GPU".to_owned()),
            Ok(gpus) => (gpus, String::new()),
            Err(NvmlError::LibloadingError(_)) => (Vec::new(), "no NVIDIA driver on this machine".to_owned()),
            Err(error) => (Vec::new(), format!("no NVIDIA GPU readings: {error}")),
        };
        Self {
            os: std::env::consts::OS.to_owned(),
            os_version: [sysinfo::System::name(), sysinfo::System::os_version()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
            kernel: sysinfo::System::kernel_version().unwrap_or_default(),
            arch: sysinfo::System::cpu_arch(),
            cpu: system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            memory_bytes: system.total_memory(),
            gpus,
            gpu_note,
        }
    }

    /// One line for charts: `Vast.ai · RTX 4090 24 GB · Ubuntu 22.04`, with the CPU where there is no GPU.
    pub fn line(&self, label: &str) -> String {
        let mut parts = Vec::new();
        if !label.is_empty() {
            parts.push(label.to_owned());
        }
        for gpu in &self.gpus {
            let name = gpu.name.trim_start_matches("NVIDIA ").trim_start_matches("GeForce ");
            parts.push(format!("{name} {:.0} GB", gpu.memory_bytes as f64 / f64::from(1 << 30)));
        }
        let cpu = if self.cpu.is_empty() { &self.arch } else { &self.cpu };
        let cores = if self.cores == 1 { "core" } else { "cores" };
        parts.push(format!("{cpu}, {} {cores}", self.cores));
        parts.push(format!("{} RAM", units::show_bytes(self.memory_bytes)));
        if !self.os_version.is_empty() {
            parts.push(self.os_version.clone());
        }
        parts.join(" · ")
    }
}

fn nvidia() -> Result<Vec<Gpu>, NvmlError> {
    let nvml = nvml_wrapper::Nvml::init()?;
    let driver = nvml.sys_driver_version()?;
    (0..nvml.device_count()?)
        .map(|index| {
            let device = nvml.device_by_index(index)?;
            Ok(Gpu {
                name: device.name()?,
                memory_bytes: device.memory_info()?.total,
                driver: driver.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_gpu_cpu_memory_and_system() {
        let machine = Machine {
            os_version: "Ubuntu 22.04".to_owned(),
            cpu: "AMD EPYC 7763".to_owned(),
            cores: 16,
            memory_bytes: 64 << 30,
            gpus: vec![Gpu {
                name: "NVIDIA GeForce RTX 4090".to_owned(),
                memory_bytes: 24 << 30,
                driver: "550.54".to_owned(),
            }],
            ..Machine::default()
        };
        assert_eq!(
            machine.line("Vast.ai"),
            "Vast.ai · RTX 4090 24 GB · AMD EPYC 7763, 16 cores · 64.0 GiB RAM · Ubuntu 22.04"
        );
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::detect();
        assert!(machine.cores > 0 && machine.memory_bytes > 0);
        assert_eq!(machine.gpus.is_empty(), !machine.gpu_note.is_empty());
    }
}

//! What hardware and system this is: for presets, for `system-info.json` and for the line that every chart carries; and
//! what it was seen to do as a load generator.

pub mod calibration;
#[cfg(any(target_os = "linux", test))]
mod linux;
mod memory;
mod missing;
pub(crate) mod nvml;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(any(target_os = "macos", test))]
mod sysctl;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(any(target_os = "linux", test))]
pub(crate) use self::linux::{
    amd, kibibytes,
    tree::{Tree, words},
};
use self::missing::Notes;
pub use self::{
    calibration::Calibration,
    memory::Memory,
    missing::{Missing, Source},
};
use crate::units;

/// The version of `system-info.json`.
pub const FORMAT: u32 = 1;

/// The machine that the program runs on. An empty text or null is "could not be found out", and `missing` says why, or what machines
/// of its kind do not have, such as a container or two kinds of cores. What was not looked at by older versions is null in their runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Logical processors that this process may use: those it is allowed on, and no more than the CPU quota of its cgroup.
    pub cores: u32,
    /// Memory in bytes, whatever the process may have of it.
    pub memory_bytes: Option<u64>,
    /// GPUs: NVIDIA's by NVML, then AMD's by the kernel's `amdgpu`.
    pub gpus: Vec<Gpu>,
    /// Maker and product, such as `Dell Inc. PowerEdge R750`.
    #[serde(default)]
    pub product: Option<String>,
    /// Cores, without what simultaneous multithreading makes of them.
    #[serde(default)]
    pub physical_cores: Option<u32>,
    /// Logical processors that are online.
    #[serde(default)]
    pub logical_cores: Option<u32>,
    /// Of the physical ones, those made for speed; null where all are alike.
    #[serde(default)]
    pub performance_cores: Option<u32>,
    /// Of the physical ones, those made to save energy; null where all are alike.
    #[serde(default)]
    pub efficiency_cores: Option<u32>,
    /// Highest frequency of a core, in MHz.
    #[serde(default)]
    pub cpu_max_mhz: Option<u32>,
    /// Frequency of the fastest core when it was looked, in MHz.
    #[serde(default)]
    pub cpu_mhz: Option<u32>,
    /// Swap space in bytes.
    #[serde(default)]
    pub swap_bytes: Option<u64>,
    /// What kind of container the process is in, such as `docker`; null where nothing speaks for one.
    #[serde(default)]
    pub container: Option<String>,
    /// What the process may have of the machine.
    #[serde(default)]
    pub limits: Option<CgroupLimits>,
    /// Whether the machine is a virtual one.
    #[serde(default)]
    pub virtual_machine: Option<bool>,
    /// What makes it a virtual one, such as `KVM`.
    #[serde(default)]
    pub hypervisor: Option<String>,
    /// What could not be found out, and why.
    #[serde(default)]
    pub missing: Vec<Missing>,
}

/// What the cgroups of a process let it have, the tightest of those around it. Where one of the two could not be found out, `missing` says
/// so, and the other one stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CgroupLimits {
    /// Version of the cgroups.
    pub cgroup: u32,
    /// Processors' worth of time: quota ÷ period; null where it is not limited.
    pub cpus: Option<f64>,
    /// Memory in bytes; null where it is not limited below that of the machine.
    pub memory_bytes: Option<u64>,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Gpu {
    /// Product name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Driver version.
    pub driver: String,
    /// Who made it.
    #[serde(default)]
    pub vendor: Vendor,
    /// What its driver calls it: `0` (NVIDIA), `card1` (AMD).
    #[serde(default)]
    pub id: String,
    /// The newest version of CUDA that the driver knows.
    #[serde(default)]
    pub cuda: Option<String>,
    /// Power that it is held to, in watts.
    #[serde(default)]
    pub power_limit_w: Option<f64>,
    /// Highest clock of its processors, in MHz.
    #[serde(default)]
    pub max_clock_mhz: Option<u32>,
    /// Highest clock of its memory, in MHz.
    #[serde(default)]
    pub max_memory_clock_mhz: Option<u32>,
    /// Clock of its processors when it was looked, in MHz.
    #[serde(default)]
    pub clock_mhz: Option<u32>,
}

/// Who made a GPU. Older versions of the program knew only NVIDIA's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// NVIDIA.
    #[default]
    Nvidia,
    /// AMD.
    Amd,
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder that has `proc`, `sys` and `etc` in it.
    pub root: PathBuf,
    /// The library of NVIDIA's driver: a name for the system's loader, or a path.
    pub nvml: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        let nvml = if cfg!(windows) { "nvml.dll" } else { "libnvidia-ml.so.1" };
        Self { root: "/".into(), nvml: nvml.into() }
    }
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
    /// The programs that the run started, in the order of the plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<StartedService>,
    /// Threads that sent requests and read answers; `None` in runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_threads: Option<u32>,
    /// What the machine was known to do before the run; `None` where nobody had looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// A program that the run started, as it was when it was ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StartedService {
    /// Its name in the plan.
    pub service: String,
    /// The number of its process, which is also that of the group with all that it starts.
    pub pid: u32,
    /// Seconds from its start to when it was ready.
    pub ready_s: f64,
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
    /// Looks at this machine.
    pub fn detect() -> Self {
        Self::look(&Places::default())
    }

    /// Looks at a machine. Elsewhere than on Linux, only the library of [`Places`] is followed.
    pub fn look(places: &Places) -> Self {
        let mut notes = Notes::default();
        #[cfg(target_os = "linux")]
        let mut machine = linux::look(&places.root, &mut notes);
        #[cfg(not(target_os = "linux"))]
        let mut machine = portable::look(&mut notes);
        #[cfg(target_os = "macos")]
        sysctl::look(&mut machine, &mut notes);
        machine.gpus.splice(0..0, nvml::gpus(&places.nvml, &mut notes));
        machine.missing = notes.into();
        machine
    }

    /// One line for charts: `Vast.ai · RTX 4090 24 GB · Ubuntu 22.04`, with the CPU where there is no GPU.
    pub fn line(&self, label: &str) -> String {
        let mut parts = Vec::new();
        if !label.is_empty() {
            parts.push(label.to_owned());
        }
        let names: Vec<String> = self.gpus.iter().map(Gpu::short).collect();
        for alike in names.chunk_by(|a, b| a == b) {
            let name = &alike[0];
            parts.push(if alike.len() == 1 { name.clone() } else { format!("{}× {name}", alike.len()) });
        }
        let cpu = if self.cpu.is_empty() { &self.arch } else { &self.cpu };
        let cores = if self.cores == 1 { "core" } else { "cores" };
        parts.push(format!("{cpu}, {} {cores}", self.cores));
        let limit = self.limits.and_then(|limits| limits.memory_bytes);
        parts.extend(match (limit, self.memory_bytes) {
            (Some(limit), Some(all)) => {
                Some(format!("{} of {} RAM", units::show_bytes(limit), units::show_bytes(all)))
            }
            (Some(bytes), None) | (None, Some(bytes)) => Some(format!("{} RAM", units::show_bytes(bytes))),
            (None, None) => None,
        });
        if !self.os_version.is_empty() {
            parts.push(self.os_version.clone());
        }
        parts.join(" · ")
    }

    /// Why there are no GPUs here, in words; empty where there are some, and in runs of older versions.
    pub fn without_gpus(&self) -> String {
        let looked = self.missing.iter().filter(|missing| missing.source.of_gpus());
        let reasons: Vec<&str> = looked.map(|missing| missing.why.as_str()).collect();
        if self.gpus.is_empty() { reasons.join("; ") } else { String::new() }
    }
}

impl Gpu {
    /// The name without what everybody knows, and the memory.
    fn short(&self) -> String {
        let name = self.name.trim_start_matches("NVIDIA ").trim_start_matches("GeForce ");
        match self.memory_bytes {
            Some(bytes) if bytes < 1 << 30 => format!("{name} {}", units::show_bytes(bytes)),
            Some(bytes) => format!("{name} {:.0} GB", bytes as f64 / f64::from(1 << 30)),
            None => name.to_owned(),
        }
    }
}

//! What was read of the machine and of the servers while a run went on.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::{catalog::Quantity, hosts};

/// A line of `telemetry.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Telemetry {
    /// The first line.
    Started {
        /// The version of the files' format.
        #[schemars(extend("const" = FORMAT))]
        format: u32,
    },
    /// Something that was to be read and cannot be, from here on.
    Missing {
        /// When, in nanoseconds since the start of the run.
        at_ns: u64,
        /// What reads it.
        sensor: SensorKind,
        /// What it is about.
        subject: Subject,
        /// Why it is not there, in words.
        why: String,
    },
    /// What was missing is there again, or for the first time.
    Found {
        /// When, in nanoseconds since the start of the run.
        at_ns: u64,
        /// What reads it.
        sensor: SensorKind,
        /// What it is about.
        subject: Subject,
    },
    /// Readings of one moment.
    Sample(Sample),
    /// What reading has cost by now: written at the end, and once a second before.
    Cost {
        /// When, in nanoseconds since the start of the run.
        at_ns: u64,
        /// Processor time of the threads that read and fetch, in nanoseconds; `None` where the system does not tell.
        cpu_ns: Option<u64>,
        /// Moments at which it was to read and did not, since it was still busy with one before.
        skipped: u64,
        /// Lines that were left out, since what writes them was behind.
        #[serde(default)]
        left_out: u64,
    },
}

/// What one sensor read of one subject at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// When, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// What read it.
    pub sensor: SensorKind,
    /// How its values come about.
    pub class: Class,
    /// What they are about.
    pub subject: Subject,
    /// The values, in the units of their quantities. What could not be read is not here.
    pub readings: BTreeMap<Quantity, f64>,
    /// Share of each processor that was busy since the sample before, in the system's order; only of a machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<f64>,
    /// Series of a scraped page by their names with labels, as they stand there: those with another value than on the page before. A
    /// series that is not here has the value of the last sample that has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, f64>,
}

/// What reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SensorKind {
    /// The operating system on its processors, memory, networks and disks.
    System,
    /// The operating system on a process.
    Process,
    /// The library of NVIDIA's driver.
    Nvml,
    /// The kernel's `amdgpu`.
    Amdgpu,
    /// The energy counters of processors, by the kernel's `powercap`.
    Rapl,
    /// A Prometheus page.
    Prometheus,
}

impl SensorKind {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Process => "process",
            Self::Nvml => "nvml",
            Self::Amdgpu => "amdgpu",
            Self::Rapl => "rapl",
            Self::Prometheus => "prometheus",
        }
    }

    /// Whether a quantity may come from it.
    pub fn may_read(self, quantity: Quantity) -> bool {
        let name = quantity.name();
        let energy = matches!(quantity, Quantity::Power | Quantity::Energy);
        let of_process =
            matches!(quantity, Quantity::ServerCpu | Quantity::ServerMemory | Quantity::ServerMemoryPeak);
        let of_gpu = name.starts_with("gpu_");
        match self {
            Self::System => !(energy || of_gpu || quantity.is_of_server()),
            Self::Process => of_process,
            Self::Nvml | Self::Amdgpu => energy || of_gpu,
            Self::Rapl => energy,
            Self::Prometheus => !of_process,
        }
    }
}

/// How sure a reading is. Readings of different classes are never put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A counter that misses nothing between two readings.
    Counter,
    /// A value of the moment; what lies between two readings is not seen.
    Sampled,
    /// Made from something else, such as the power that a processor is built for.
    Estimated,
}

impl Class {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Sampled => "sampled",
            Self::Estimated => "estimated",
        }
    }
}

/// What a reading is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The machine that the program runs on.
    Machine,
    /// One of its processor packages, by the name that the kernel gives its energy counter.
    Package(String),
    /// One of its GPUs, as [`crate::machine::Gpu::id`] names it; of a scraped exporter `NAME/ID`.
    Gpu(String),
    /// The server of these endpoints, in the order of the plan, as its processes or its own page show it. One name stands for itself,
    /// several are a list.
    Server(
        #[serde(serialize_with = "endpoints::write", deserialize_with = "endpoints::read")]
        #[schemars(with = "endpoints::OneOrSeveral")]
        Vec<String>,
    ),
    /// Another machine, by the name of the exporter that tells of it.
    Host(String),
}

impl Subject {
    /// Whether it is the server of an endpoint.
    pub fn serves(&self, endpoint: &str) -> bool {
        matches!(self, Self::Server(endpoints) if endpoints.iter().any(|name| name == endpoint))
    }
}

/// Whether somebody else among all who read a quantity tells of the same: a page of an exporter of the GPUs that sensors of this machine
/// may see too, and sensors of this machine of what an exporter on it says.
pub(crate) fn is_told_by_another(
    subject: &Subject,
    sensor: SensorKind,
    all: &[(&Subject, SensorKind)],
) -> bool {
    match subject {
        Subject::Gpu(_) if sensor != SensorKind::Prometheus => {
            all.iter().any(|(other, by)| *by == SensorKind::Prometheus && matches!(other, Subject::Gpu(_)))
        }
        Subject::Host(name) => {
            let here =
                hosts::of_url(&format!("http://{name}")).is_some_and(|host| hosts::is_this_machine(&host));
            here && all.iter().any(|(other, _)| **other == Subject::Machine)
        }
        _ => false,
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("machine"),
            Self::Package(name) => write!(f, "package {name}"),
            Self::Gpu(name) => write!(f, "GPU {name}"),
            Self::Server(endpoints) => write!(f, "server of `{}`", endpoints.join("`, `")),
            Self::Host(name) => write!(f, "host `{name}`"),
        }
    }
}

/// The endpoints of a server in files.
mod endpoints {
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// One name, or several.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    pub(super) enum OneOrSeveral {
        One(String),
        Several(Vec<String>),
    }

    #[expect(clippy::ptr_arg, reason = "serde asks for it")]
    pub(super) fn write<S: Serializer>(names: &Vec<String>, serializer: S) -> Result<S::Ok, S::Error> {
        match &names[..] {
            [name] => name.serialize(serializer),
            several => several.serialize(serializer),
        }
    }

    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(match OneOrSeveral::deserialize(deserializer)? {
            OneOrSeveral::One(name) => vec![name],
            OneOrSeveral::Several(names) => names,
        })
    }
}

//! What could not be found out about a machine, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// Where it would have come from.
    pub source: Source,
    /// What it is, such as `power limit of GPU 1`.
    pub what: String,
    /// Why it is not there, in words.
    pub why: String,
}

/// What tells about a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The operating system on itself, its processors and its memory.
    System,
    /// The limits that the system sets its processes.
    Cgroup,
    /// The firmware and the flags of the processor.
    Firmware,
    /// The library of NVIDIA's driver.
    Nvml,
    /// The kernel's graphics devices.
    Drm,
}

impl Source {
    /// Whether it tells about GPUs.
    pub(super) fn of_gpus(self) -> bool {
        matches!(self, Self::Nvml | Self::Drm)
    }
}

/// What is missing so far, in the order in which it was looked for.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Missing>);

impl Notes {
    pub(super) fn add(&mut self, source: Source, what: impl Into<String>, why: impl Into<String>) {
        self.0.push(Missing { source, what: what.into(), why: why.into() });
    }

    /// What was found; what was not is noted.
    pub(super) fn keep<T>(
        &mut self,
        source: Source,
        what: impl Into<String>,
        found: Result<T, String>,
    ) -> Option<T> {
        found.map_err(|why| self.add(source, what, why)).ok()
    }
}

impl From<Notes> for Vec<Missing> {
    fn from(notes: Notes) -> Self {
        notes.0
    }
}

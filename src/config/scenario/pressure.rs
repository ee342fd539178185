//! `[phases.NAME.pressure]`: what loads this machine while a phase goes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Load on the machine that the client runs on, beside the requests of a phase or in a pause. It has at least one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pressure {
    /// On its processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuPressure>,
    /// On its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryPressure>,
}

/// `pressure.cpu`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuPressure {
    /// Threads that compute.
    pub threads: PressingThreads,
    /// The share of a processor's time that each of them uses, above 0 and at most 1.
    #[schemars(range(min = 0, max = 1))]
    pub duty: f64,
}

/// How many threads compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PressingThreads {
    /// `"all"`: one for each processor that the process may use.
    All,
    /// So many.
    Number(u32),
}

/// `pressure.memory`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryPressure {
    /// How much is to be held.
    pub amount: MemoryAmount,
    /// So many bytes stay free for others, whatever the amount.
    pub keep_free_bytes: u64,
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryAmount {
    /// So many bytes.
    Bytes(u64),
    /// A share of the machine's memory, or of what its cgroup may have where that is less; above 0 and at most 1.
    Share(f64),
}

//! Load on this machine beside the requests: threads that compute, and memory that is held.
//!
//! As the simulated servers, it is a process of its own, whose processor time must not be taken for the load
//! generator's: [`Child`] is the parent's side of it, [`run`] what the process does. It says once a second what it has
//! used and holds ([`Held`]), and ends with its standard input, so that it never outlives a parent that was killed.

mod child;
mod cpu;
mod memory;
mod process;

use serde::{Deserialize, Serialize};

pub use child::Child;
pub use process::run;

/// What the process has used and holds by now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whether it presses as much as it is asked to or can; `false` while it still takes memory.
    pub ready: bool,
    /// Threads that compute.
    pub threads: u32,
    /// Processor time that these have used, in nanoseconds.
    pub cpu_ns: u64,
    /// Memory that is held, in bytes.
    pub memory_bytes: u64,
    /// Memory that is to be held, in bytes.
    pub wanted_bytes: u64,
}

/// A line of the process's standard output, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// What it has used and holds.
    Held(Held),
    /// Why it cannot press, in words.
    Failed(String),
}

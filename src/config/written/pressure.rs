//! `[phases.NAME.pressure]`.

use schemars::JsonSchema;

use super::{
    several::AnyOf,
    shape::{exclusive, not_empty, partial},
    values::{All, Bytes, PositiveBytes, PositiveShare, Threads},
};

/// `pressure`: load on this machine while the phase goes on.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = not_empty)]
pub(super) struct Pressure {
    /// Threads that compute.
    #[schemars(extend("examples" = [{}, { "threads": 2, "duty": "50%" }]))]
    cpu: Cpu,
    /// Memory that is held.
    #[schemars(extend("examples" = [{ "size": "1GiB" }, { "share": "50%", "keep_free": "2GiB" }]))]
    memory: Memory,
}

/// `pressure.cpu`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial)]
struct Cpu {
    /// How many; `"all"` is one for each processor that the process may use.
    #[schemars(extend("examples" = [2, "all"]))]
    threads: AnyOf<All, Threads>,
    /// The share of a processor's time that each of them uses.
    #[schemars(extend("examples" = ["50%"]))]
    duty: PositiveShare,
}

/// `pressure.memory`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = partial, transform = exclusive(&["size", "share"]))]
struct Memory {
    /// So much.
    #[schemars(extend("examples" = ["1GiB"]))]
    size: PositiveBytes,
    /// A share of the machine's memory, or of what its cgroup may have where that is less.
    #[schemars(extend("examples" = ["50%"]))]
    share: PositiveShare,
    /// So much stays free for others, whatever is asked for: memory is given back where they need it.
    #[schemars(extend("examples" = ["2GiB"]))]
    keep_free: Bytes,
}

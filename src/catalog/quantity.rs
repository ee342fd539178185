//! What can be read of a machine and a server while a run goes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Direction, Statistic, Unit};

/// A quantity that is read again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Quantity {
    /// Share of the machine's processor time that was used since the reading before.
    #[serde(rename = "cpu_utilization")]
    CpuUtilization,
    /// Share of the machine's memory that is not available to programs.
    #[serde(rename = "system.memory")]
    SystemMemory,
    /// The same in bytes.
    #[serde(rename = "system.memory_used")]
    SystemMemoryUsed,
    /// Swap space in use.
    #[serde(rename = "system.swap_used")]
    SystemSwapUsed,
    /// Bytes that came in over the machine's networks, loopback included.
    #[serde(rename = "network.received")]
    NetworkReceived,
    /// Bytes that went out over the machine's networks, loopback included.
    #[serde(rename = "network.sent")]
    NetworkSent,
    /// Bytes read from the machine's disks.
    #[serde(rename = "disk.read")]
    DiskRead,
    /// Bytes written to the machine's disks.
    #[serde(rename = "disk.written")]
    DiskWritten,
    /// Processors' worth of time that the server's processes used since the reading before.
    #[serde(rename = "server.cpu")]
    ServerCpu,
    /// Resident memory of the server's processes.
    #[serde(rename = "server.memory")]
    ServerMemory,
    /// The most that it ever was, by the system's own account.
    #[serde(rename = "server.memory_peak")]
    ServerMemoryPeak,
    /// Share of the time since the reading before in which the GPU worked.
    #[serde(rename = "gpu_utilization")]
    GpuUtilization,
    /// Memory of the GPU that is in use.
    #[serde(rename = "gpu_memory")]
    GpuMemory,
    /// Share of the GPU's memory that is in use.
    #[serde(rename = "gpu_memory_utilization")]
    GpuMemoryUtilization,
    /// Memory of the GPU that its driver keeps for itself.
    #[serde(rename = "gpu_memory_reserved")]
    GpuMemoryReserved,
    /// Memory of the GPU that the processes of servers under test use.
    #[serde(rename = "gpu_memory_server")]
    GpuMemoryServer,
    /// Temperature of the GPU.
    #[serde(rename = "gpu_temperature")]
    GpuTemperature,
    /// Clock of the GPU's processors.
    #[serde(rename = "gpu_clock")]
    GpuClock,
    /// Clock of the GPU's memory.
    #[serde(rename = "gpu_memory_clock")]
    GpuMemoryClock,
    /// 1 while heat or power slow the GPU down, else 0.
    #[serde(rename = "gpu_throttled")]
    GpuThrottled,
    /// Power that the subject draws.
    #[serde(rename = "power")]
    Power,
    /// Energy that the subject has used since its counter began; what is counted goes on over a wrap-around.
    #[serde(rename = "energy")]
    Energy,
    /// Requests that wait in the server.
    #[serde(rename = "server.queue_length")]
    ServerQueueLength,
    /// Requests that the server works on.
    #[serde(rename = "server.running")]
    ServerRunning,
    /// Share of the server's KV cache that is in use.
    #[serde(rename = "server.kv_cache_usage")]
    ServerKvCacheUsage,
    /// Prompt tokens that the server looked for in its prefix cache.
    #[serde(rename = "server.prefix_queries")]
    ServerPrefixQueries,
    /// Prompt tokens that it found there.
    #[serde(rename = "server.prefix_hits")]
    ServerPrefixHits,
    /// Requests that the server pushed back to make room.
    #[serde(rename = "server.preemptions")]
    ServerPreemptions,
    /// Prompt tokens of the requests that the server has taken up, with those that it found in its prefix cache.
    #[serde(rename = "server.prompt_tokens")]
    ServerPromptTokens,
    /// Prompt tokens that the server has computed, without those that it found there.
    #[serde(rename = "server.prompt_tokens_computed")]
    ServerPromptTokensComputed,
    /// Tokens that the server has made.
    #[serde(rename = "server.generation_tokens")]
    ServerGenerationTokens,
    /// Requests that the server has ended.
    #[serde(rename = "server.requests")]
    ServerRequests,
}

/// How the values of a quantity are put together over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// A value of the moment, or the mean since the reading before: has a mean and a peak.
    Level,
    /// A count that only grows: what counts is by how much. One that falls began anew.
    Count,
}

impl Quantity {
    /// Every quantity, in the order in which reports list them.
    pub const ALL: [Self; 32] = [
        Self::CpuUtilization,
        Self::SystemMemory,
        Self::SystemMemoryUsed,
        Self::SystemSwapUsed,
        Self::NetworkReceived,
        Self::NetworkSent,
        Self::DiskRead,
        Self::DiskWritten,
        Self::ServerCpu,
        Self::ServerMemory,
        Self::ServerMemoryPeak,
        Self::GpuUtilization,
        Self::GpuMemory,
        Self::GpuMemoryUtilization,
        Self::GpuMemoryReserved,
        Self::GpuMemoryServer,
        Self::GpuTemperature,
        Self::GpuClock,
        Self::GpuMemoryClock,
        Self::GpuThrottled,
        Self::Power,
        Self::Energy,
        Self::ServerQueueLength,
        Self::ServerRunning,
        Self::ServerKvCacheUsage,
        Self::ServerPrefixQueries,
        Self::ServerPrefixHits,
        Self::ServerPreemptions,
        Self::ServerPromptTokens,
        Self::ServerPromptTokensComputed,
        Self::ServerGenerationTokens,
        Self::ServerRequests,
    ];

    /// The name in TOML, JSON and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuUtilization => "cpu_utilization",
            Self::SystemMemory => "system.memory",
            Self::SystemMemoryUsed => "system.memory_used",
            Self::SystemSwapUsed => "system.swap_used",
            Self::NetworkReceived => "network.received",
            Self::NetworkSent => "network.sent",
            Self::DiskRead => "disk.read",
            Self::DiskWritten => "disk.written",
            Self::ServerCpu => "server.cpu",
            Self::ServerMemory => "server.memory",
            Self::ServerMemoryPeak => "server.memory_peak",
            Self::GpuUtilization => "gpu_utilization",
            Self::GpuMemory => "gpu_memory",
            Self::GpuMemoryUtilization => "gpu_memory_utilization",
            Self::GpuMemoryReserved => "gpu_memory_reserved",
            Self::GpuMemoryServer => "gpu_memory_server",
            Self::GpuTemperature => "gpu_temperature",
            Self::GpuClock => "gpu_clock",
            Self::GpuMemoryClock => "gpu_memory_clock",
            Self::GpuThrottled => "gpu_throttled",
            Self::Power => "power",
            Self::Energy => "energy",
            Self::ServerQueueLength => "server.queue_length",
            Self::ServerRunning => "server.running",
            Self::ServerKvCacheUsage => "server.kv_cache_usage",
            Self::ServerPrefixQueries => "server.prefix_queries",
            Self::ServerPrefixHits => "server.prefix_hits",
            Self::ServerPreemptions => "server.preemptions",
            Self::ServerPromptTokens => "server.prompt_tokens",
            Self::ServerPromptTokensComputed => "server.prompt_tokens_computed",
            Self::ServerGenerationTokens => "server.generation_tokens",
            Self::ServerRequests => "server.requests",
        }
    }

    /// The statistic of a level that the bare name stands for: of what is used up the peak, of work the mean. A count has none.
    pub fn default_statistic(self) -> Option<Statistic> {
        match self {
            _ if self.course() == Course::Count => None,
            Self::CpuUtilization
            | Self::ServerCpu
            | Self::GpuUtilization
            | Self::GpuClock
            | Self::GpuMemoryClock
            | Self::GpuThrottled
            | Self::Power
            | Self::ServerRunning => Some(Statistic::Mean),
            _ => Some(Statistic::Max),
        }
    }

    /// Whether it is read of the server of one endpoint.
    pub fn is_of_server(self) -> bool {
        self.name().starts_with("server.")
    }

    /// Which way is better.
    pub fn direction(self) -> Direction {
        match self {
            Self::GpuClock
            | Self::GpuMemoryClock
            | Self::ServerPrefixHits
            | Self::ServerPromptTokens
            | Self::ServerPromptTokensComputed
            | Self::ServerGenerationTokens
            | Self::ServerRequests => Direction::Higher,
            _ => Direction::Lower,
        }
    }

    /// The unit of its values.
    pub fn unit(self) -> Unit {
        match self {
            Self::CpuUtilization
            | Self::SystemMemory
            | Self::GpuUtilization
            | Self::GpuMemoryUtilization
            | Self::GpuThrottled
            | Self::ServerKvCacheUsage => Unit::Share,
            Self::SystemMemoryUsed
            | Self::SystemSwapUsed
            | Self::NetworkReceived
            | Self::NetworkSent
            | Self::DiskRead
            | Self::DiskWritten
            | Self::ServerMemory
            | Self::ServerMemoryPeak
            | Self::GpuMemory
            | Self::GpuMemoryReserved
            | Self::GpuMemoryServer => Unit::Bytes,
            Self::GpuTemperature => Unit::Celsius,
            Self::GpuClock | Self::GpuMemoryClock => Unit::Megahertz,
            Self::Power => Unit::Watts,
            Self::Energy => Unit::Joules,
            Self::ServerCpu
            | Self::ServerQueueLength
            | Self::ServerRunning
            | Self::ServerPrefixQueries
            | Self::ServerPrefixHits
            | Self::ServerPreemptions
            | Self::ServerPromptTokens
            | Self::ServerPromptTokensComputed
            | Self::ServerGenerationTokens
            | Self::ServerRequests => Unit::Number,
        }
    }

    /// How its values are put together.
    pub fn course(self) -> Course {
        match self {
            Self::NetworkReceived
            | Self::NetworkSent
            | Self::DiskRead
            | Self::DiskWritten
            | Self::Energy
            | Self::ServerPrefixQueries
            | Self::ServerPrefixHits
            | Self::ServerPreemptions
            | Self::ServerPromptTokens
            | Self::ServerPromptTokensComputed
            | Self::ServerGenerationTokens
            | Self::ServerRequests => Course::Count,
            _ => Course::Level,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_has_one_name() {
        for quantity in Quantity::ALL {
            assert_eq!(serde_json::to_value(quantity).expect("a name"), quantity.name());
        }
    }
}

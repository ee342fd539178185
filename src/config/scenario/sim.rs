//! `[sims.NAME]`: simulated servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tokens that share a block of the key-value cache of a simulated server: the default `block_size` of vLLM.
pub const KV_CACHE_BLOCK_TOKENS: u32 = 16;

/// `[sims.NAME]`: a simulated server. Times are seconds, rates tokens per second, shares `0..=1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sim {
    /// Prompt tokens that it prefills per second.
    pub prefill_tokens_per_second: f64,
    /// Time of one decoding step with an empty batch, in seconds.
    pub step_base_s: f64,
    /// Time that each running sequence adds to a step, in seconds.
    pub step_per_sequence_s: f64,
    /// Sequences that run at once; more wait.
    pub max_batch: u32,
    /// Tokens of running sequences, prompts and answers, that it has memory for, of which whole blocks of
    /// [`KV_CACHE_BLOCK_TOKENS`] count; `None`: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache_tokens: Option<u32>,
    /// Relative standard deviation of a step's time, which is gamma-distributed: 1 is exponential.
    pub jitter: f64,
    /// Fixed time before anything happens, in seconds (network and HTTP).
    pub overhead_s: f64,
    /// Faults on demand.
    pub faults: Faults,
}

/// Faults of a simulated server; shares are drawn per request from the seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Share of requests answered with status 500.
    pub error_rate: f64,
    /// 503 when more than so many requests wait.
    pub overload_queue: Option<u32>,
    /// Share of streams that carry an error object in the middle.
    pub mid_stream_error_rate: f64,
    /// Share of streams that are cut in the middle.
    pub cut_rate: f64,
    /// Share of streams that stop sending and stay open.
    pub stall_rate: f64,
}

//! Servers of models: whose page it is, and what its series mean.

use std::collections::BTreeMap;

use super::page::{Page, Series};
use crate::catalog::Quantity;

/// A server whose page is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Vllm,
    Sglang,
    Tgi,
    LlamaCpp,
}

/// How series that differ in their labels, such as those of several models or engines, become one value.
#[derive(Debug, Clone, Copy)]
enum Merge {
    Sum,
    Max,
}

/// Where a quantity stands, in names with `_` for `:`, since some exporters cannot have colons.
struct Rule {
    quantity: Quantity,
    merge: Merge,
    /// Names that later versions changed, the newest first: the first that is there counts. What stands together is added up.
    names: &'static [&'static [&'static str]],
}

const fn sum(quantity: Quantity, names: &'static [&'static [&'static str]]) -> Rule {
    Rule { quantity, merge: Merge::Sum, names }
}

const fn max(quantity: Quantity, names: &'static [&'static [&'static str]]) -> Rule {
    Rule { quantity, merge: Merge::Max, names }
}

/// <https://docs.vllm.ai/en/latest/usage/metrics.html>; `gpu_cache_usage_perc` is of V0 and early V1. Prompts are
/// counted whole, with what was found in the prefix cache, and each prompt of a request is a request.
const VLLM: &[Rule] = &[
    sum(Quantity::ServerRunning, &[&["vllm_num_requests_running"]]),
    sum(Quantity::ServerQueueLength, &[&["vllm_num_requests_waiting"]]),
    max(Quantity::ServerKvCacheUsage, &[&["vllm_kv_cache_usage_perc"], &["vllm_gpu_cache_usage_perc"]]),
    sum(
        Quantity::ServerPrefixQueries,
        &[&["vllm_prefix_cache_queries_total"], &["vllm_gpu_prefix_cache_queries_total"]],
    ),
    sum(
        Quantity::ServerPrefixHits,
        &[&["vllm_prefix_cache_hits_total"], &["vllm_gpu_prefix_cache_hits_total"]],
    ),
    sum(Quantity::ServerPreemptions, &[&["vllm_num_preemptions_total"]]),
    sum(Quantity::ServerPromptTokens, &[&["vllm_prompt_tokens_total"]]),
    sum(Quantity::ServerGenerationTokens, &[&["vllm_generation_tokens_total"]]),
    sum(Quantity::ServerRequests, &[&["vllm_request_success_total"]]),
];

/// <https://docs.sglang.ai/references/production_metrics.html>. All prompt tokens are looked for in its cache, and
/// counted once a request has ended, each prompt of a request as one.
const SGLANG: &[Rule] = &[
    sum(Quantity::ServerRunning, &[&["sglang_num_running_reqs"]]),
    sum(Quantity::ServerQueueLength, &[&["sglang_num_queue_reqs"]]),
    max(Quantity::ServerKvCacheUsage, &[&["sglang_token_usage"]]),
    sum(Quantity::ServerPrefixQueries, &[&["sglang_prompt_tokens_total"]]),
    sum(Quantity::ServerPrefixHits, &[&["sglang_cached_tokens_total"]]),
    sum(Quantity::ServerPreemptions, &[&["sglang_num_retracted_requests_total"]]),
    sum(Quantity::ServerPromptTokens, &[&["sglang_prompt_tokens_total"]]),
    sum(Quantity::ServerGenerationTokens, &[&["sglang_generation_tokens_total"]]),
    sum(Quantity::ServerRequests, &[&["sglang_num_requests_total"]]),
];

/// <https://huggingface.co/docs/text-generation-inference/reference/metrics>; tokens are sums of histograms.
const TGI: &[Rule] = &[
    sum(Quantity::ServerRunning, &[&["tgi_batch_current_size"]]),
    sum(Quantity::ServerQueueLength, &[&["tgi_queue_size"]]),
    sum(Quantity::ServerPromptTokens, &[&["tgi_request_input_length_sum"]]),
    sum(Quantity::ServerGenerationTokens, &[&["tgi_request_generated_tokens_sum"]]),
    sum(
        Quantity::ServerRequests,
        &[
            &["tgi_request_success", "tgi_request_failure"],
            &["tgi_request_success_total", "tgi_request_failure_total"],
        ],
    ),
];

/// <https://github.com/ggml-org/llama.cpp/tree/master/tools/server>; newer versions tell nothing of their KV cache,
/// and none counts requests. What it found in its cache is in none of its counts.
const LLAMA_CPP: &[Rule] = &[
    sum(Quantity::ServerRunning, &[&["llamacpp_requests_processing"]]),
    sum(Quantity::ServerQueueLength, &[&["llamacpp_requests_deferred"]]),
    max(Quantity::ServerKvCacheUsage, &[&["llamacpp_kv_cache_usage_ratio"]]),
    sum(Quantity::ServerPromptTokensComputed, &[&["llamacpp_prompt_tokens_total"]]),
    sum(Quantity::ServerGenerationTokens, &[&["llamacpp_tokens_predicted_total"]]),
];

impl Server {
    const ALL: [Self; 4] = [Self::Vllm, Self::Sglang, Self::Tgi, Self::LlamaCpp];

    fn rules(self) -> &'static [Rule] {
        match self {
            Self::Vllm => VLLM,
            Self::Sglang => SGLANG,
            Self::Tgi => TGI,
            Self::LlamaCpp => LLAMA_CPP,
        }
    }

    /// Whose page it is.
    pub(super) fn of(page: &Page<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|server| page.series.iter().any(|series| server.owns(series.name)))
    }

    /// Whether a series is the server's own, and not of the runtime below it.
    pub(super) fn owns(self, name: &str) -> bool {
        let begin = match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Tgi => "tgi",
            Self::LlamaCpp => "llamacpp",
        };
        name.strip_prefix(begin).is_some_and(|rest| rest.starts_with([':', '_']))
    }

    /// Whether a series is part of a reading.
    pub(super) fn reads(self, name: &str) -> bool {
        let plain = plain(name);
        self.rules().iter().any(|rule| rule.names.iter().any(|names| names.contains(&plain.as_str())))
    }

    /// The readings on a page of this server. What is not there, or is no number, has none.
    pub(super) fn readings(self, page: &Page<'_>) -> BTreeMap<Quantity, f64> {
        // by name, then by labels
        let mut values: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
        for series in page.series.iter().filter(|series| series.value.is_finite() && self.owns(series.name)) {
            // SGLang has the queue of each priority beside that of all, whose priority is empty
            let of_priority = series.label("priority").is_some_and(|priority| !priority.is_empty());
            let is_whole = |all: &Series<'_>| all.name == series.name && all.label("priority") == Some("");
            if of_priority && page.series.iter().any(is_whole) {
                continue;
            }
            // processes that share one model's layers tell of the same requests
            let ranks = ["tp_rank", "pp_rank", "moe_ep_rank"];
            let labels = series.labels.iter().filter(|(name, _)| !ranks.contains(name));
            let labels = labels.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n");
            let value = values.entry(plain(series.name)).or_default().entry(labels).or_insert(f64::MIN);
            *value = value.max(series.value);
        }
        let mut readings = BTreeMap::new();
        for Rule { quantity, merge, names } in self.rules() {
            let found = names.iter().map(|names| {
                let values = names.iter().filter_map(|name| values.get(*name)).flat_map(BTreeMap::values);
                match merge {
                    Merge::Sum => values.copied().reduce(|one, other| one + other),
                    Merge::Max => values.copied().reduce(f64::max),
                }
            });
            if let Some(value) = found.flatten().next() {
                readings.insert(*quantity, value);
            }
        }
        readings
    }
}

fn plain(name: &str) -> String {
    name.replace(':', "_")
}

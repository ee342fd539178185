//! What the server tells of itself, as vLLM does (<https://docs.vllm.ai/en/latest/usage/metrics.html>).

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{fault::Fault, player::Counters};

/// The page, in the text format of Prometheus, version 0.0.4.
pub(super) fn page(counters: &Counters, model: &str) -> String {
    let model = model.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
    let labels = format!(r#"engine="0",model_name="{model}""#);
    let mut text = String::new();
    let count = |count: &AtomicU64| count.load(Relaxed).to_string();
    let usage = f64::from_bits(counters.kv_cache_usage.load(Relaxed)).to_string();
    for (name, kind, help, value) in [
        ("vllm:num_requests_running", "gauge", "Requests in the batch.", count(&counters.running)),
        ("vllm:num_requests_waiting", "gauge", "Requests that wait for a place.", count(&counters.waiting)),
        (
            "vllm:kv_cache_usage_perc",
            "gauge",
            "Share of the key-value cache in use; 0 without a limit.",
            usage,
        ),
        (
            "vllm:num_preemptions_total",
            "counter",
            "Times that a request lost its place and its room in the cache.",
            count(&counters.preemptions),
        ),
        (
            "vllm:prompt_tokens_total",
            "counter",
            "Prompt tokens of requests that got a place.",
            count(&counters.prompt_tokens),
        ),
        ("vllm:generation_tokens_total", "counter", "Tokens generated.", count(&counters.generated_tokens)),
    ] {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{{labels}}} {value}\n");
    }
    let failed = counters.failed.iter().map(|count| count.load(Relaxed)).sum::<u64>();
    let ended = [
        ("length", counters.ok.load(Relaxed)),
        ("abort", counters.cancelled.load(Relaxed)),
        ("error", failed),
    ];
    let name = "vllm:request_success_total";
    let _ = write!(text, "# HELP {name} Requests that ended, by their end.\n# TYPE {name} counter\n");
    for (reason, count) in ended {
        let _ = writeln!(text, r#"{name}{{{labels},finished_reason="{reason}"}} {count}"#);
    }
    // which fault it was, vLLM has no name for
    let name = "scenario_sim_faults_total";
    let _ = write!(text, "# HELP {name} Requests that went wrong, by fault.\n# TYPE {name} counter\n");
    for (fault, count) in Fault::ALL.iter().zip(&counters.failed) {
        let _ = writeln!(text, r#"{name}{{fault="{}"}} {}"#, fault.name(), count.load(Relaxed));
    }
    text
}

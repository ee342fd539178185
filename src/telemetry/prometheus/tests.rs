use proptest::prelude::*;

use super::{
    page::{Page, parse},
    raw::MOST,
    reader::{Read, Reader},
};
use crate::record::{Sample, Subject};

mod fetching;

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/pages/{name}.prom", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("a recorded page")
}

fn reader() -> Reader {
    Reader::new(vec!["main".to_owned()], "box:9400".to_owned())
}

/// A line for each reading.
fn readings(samples: &[Sample]) -> String {
    let mut lines = Vec::new();
    for Sample { subject, class, readings, cores, .. } in samples {
        let class = serde_json::to_value(class).expect("a word");
        let class = class.as_str().unwrap_or_default();
        for (quantity, value) in readings {
            let name = serde_json::to_value(quantity).expect("a name");
            lines.push(format!("{subject} · {class} · {} = {value}", name.as_str().unwrap_or_default()));
        }
        lines.extend((!cores.is_empty()).then(|| format!("{subject} · cores {cores:?}")));
    }
    lines.join("\n")
}

#[test]
fn lines_of_all_kinds_are_read() {
    let text = "# HELP a Words.\n# TYPE a gauge\n#no space\n\n  a 1\n b:c_9 { x = \"1\" , y=\"a\\\\b\\\"c\\nd\\te\", } -2.5e3 1700000000000 \n\
                c{} NaN\nd +Inf 1.5\ne{le=\"0.1\"} 7 1.5 # {trace_id=\"a b\"} 0.05 1.5\nf 3 # {} 1\n\
                g{x=\"}, {\"} 0x10\ng{x=\"}, {\"} -Inf\n";
    let Page { series, bad_lines } = parse(text);
    let shown: Vec<String> = series
        .iter()
        .map(|series| {
            format!("{} | {} | {:?} | {}", series.written, series.name, series.labels, series.value)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    a | a | [] | 1
    b:c_9 { x = "1" , y="a\\b\"c\nd\te", } | b:c_9 | [("x", "1"), ("y", "a\\b\"c\nd\\te")] | -2500
    c{} | c | [] | NaN
    d | d | [] | inf
    e{le="0.1"} | e | [("le", "0.1")] | 7
    f | f | [] | 3
    g{x="}, {"} | g | [("x", "}, {")] | -inf
    "#);
    assert_eq!(bad_lines, 1, "Go's numbers in base 16 are none of the format's");
    // behind the end of a page of OpenMetrics is nothing
    assert_eq!(parse("a 1\n# EOF\nb 2\n").series.len(), 1);
}

#[test]
fn lines_that_are_no_series_are_counted() {
    for line in [
        "a",
        "a x",
        "a{ 1",
        "a{x} 1",
        "a{x=} 1",
        "a{x=\"1} 2",
        "a{x=\"1\"y=\"2\"} 1",
        "a{x=\"\\",
        "1a 2",
        "{x=\"1\"} 2",
        "a 1 yesterday",
        "a 1 2 3",
        "<html>",
        "a{x:y=\"1\"} 1",
    ] {
        assert_eq!((parse(line).series.len(), parse(line).bad_lines), (0, 1), "{line}");
    }
}

proptest! {
    /// Nothing is made of any text that is not in it, and nothing panics.
    #[test]
    fn any_text_is_a_page(text in "(?s)[a-z{}\"=, \\\\#\n0-9.+é-]{0,200}") {
        let page = parse(&text);
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
        prop_assert!(page.series.len() as u64 + page.bad_lines <= lines.count() as u64);
        for series in &page.series {
            prop_assert!(text.contains(series.written) && series.written.starts_with(series.name));
        }
        reader().read(0, &text);
    }

    /// What is written by the rules is read as it was meant.
    #[test]
    fn what_is_written_is_read(name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}", labels in prop::collection::vec(("[a-zA-Z_][a-z0-9_]{0,5}", "\\PC*"), 0..4),
                               value in prop::num::f64::ANY) {
        let escaped = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let inside: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let text = format!("{name}{{{}}} {value} 17", inside.join(","));
        let page = parse(&text);
        prop_assert_eq!((page.series.len(), page.bad_lines), (1, 0), "{}", text);
        let series = &page.series[0];
        prop_assert_eq!(series.name, &name);
        let read: Vec<(String, String)> = series.labels.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
        prop_assert_eq!(read, labels);
        prop_assert!(series.value == value || (series.value.is_nan() && value.is_nan()));
    }
}

#[test]
fn pages_of_servers_become_readings() {
    let read = |name: &str| {
        let Read { samples, notes, .. } = reader().read(0, &recorded(name));
        assert_eq!(notes, Vec::<String>::new(), "{name}");
        readings(&samples)
    };
    insta::assert_snapshot!(read("vllm_v1"), @"
    server of `main` · sampled · server.queue_length = 3
    server of `main` · sampled · server.running = 21
    server of `main` · sampled · server.kv_cache_usage = 0.8031
    server of `main` · counter · server.prefix_queries = 99200
    server of `main` · counter · server.prefix_hits = 32512
    server of `main` · counter · server.preemptions = 7
    server of `main` · counter · server.prompt_tokens = 99200
    server of `main` · counter · server.generation_tokens = 19840
    server of `main` · counter · server.requests = 197
    ");
    insta::assert_snapshot!(read("vllm_v0"), @"
    server of `main` · sampled · server.queue_length = 7
    server of `main` · sampled · server.running = 4
    server of `main` · sampled · server.kv_cache_usage = 0.9375
    server of `main` · counter · server.preemptions = 11
    server of `main` · counter · server.prompt_tokens = 2048
    server of `main` · counter · server.generation_tokens = 512
    server of `main` · counter · server.requests = 20
    ");
    insta::assert_snapshot!(read("sglang"), @"
    server of `main` · sampled · server.queue_length = 5
    server of `main` · sampled · server.running = 14
    server of `main` · sampled · server.kv_cache_usage = 0.28
    server of `main` · counter · server.prefix_queries = 8128
    server of `main` · counter · server.prefix_hits = 2560
    server of `main` · counter · server.preemptions = 3
    server of `main` · counter · server.prompt_tokens = 8128
    server of `main` · counter · server.generation_tokens = 7557
    server of `main` · counter · server.requests = 50
    ");
    insta::assert_snapshot!(read("tgi"), @"
    server of `main` · sampled · server.queue_length = 9
    server of `main` · sampled · server.running = 16
    server of `main` · counter · server.prompt_tokens = 6144
    server of `main` · counter · server.generation_tokens = 2688
    server of `main` · counter · server.requests = 48
    ");
    insta::assert_snapshot!(read("llamacpp"), @"
    server of `main` · sampled · server.queue_length = 2
    server of `main` · sampled · server.running = 4
    server of `main` · sampled · server.kv_cache_usage = 0.0625
    server of `main` · counter · server.prompt_tokens_computed = 1632
    server of `main` · counter · server.generation_tokens = 960
    ");
    // an exporter that cannot have colons
    assert_eq!(readings(&reader().read(0, &recorded("sglang").replace(':', "_")).samples), read("sglang"));
}

#[test]
fn names_of_two_versions_on_one_page_count_once() {
    let text = "vllm:gpu_prefix_cache_hits_total 5\nvllm:prefix_cache_hits_total 5\nvllm:kv_cache_usage_perc NaN\n\
                vllm:gpu_cache_usage_perc 0.5\n";
    insta::assert_snapshot!(readings(&reader().read(0, text).samples), @"
    server of `main` · sampled · server.kv_cache_usage = 0.5
    server of `main` · counter · server.prefix_hits = 5
    ");
}

#[test]
fn the_queue_of_each_priority_is_part_of_that_of_all() {
    let running = |labels: &str, value: u32| format!("sglang:num_running_reqs{{{labels}}} {value}\n");
    let text = [
        running("model_name=\"m\",priority=\"\"", 5),
        running("model_name=\"m\",priority=\"0\"", 2),
        running("model_name=\"m\",priority=\"9\"", 3),
        // ranks of one model tell of the same requests
        running("model_name=\"m\",priority=\"\",moe_ep_rank=\"1\"", 5),
    ];
    insta::assert_snapshot!(readings(&reader().read(0, &text.concat()).samples), @"server of `main` · sampled · server.running = 5");
    // where nobody adds them up they are
    let parts = readings(&reader().read(0, &text[1..3].concat()).samples);
    insta::assert_snapshot!(parts, @"server of `main` · sampled · server.running = 5");
}

#[test]
fn what_is_not_finite_is_no_reading() {
    let text = "vllm:num_requests_running{engine=\"0\"} 1e308\nvllm:num_requests_running{engine=\"1\"} 1e308\n\
                vllm:num_requests_waiting 1\n";
    insta::assert_snapshot!(readings(&reader().read(0, text).samples), @"server of `main` · sampled · server.queue_length = 1");
}

#[test]
fn an_exporter_tells_of_gpus_elsewhere() {
    let mut reader = reader();
    let first = reader.read(0, &recorded("dcgm"));
    insta::assert_snapshot!(readings(&first.samples), @"
    GPU box:9400/node-7/0 · counter · energy = 123456.789
    GPU box:9400/node-7/0 · sampled · gpu_utilization = 0.98
    GPU box:9400/node-7/0 · sampled · gpu_memory = 76235669504
    GPU box:9400/node-7/0 · sampled · gpu_memory_utilization = 0.8875
    GPU box:9400/node-7/0 · sampled · gpu_memory_reserved = 1073741824
    GPU box:9400/node-7/0 · sampled · gpu_temperature = 67
    GPU box:9400/node-7/0 · sampled · gpu_clock = 1980
    GPU box:9400/node-7/0 · sampled · gpu_memory_clock = 2619
    GPU box:9400/node-7/0 · sampled · gpu_throttled = 1
    GPU box:9400/node-7/0 · sampled · power = 612.5
    GPU box:9400/node-7/1 · sampled · gpu_utilization = 0
    GPU box:9400/node-7/1 · sampled · gpu_memory = 939524096
    GPU box:9400/node-7/1 · sampled · gpu_memory_utilization = 0.0109375
    GPU box:9400/node-7/1 · sampled · gpu_memory_reserved = 1073741824
    GPU box:9400/node-7/1 · sampled · gpu_temperature = 33
    GPU box:9400/node-7/1 · sampled · gpu_clock = 345
    GPU box:9400/node-7/1 · sampled · gpu_memory_clock = 2619
    GPU box:9400/node-7/1 · sampled · gpu_throttled = 0
    GPU box:9400/node-7/1 · sampled · power = 70.25
    GPU box:9400/node-7/1 · sampled · energy = 0
    ");
    // the second has no counter: 70.25 W for 4 s
    let later = reader.read(4_000_000_000, &recorded("dcgm"));
    assert!(readings(&later.samples).contains("GPU box:9400/node-7/1 · sampled · energy = 281"));
}

#[test]
fn parts_of_a_gpu_have_their_own_memory() {
    let text = "DCGM_FI_DEV_FB_USED{gpu=\"0\",GPU_I_ID=\"1\"} 1\nDCGM_FI_DEV_FB_USED{gpu=\"0\",GPU_I_ID=\"2\"} 2\n\
                DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",GPU_I_ID=\"1\"} 50\nDCGM_FI_DEV_POWER_USAGE{gpu=\"0\",GPU_I_ID=\"2\"} 50\n\
                DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"} 9223372036854775794\n";
    insta::assert_snapshot!(readings(&reader().read(0, text).samples), @"
    GPU box:9400/0 · sampled · gpu_memory = 3145728
    GPU box:9400/0 · sampled · power = 50
    GPU box:9400/0 · sampled · energy = 0
    ");
}

#[test]
fn an_exporter_tells_of_another_machine() {
    let mut reader = reader();
    let text = recorded("node");
    insta::assert_snapshot!(readings(&reader.read(0, &text).samples), @"
    host `box:9400` · sampled · system.memory = 0.25
    host `box:9400` · sampled · system.memory_used = 16000000000
    host `box:9400` · sampled · system.swap_used = 1000000000
    host `box:9400` · counter · network.received = 1000000000
    host `box:9400` · counter · network.sent = 550000000
    host `box:9400` · counter · disk.read = 5001000000
    host `box:9400` · counter · disk.written = 2500000000
    ");
    // both work for 5 of 10 s; waiting for a disk is no work
    let later = text
        .replace("mode=\"idle\"} 1000.5", "mode=\"idle\"} 1003.5")
        .replace("mode=\"iowait\"} 10\n", "mode=\"iowait\"} 12\n")
        .replace("mode=\"user\"} 200", "mode=\"user\"} 205")
        .replace("mode=\"idle\"} 1100", "mode=\"idle\"} 1105")
        .replace("mode=\"system\"} 40", "mode=\"system\"} 45");
    let read = readings(&reader.read(1, &later).samples);
    assert!(read.contains("cpu_utilization = 0.5\n") && read.contains("cores [0.5, 0.5]"), "{read}");
    // a machine that began anew, then the same page twice
    assert!(!readings(&reader.read(2, &text).samples).contains("cpu_utilization"));
    assert!(!readings(&reader.read(3, &text).samples).contains("cpu_utilization"));
}

#[test]
fn only_what_moved_is_kept_again() {
    let mut reader = reader();
    let text = recorded("vllm_v1");
    let first = reader.read(0, &text).samples.swap_remove(0).raw;
    assert!(first.contains_key(
        "vllm:num_requests_waiting{engine=\"0\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"}"
    ));
    let of = |text: &str| first.keys().filter(|name| name.contains(text)).count();
    assert_eq!(
        (of("python_gc"), of("process_"), of("_created"), of("_bucket"), of("cache_config")),
        (0, 0, 0, 8, 1)
    );
    let later = reader.read(1, &text.replace("} 12.0", "} 13.0")).samples.swap_remove(0).raw;
    assert_eq!(later.into_values().collect::<Vec<_>>(), [13.0]);
    let same = reader.read(2, &text.replace("} 12.0", "} 13.0")).samples;
    assert!(same.iter().all(|sample| sample.raw.is_empty()) && !same.is_empty());
    // now and then all of it, since a sample may have been lost
    let again: Vec<u64> =
        (3..130).filter(|page| reader.read(*page, &text).samples[0].raw.len() == first.len()).collect();
    assert_eq!(again, [60, 120]);
}

#[test]
fn a_page_without_end_does_not_fill_the_disk() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for series in 0..10_000 {
        let _ = writeln!(text, "vllm:tokens_bucket{{le=\"{series}\"}} {series}");
    }
    text += "vllm:num_requests_running 5\nnonsense\nvllm:other 7\n";
    let mut reader = reader();
    let Read { samples, notes, .. } = reader.read(0, &text);
    assert_eq!(samples[0].raw.len(), MOST);
    assert!(
        samples[0].raw.contains_key("vllm:num_requests_running") && samples[0].raw.contains_key("vllm:other")
    );
    assert_eq!(
        notes,
        ["has more than 500 series: 9502 of them are not kept", "has 1 line that cannot be read"],
        "the least worth stays behind"
    );
    let again = reader.read(1, &text.replace('5', "6"));
    assert_eq!(again.notes, Vec::<String>::new(), "all of it is said once");
}

#[test]
fn a_page_of_something_else_is_kept_as_it_is() {
    let Read { samples, notes, .. } = reader().read(0, "my_queue 5\nmy_created 6\n");
    assert_eq!(samples.len(), 1);
    assert_eq!(
        (&samples[0].subject, samples[0].readings.len()),
        (&Subject::Server(vec!["main".to_owned()]), 0)
    );
    assert_eq!(samples[0].raw.clone().into_iter().collect::<Vec<_>>(), [("my_queue".to_owned(), 5.0)]);
    assert!(notes[0].contains("is of no known server or exporter"), "{notes:?}");
    let Read { samples, notes, .. } = reader().read(0, "<!doctype html>\n<p>hello</p>\n");
    assert_eq!((samples.len(), notes), (0, vec!["is no page in the text format of Prometheus".to_owned()]));
}

//! A resolved scenario reads back to the same plan.

use std::{io, path::Path};

use super::super::{Input, Problems, load, resolve};
use crate::{
    machine::{Gpu, Machine},
    plan::{self, Plan},
};

/// Every key of the language, at least once; on two platforms and with values from everywhere.
const MAXIMAL: &str = r##"
version = 1
name = "maximal"
description = "every \"key\" \\ there is, for ${WHO}: $$5\nand a second line"
seed = 18446744073709551615
include = ["common/base.toml"]

[run]
platform = "box.toml"
label = "${NUMBER}"
max_in_flight = "${NUMBER}"
drain = "1m30s"
ready_timeout = 5
repeats = "${NUMBER}"
threads = "${NUMBER}"

[output]
chunks = "none"
prompts = true
answers = "${FLAG}"
formats = ["csv"]

[monitoring]
estimate = { idle_watts = 15, busy_watts = 90.5 }

[defaults]
timeout = "${NUMBER}s"
concurrency = ["${NUMBER}", 2]
requests = 30
batch_sizes = [1, "${NUMBER}"]

[endpoints.real]
url = "http://127.0.0.1:8080/v1/"
protocol = "openai_completions"
model = "${WHO}"
weight = "${SHARE}"
stream = "${FLAG}"
timeout = 12.5
workload = "words"
api_key = { file = "key" }
headers = { X-Team = "${WHO}", x-my-key = { file = "a$b" }, x-plain = { env = "$PLAIN" } }
check.json_schema = { type = "object", properties = { "a.b" = { pattern = "^x$" }, n = { "$ref" = "#/$defs/n" } }, "$defs" = { n = true } }

[endpoints.sim]
url = "sim:own"
weight = 0.25
workload = "mixed"
model = { "org/a.b" = 1, c = "${NUMBER}" }
check = { regex = '^"\d+\$$"$', json_schema = "answer.json", min_length = "${NUMBER}" }
objectives = { ttft = "${NUMBER}ms", e2e = 5 }

[workloads.words.synthetic]
prompt_words.poisson = { mean = 15, max = 50 }
output_tokens.uniform = { min = 5, max = 50 }
prefix = "tab\t, dollar $${HOME}, bell \u0007"
shared_prefix_tokens = 20

[workloads.mixed.synthetic]
prompt_tokens.normal = { mean = "${NUMBER}", std_dev = 1e1 }
output_tokens = "${NUMBER}"

[workloads.code.snippets]
prefix = "Explain:\n"
mix = { python = "${NUMBER}" }

[phases.warmup]
measure = false
requests = 5
load.closed = { users = 1 }

[phases.ladder]
requests = 40
duration = "20s"
endpoints = ["sim"]
load.closed = { users = [1, "${NUMBER}"], ramp_up = "500ms", think_time = 0.25 }

[phases.batches]
endpoints = ["real"]
batch_sizes = "default"
load.closed = { users = 1 }

[phases.defaulted]
load.closed = {}

[phases.rest]
pause = "1s"

[phases.stages]
load.open = { arrivals = { gamma = { cv = 0.5 } }, stages = [{ from = 1, to = "${NUMBER}", over = "10s" }, { hold = 0.5, over = 20 }] }

[phases.beside]
during = "stages"
endpoints = ["sim"]
load.open = { rate = 1 }

[phases.alone]
after = ["stages", "rest"]
endpoints = ["sim"]
load.same_as = "stages"

[phases.first]
after = []
duration = 3
load.closed = { users = 1 }

[phases.spikes]
duration = "3m"
load.open = { arrivals = "constant", rate = "90/min", concurrency_limit = 3, spikes = { every = "1m", lasting = "5s", rate = 20 } }

[targets.whole]
metric = "e2e.p50"
phase = "ladder"
step = "users=1"
endpoint = "sim"
between = ["1ms", 5]
severity = "warn"

[targets.errors]
metric = "error_rate"
phase = "stages"
at_most = "5%"

[sims.own]
extends = "h100"
jitter = "1%"
kv_cache_tokens = 30_000
faults = { error_rate = 0.01, overload_queue = 9, stall_rate = 0 }

[platforms.box.phases.warmup]
requests = 6
"##;

const BASE: &str =
    "[endpoints.shared]\nurl = \"http://h\"\nworkload = \"words\"\napi_key = { file = \"more/key\" }\n";
const BOX: &str = "extends = \"rtx_4090\"\n[targets.ttft]\nat_most = \"3s\"\n[sims.box]\nmax_batch = 3\n";

fn env(name: &str) -> Option<String> {
    match name {
        "WHO" => Some("a ${b} $$c".to_owned()),
        "NUMBER" => Some("12".to_owned()),
        "SHARE" => Some(" 0.5".to_owned()),
        "FLAG" => Some("false".to_owned()),
        _ => None,
    }
}

fn read(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("plans/common/base.toml") => Ok(BASE.to_owned()),
        Some("plans/box.toml") => Ok(BOX.to_owned()),
        Some("plans/answer.json") => Ok("{ \"type\": \"object\" }".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn machine() -> Machine {
    let gpu = Gpu { name: "NVIDIA H100".to_owned(), ..Gpu::default() };
    Machine { os: "linux".to_owned(), gpus: vec![gpu], ..Machine::default() }
}

/// The plan without where its values came from.
fn plan(input: &Input<'_>) -> Result<Vec<Plan>, Problems> {
    let cases = load(input, &machine(), &env, &read)?;
    let plans = cases.iter().map(|case| {
        let mut plan = plan::compile(case);
        plan.origins.clear();
        plan.platform.reason.clear();
        plan
    });
    Ok(plans.collect())
}

/// The resolved texts of all cases, after checking that each reads back to the same plan and resolves to itself.
fn round(name: &str, text: &str, platform: Option<&str>, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name, text, platform, sets: &sets };
    let before = plan(&input).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let texts = resolve(&input, &machine(), &env, &read).expect("it loads");
    assert_eq!(texts.len(), before.len(), "a text for each case");
    for (resolved, mut before) in texts.iter().zip(before) {
        // a text is one case and knows of no others
        before.case.clear();
        let again = Input { name: "resolved.toml", text: resolved, platform: None, sets: &[] };
        let after = plan(&again).unwrap_or_else(|problems| panic!("{}\n{resolved}", problems.render(false)));
        assert_eq!(after, [before], "{resolved}");
        let twice = resolve(&again, &machine(), &|_| None, &read).expect("it loads");
        let body = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(body(&twice[0]), body(resolved), "resolving again changes nothing");
    }
    texts.concat()
}

#[test]
fn a_limit_that_nobody_asked_for_binds_nobody_in_the_text() {
    let local = |n: u16| format!("[endpoints.e{n}]\nurl = \"http://127.0.0.1:{}/v1\"\n", n + 1);
    let endpoints: String = (0..9).map(local).collect();
    let text =
        format!("version = 1\nname = \"nine\"\n{endpoints}[phases.all]\nload.closed = {{ users = 9 }}\n");
    assert!(!round("nine.toml", &text, None, &[]).contains("max_endpoints"));
    assert!(round("nine.toml", &text, None, &["defaults.max_endpoints=9"]).contains("max_endpoints = 9"));
}

#[test]
fn what_flags_permit_is_written_nowhere() {
    let text = "version = 1\nname = \"far\"\ninclude = [\"common/run.toml\"]\n\
                [run]\nallow_hosts = [\"a.example.com\", \"${HOST}\"]\n[endpoints.main]\nurl = \"http://h\"\n\
                [phases.load]\nload.closed = {}\n";
    let included =
        "[run]\nallow_hosts = [\"b.example.com\"]\nceiling = { requests = \"${MANY}\", rate = \"90/min\" }\n";
    let variables = |name: &str| match name {
        "HOST" => Some("c.example.com".to_owned()),
        "MANY" => Some("500".to_owned()),
        _ => None,
    };
    let disk = |path: &Path| match path.to_str() {
        Some("common/run.toml") => Ok(included.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let run = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let input = Input { name: "far.toml", text, platform: None, sets: &sets };
        let texts = resolve(&input, &machine(), &variables, &disk);
        let text = texts.unwrap_or_else(|problems| panic!("{}", problems.render(false))).remove(0);
        let input = Input { name: "resolved.toml", text: &text, platform: None, sets: &[] };
        let scenario = load(&input, &machine(), &|_| None, &disk).expect("what was written").remove(0);
        let ceiling = scenario.run.ceiling;
        assert_eq!(scenario.run.without_flags, None);
        (scenario.run.allow_hosts, ceiling.requests, ceiling.rate, ceiling.duration.as_secs())
    };
    let own = || ["b.example.com", "a.example.com", "c.example.com"].map(str::to_owned).to_vec();
    assert_eq!(run(&[]), (own(), 500, 1.5, 86_400));
    for (sets, requests, rate, duration) in [
        (&["run.allow_hosts=[\"d.example.com\", \"a.example.com\"]"][..], 500, 1.5, 86_400),
        (&["run.ceiling.requests=5_000_000", "run.ceiling.duration=48h"], 500, 1.5, 86_400),
        // what a flag lowers is no permission
        (&["run.ceiling.requests=400", "run.ceiling.rate=2", "run.ceiling.duration=1h"], 400, 1.5, 3600),
    ] {
        assert_eq!(run(sets), (own(), requests, rate, duration), "{sets:?}");
    }
}

#[test]
fn every_key_reads_back() {
    insta::assert_snapshot!(round("plans/maximal.toml", MAXIMAL, None, &[]));
    round("plans/maximal.toml", MAXIMAL, Some("cuda"), &["phases.warmup.load.open.rate=3"]);
    round("plans/maximal.toml", MAXIMAL, Some("plans/box.toml"), &["endpoints.real.api_key.env=KEY"]);
    round("plans/maximal.toml", MAXIMAL, Some("auto"), &["phases.rest.load.closed.users=3"]);
}

#[test]
fn every_ready_scenario_reads_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut ready = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is part of the source") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).expect("a readable scenario");
            let name = path.display().to_string();
            for platform in [None, Some("mac"), Some("h200")] {
                round(&name, &text, platform, &[]);
            }
            ready += 1;
        }
    }
    assert!(ready >= 4);
}

#[test]
fn a_matrix_resolves_case_by_case() {
    let text = "version = 1\nname = \"m\"\n[endpoints.main]\nurl = \"http://h\"\n[phases.main]\nload.closed = {}\n\
                [matrix]\nphases.main.load.closed.users = [3, 5]\n";
    let input = Input { name: "m.toml", text, platform: None, sets: &[] };
    let texts = resolve(&input, &machine(), &env, &read).expect("it loads");
    assert_eq!(texts.len(), 2);
    assert!(texts[1].contains("load.closed.users = 5") && !texts[1].contains("matrix"), "{}", texts[1]);
    round("m.toml", text, None, &["phases.main.load.closed.users=3"]);
}

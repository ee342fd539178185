//! A queue whose answer is in every textbook: Poisson arrivals at one simulated server with exponential service times
//! (M/M/1) take 1 / (μ − λ) on average. Runs of the binary over loopback, one for each seed, side by side.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use scenario::{
    sim::{Arrival, Request, parse_settings, simulate},
    stats::{Estimate, batch_means},
};
use serde_json::Value;

/// λ / μ.
const UTILIZATION: f64 = 0.7;

/// Batches of an interval, and the confidence of each of its bounds: together 95 %.
const BATCHES: usize = 20;
pub(crate) const CONFIDENCE: f64 = 0.975;

/// Of so many requests the first is left out: a queue begins empty, and takes some hundred requests to forget it.
const SETTLING: usize = 10;

/// What runs of the same load with different seeds measured.
pub(crate) struct Study {
    /// 1 / (μ − λ), in seconds.
    pub(crate) expected: f64,
    /// One for each seed.
    pub(crate) runs: Vec<Seen>,
}

/// What one run measured.
pub(crate) struct Seen {
    pub(crate) seed: u64,
    pub(crate) requests: usize,
    /// The interval of the mean of `e2e`, in seconds.
    pub(crate) measured: Estimate,
    /// The same of what the model says of the same arrivals and service times in virtual time: the truth.
    pub(crate) modelled: Estimate,
    /// How much longer than in the model a request took, in seconds: mean and 99th percentile.
    pub(crate) late: f64,
    pub(crate) late_p99: f64,
}

impl Study {
    /// In how many runs the measured and the modelled interval hold the expected mean.
    pub(crate) fn held(&self) -> (usize, usize) {
        let held = |of: fn(&Seen) -> &Estimate| {
            self.runs.iter().filter(|run| of(run).holds(self.expected, CONFIDENCE)).count()
        };
        (held(|run| &run.measured), held(|run| &run.modelled))
    }
}

/// Runs the load for so many seconds at `rate` requests per second with each seed, all at once.
pub(crate) fn study(seeds: std::ops::Range<u64>, rate: f64, seconds: u32) -> Study {
    let folder = tempfile::tempdir().unwrap();
    let service = UTILIZATION / rate;
    let file = folder.path().join("mm1.toml");
    let text = format!(
        r#"
        version = 1
        name = "mm1"
        run.on_bottleneck = "warn"
        run.threads = 1
        output = {{ chunks = "none", formats = [] }}
        [endpoints.main]
        url = "sim:single"
        stream = false
        [workloads.text.synthetic]
        prompt_tokens = 8
        output_tokens = 1
        [sims.single]
        step_base = {service}
        step_per_sequence = 0
        prefill_tokens_per_second = 1e9
        max_batch = 1
        jitter = "100%"
        overhead = 0
        [phases.load]
        duration = {seconds}
        load.open.rate = {rate}
        "#
    );
    fs::write(&file, text).unwrap();
    let runs: Vec<_> = seeds
        .map(|seed| {
            let results = folder.path().join(seed.to_string());
            let child = Command::new(env!("CARGO_BIN_EXE_scenario"))
                .arg("run")
                .arg(&file)
                .args(["--set", &format!("seed={seed}"), "--results"])
                .arg(&results)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .env_remove("GITHUB_ACTIONS")
                .spawn()
                .unwrap();
            (seed, results, child)
        })
        .collect();
    let runs = runs.into_iter().map(|(seed, results, mut child)| {
        let status = child.wait().unwrap();
        assert!(status.success(), "seed {seed}: {status}");
        seen(seed, &results)
    });
    Study { runs: runs.collect(), expected: 1.0 / (1.0 / service - rate) }
}

/// Reads the only run of a folder.
fn seen(seed: u64, results: &Path) -> Seen {
    let run = fs::read_dir(results.join("runs")).unwrap().next().unwrap().unwrap().path();
    let plan: Value = serde_json::from_str(&fs::read_to_string(run.join("plan.json")).unwrap()).unwrap();
    let settings = parse_settings(&plan["endpoints"][0]["sim"].to_string()).unwrap();
    let text = fs::read_to_string(run.join("requests.jsonl")).unwrap();
    let mut requests: Vec<(u64, u64, u32)> = text
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            assert_eq!(record["outcome"], "ok");
            let number = |name: &str| record[name].as_u64().unwrap();
            (number("due_ns"), number("end_ns"), number("input_tokens") as u32)
        })
        .collect();
    requests.sort_unstable();
    let arrivals: Vec<Arrival> = requests
        .iter()
        .map(|(due_ns, _, prompt_tokens)| Arrival {
            at_ns: *due_ns,
            request: Request { prompt_tokens: *prompt_tokens, output_tokens: 1, stream: false },
        })
        .collect();
    let seconds = |from: u64, to: u64| (to as f64 - from as f64) / 1e9;
    let measured: Vec<f64> = requests.iter().map(|(due_ns, end_ns, _)| seconds(*due_ns, *end_ns)).collect();
    let modelled: Vec<f64> = simulate(&settings, seed, &arrivals)
        .iter()
        .map(|seen| seconds(seen.arrived_ns, seen.end_ns.unwrap()))
        .collect();
    let mut late: Vec<f64> =
        measured.iter().zip(&modelled).map(|(measured, modelled)| measured - modelled).collect();
    late.sort_by(f64::total_cmp);
    let interval = |series: &[f64]| batch_means(&series[series.len() / SETTLING..], BATCHES).unwrap();
    Seen {
        seed,
        requests: requests.len(),
        measured: interval(&measured),
        modelled: interval(&modelled),
        late: late.iter().sum::<f64>() / late.len() as f64,
        late_p99: late[late.len() * 99 / 100],
    }
}

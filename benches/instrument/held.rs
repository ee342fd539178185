//! Parts `held` and `soak`: what a run keeps in memory. Runs of the binary, whose own memory is looked at.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use scenario::{record::Record, sim};
use serde_json::Value;

use crate::Figures;

/// Ten thousand streams of a token a second, held for a minute.
pub(crate) fn held(tell: &mut dyn FnMut(Figures)) {
    const STREAMS: u32 = 10_000;
    let load = |users: u32| {
        format!(
            "requests = {users}\n[phases.load.load.closed]\nusers = {users}\nramp_up = \"5s\"\n[workloads.text.synthetic]\n\
             prompt_tokens = 16\noutput_tokens = 61\n"
        )
    };
    let run = Run::start("10000", &load(1));
    let alone = run.watch(Duration::from_secs(1)).peak();
    run.end();
    let run = Run::start("1000000", &load(STREAMS));
    // all have begun after 5 s and none has ended before 60 s
    let seen = run.watch(Duration::from_secs(58)).peak();
    let totals = run.end();
    tell((
        "10,000 streams".to_owned(),
        vec![
            ("alone", alone / 1024.0, "MiB"),
            ("held", seen / 1024.0, "MiB"),
            ("per_stream", (seen - alone) / f64::from(STREAMS), "KiB"),
            ("ok", totals.ok, ""),
            ("tokens", totals.tokens, ""),
        ],
    ));
}

/// A million requests.
pub(crate) fn soak(tell: &mut dyn FnMut(Figures)) {
    const REQUESTS: u32 = 1_000_000;
    let run = Run::start(
        "0",
        &format!(
            "requests = {REQUESTS}\nload.closed.users = 64\n[workloads.text.synthetic]\nprompt_tokens = 16\noutput_tokens = 4\n"
        ),
    );
    let began = Instant::now();
    let mut memory = Vec::new();
    let mut counted = (0, 0);
    while counted.1 < REQUESTS as usize {
        let pid = run.child.id();
        let seen = (resident_kib(pid).unwrap(), anonymous_kib(pid).unwrap());
        // what is seen behind the last record is the report's
        run.count(&mut counted);
        if counted.1 < REQUESTS as usize {
            memory.push((counted.1, seen));
        }
        assert!(began.elapsed() < Duration::from_secs(1200), "{} requests in 20 minutes", counted.1);
        std::thread::sleep(Duration::from_millis(250));
    }
    let took = began.elapsed().as_secs_f64();
    let early = memory.iter().find(|(done, _)| *done >= 100_000).unwrap().1;
    let late = memory.last().unwrap().1;
    // the report comes behind it
    let judged = std::thread::spawn({
        let pid = run.child.id();
        move || {
            let mut most: f64 = 0.0;
            while let Some(resident) = resident_kib(pid) {
                most = most.max(resident / 1024.0);
                std::thread::sleep(Duration::from_millis(100));
            }
            most
        }
    });
    let totals = run.end();
    tell((
        "1,000,000 requests".to_owned(),
        vec![
            ("at_100000", early.0 / 1024.0, "MiB"),
            ("at_the_end", late.0 / 1024.0, "MiB"),
            ("growth", (late.0 / early.0 - 1.0) * 100.0, "%"),
            ("own_at_100000", early.1 / 1024.0, "MiB"),
            ("own_at_the_end", late.1 / 1024.0, "MiB"),
            ("report", judged.join().unwrap(), "MiB"),
            ("rate", f64::from(REQUESTS) / took, "1/s"),
            ("ok", totals.ok, ""),
        ],
    ));
}

/// A run of the binary against a null server.
pub(crate) struct Run {
    child: Child,
    folder: tempfile::TempDir,
    _server: sim::Child,
}

/// What a run came to.
pub(crate) struct Totals {
    pub(crate) ok: f64,
    pub(crate) tokens: f64,
    pub(crate) requests_per_second: f64,
}

impl Run {
    /// Starts it: so many microseconds between two tokens, and the rest of the phase `load`.
    pub(crate) fn start(gap_us: &str, phase: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_scenario"));
        let server = sim::Child::start_null(program).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("load.toml");
        let url = server.base_url().trim_end_matches("/v1");
        let text = format!(
            "version = 1\nname = \"load\"\nrun.on_bottleneck = \"warn\"\noutput = {{ chunks = \"none\", formats = [] }}\n\
             [endpoints.null]\nurl = \"{url}/{gap_us}/v1\"\ntimeout = \"120s\"\n[phases.load]\n{phase}"
        );
        fs::write(&file, text).unwrap();
        let child = Command::new(program)
            .arg("run")
            .arg(&file)
            .args(["--platform", "cpu_only", "--quiet", "--set", "run.ceiling.rate=1000000"])
            .args(["--set", "run.ceiling.requests=100000000", "--results"])
            .arg(folder.path().join("results"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .env_remove("GITHUB_ACTIONS")
            .spawn()
            .unwrap();
        Self { child, folder, _server: server }
    }

    fn run_folder(&self) -> Option<PathBuf> {
        let mut runs = fs::read_dir(self.folder.path().join("results/runs")).ok()?;
        runs.find_map(|entry| Some(entry.ok()?.path()))
    }

    /// Looks at its memory for so long.
    fn watch(&self, duration: Duration) -> Watched {
        let until = Instant::now() + duration;
        let mut seen = Watched(Vec::new());
        while Instant::now() < until {
            seen.0.extend(resident_kib(self.child.id()));
            std::thread::sleep(Duration::from_millis(200));
        }
        seen
    }

    /// Records that it has written, of which the first so many bytes are counted.
    fn count(&self, counted: &mut (u64, usize)) {
        let Some(run) = self.run_folder() else { return };
        let Ok(mut file) = fs::File::open(run.join("requests.jsonl")) else { return };
        let mut more = Vec::new();
        file.seek(SeekFrom::Start(counted.0)).unwrap();
        counted.0 += file.read_to_end(&mut more).unwrap() as u64;
        counted.1 += memchr::memchr_iter(b'\n', &more).count();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Totals {
        let status = self.child.wait().unwrap();
        // whatever the targets of the preset come to
        assert!(matches!(status.code(), Some(0..=3)), "{status}");
        let folder = self.run_folder().unwrap();
        let summary: Value =
            serde_json::from_reader(fs::File::open(folder.join("summary.json")).unwrap()).unwrap();
        // one phase, one endpoint
        let rate = &summary["scopes"][0]["metrics"]["requests_per_second"];
        let mut totals =
            Totals { ok: 0.0, tokens: 0.0, requests_per_second: rate.as_f64().unwrap_or(f64::NAN) };
        for line in BufReader::new(fs::File::open(folder.join("requests.jsonl")).unwrap()).lines() {
            let record: Record = serde_json::from_str(&line.unwrap()).unwrap();
            if !record.outcome.failed() {
                totals.ok += 1.0;
                totals.tokens += record.output_tokens.unwrap_or(0) as f64;
            }
        }
        totals
    }
}

struct Watched(Vec<f64>);

impl Watched {
    fn peak(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }
}

/// Resident memory of a process in KiB; `None` where it has ended.
fn resident_kib(pid: u32) -> Option<f64> {
    memory_kib(pid, "VmRSS:")
}

/// What of it is no file, such as the program itself.
fn anonymous_kib(pid: u32) -> Option<f64> {
    memory_kib(pid, "RssAnon:")
}

fn memory_kib(pid: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

//! Runs the binary and reads what it left.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A folder of its own for one test, gone when dropped.
pub struct Bench {
    folder: tempfile::TempDir,
}

/// What a command did.
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder and returns its name there.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        name.to_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scenario"));
        command.args(arguments);
        if arguments.first() == Some(&"run") && !arguments.contains(&"--print") {
            // tests run side by side on whatever there is, and judge servers by other means than time
            command.args(["--set", "run.on_bottleneck=warn"]);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
        // what this machine was seen to do is nobody's business here
        command.env("SCENARIO_CALIBRATION", self.path("calibration.json"));
        // what is said to GitHub is a test of its own
        command.env_remove("GITHUB_ACTIONS");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        self.command(arguments).output().unwrap().into()
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        let child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { child }
    }

    /// The run folders, oldest first.
    pub fn runs(&self) -> Vec<Run> {
        let Ok(entries) = std::fs::read_dir(self.path("results/runs")) else { return Vec::new() };
        let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders.into_iter().map(|folder| Run { folder }).collect()
    }

    /// The only run folder.
    #[track_caller]
    pub fn only_run(&self) -> Run {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "exactly one run folder");
        runs.remove(0)
    }
}

/// A command in progress; killed when dropped.
pub struct Running {
    pub child: Child,
}

impl Running {
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for the end, at most a minute.
    #[track_caller]
    pub fn finish(mut self) -> Done {
        let (mut out, mut err) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        // both pipes are read while waiting, so that the child never blocks on a full one
        let out = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut out, &mut text).map(|_| text).unwrap_or_default()
        });
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut err, &mut text).map(|_| text).unwrap_or_default()
        });
        let code = wait(Duration::from_secs(60), || self.child.try_wait().unwrap())
            .expect("the command ends within a minute")
            .code()
            .unwrap_or(-1);
        Done { code, stdout: out.join().unwrap(), stderr: err.join().unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something or the time is over.
pub fn wait<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begin.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A run folder.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The whole records.
    pub fn records(&self) -> Vec<Value> {
        lines(&self.text("requests.jsonl"))
    }

    /// The lines of the diary of one kind, such as `step_ended`; none before the run has begun one.
    pub fn diary(&self, event: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("events.jsonl")).unwrap_or_default();
        lines(&text).into_iter().filter(|line| line["event"] == event).collect()
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }
}

/// The whole lines of a file that may be written to; a last one that was cut short is left out.
fn lines(text: &str) -> Vec<Value> {
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The middle of some numbers.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

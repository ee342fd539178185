//! A simulated server as a child process of a run.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::config::Sim;

/// How long a child may take to open its port.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of a child's standard error is kept, in bytes.
const MOST_COMPLAINT: u64 = 64 << 10;

/// Why a simulated server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program cannot be run, or a thread to watch it.
    #[error("the simulated server cannot be started")]
    Spawn(#[from] io::Error),
    /// It ended before it could be reached.
    #[error("the simulated server ended at once ({status}): {stderr}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said on its standard error.
        stderr: String,
    },
    /// It said something else than the line that was waited for.
    #[error("the simulated server said `{0}` instead of its address")]
    Strange(String),
    /// It said nothing for too long.
    #[error("the simulated server did not open its port within {} s", .0.as_secs_f64())]
    Silent(Duration),
}

/// A running simulated server. Dropping it ends the process.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Its end tells the child to end, also when this process is killed.
    stdin: Option<ChildStdin>,
    base_url: String,
}

impl Child {
    /// Starts `program sim --attached …` and blocks until its port is open, 10 s at most. `name` is the model that
    /// it lists.
    pub fn start(program: &Path, name: &str, settings: &Sim, seed: u64) -> Result<Self, StartError> {
        Self::spawn(command(program, name, settings, seed)?, PATIENCE)
    }

    /// Starts `program sim --null`, the [null server](super::serve_null), likewise.
    pub fn start_null(program: &Path) -> Result<Self, StartError> {
        let mut command = Command::new(program);
        command.args(["sim", "--null"]);
        Self::spawn(command, PATIENCE)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its address for clients: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    fn spawn(mut command: Command, patience: Duration) -> Result<Self, StartError> {
        // a group of its own: a Ctrl-C in the terminal is for the parent alone, also before the child can ignore it
        let mut process = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        // from here on a return of any kind ends the process
        let mut child = Self { process, stdin, base_url: String::new() };
        let complaint =
            stderr.map(|stderr| thread::Builder::new().spawn(move || gather(stderr))).transpose()?;

        let (sender, lines) = channel();
        let stdout = stdout.ok_or_else(|| io::Error::other("no standard output"))?;
        thread::Builder::new().spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = String::new();
            let read = stdout.read_line(&mut line).map(|_| line);
            // without a receiver the start was given up
            let _ = sender.send(read);
            let _ = io::copy(&mut stdout, &mut io::sink());
        })?;

        let line = match lines.recv_timeout(patience) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Timeout) => return Err(StartError::Silent(patience)),
            Err(RecvTimeoutError::Disconnected) => String::new(),
        };
        if line.is_empty() {
            return Err(child.ended(complaint, patience));
        }
        child.base_url = base_url(&line).ok_or_else(|| StartError::Strange(line.trim_end().to_owned()))?;
        Ok(child)
    }

    /// The error of a child that closed its standard output without a word.
    fn ended(mut self, complaint: Option<JoinHandle<String>>, patience: Duration) -> StartError {
        self.stdin = None;
        let asked = Instant::now();
        let status = loop {
            match self.process.try_wait() {
                Ok(Some(status)) => break status,
                // a process is not gone yet when its output is closed; the standard library cannot wait for a while
                Ok(None) if asked.elapsed() < patience => thread::sleep(Duration::from_millis(1)),
                Ok(None) => return StartError::Silent(patience),
                Err(error) => return StartError::Spawn(error),
            }
        };
        let stderr = complaint.and_then(|complaint| complaint.join().ok()).unwrap_or_default();
        StartError::Ended { status, stderr: stderr.trim_end().to_owned() }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stdin = None;
        // both fail only where the process has been waited for already
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command line of a simulated server.
fn command(program: &Path, name: &str, settings: &Sim, seed: u64) -> Result<Command, StartError> {
    let settings = serde_json::to_string(settings).map_err(io::Error::from)?;
    let mut command = Command::new(program);
    command.args(["sim", "--attached", "--port", "0", "--name", name]).args([
        "--settings",
        &settings,
        "--seed",
        &seed.to_string(),
    ]);
    Ok(command)
}

/// The address in the line of [`listening_line`](super::listening_line).
fn base_url(line: &str) -> Option<String> {
    let url = line.trim_end().strip_prefix("listening on ")?;
    let port = url.strip_prefix("http://127.0.0.1:")?.strip_suffix("/v1")?;
    port.parse::<u16>().ok().map(|_| url.to_owned())
}

/// Reads to the end, so that the writer never blocks, and keeps the beginning.
fn gather(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = stderr.by_ref().take(MOST_COMPLAINT).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Faults, sim::parse_settings};

    fn shell(script: &str, patience: Duration) -> Result<Child, StartError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::spawn(command, patience)
    }

    #[test]
    fn the_command_line_carries_everything() {
        let settings = Sim {
            prefill_tokens_per_second: 8000.0,
            step_base_s: 0.01,
            step_per_sequence_s: 0.0005,
            max_batch: 8,
            kv_cache_tokens: None,
            jitter: 0.05,
            overhead_s: 0.001,
            faults: Faults { cut_rate: 0.5, overload_queue: Some(3), ..Faults::default() },
        };
        let command = command(Path::new("/bin/scenario"), "small", &settings, 7).expect("a command");
        assert_eq!(command.get_program(), "/bin/scenario");
        let args: Vec<&str> = command.get_args().filter_map(|arg| arg.to_str()).collect();
        assert_eq!(args[..7], ["sim", "--attached", "--port", "0", "--name", "small", "--settings"]);
        assert_eq!(parse_settings(args[7]).expect("settings"), settings);
        assert_eq!(args[8..], ["--seed", "7"]);
    }

    #[test]
    fn a_child_that_listens_is_reached_and_ended_with_its_handle() {
        let script = "echo listening on http://127.0.0.1:4711/v1; echo more; cat";
        let child = shell(script, PATIENCE).expect("a child");
        assert_eq!(child.base_url(), "http://127.0.0.1:4711/v1");
        let pid = nix::unistd::Pid::from_raw(child.process.id() as i32);
        assert_eq!(nix::sys::signal::kill(pid, None), Ok(()));
        assert_eq!(nix::unistd::getpgid(Some(pid)), Ok(pid), "no signal of the terminal reaches it");
        drop(child);
        assert_eq!(nix::sys::signal::kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }

    #[test]
    fn a_child_that_dies_at_once_leaves_its_words() {
        let error = shell("echo the port is taken >&2; exit 3", PATIENCE).expect_err("no child");
        insta::assert_snapshot!(error, @"the simulated server ended at once (exit status: 3): the port is taken");
    }

    #[test]
    fn a_child_that_says_something_else_is_refused() {
        for line in ["hello", "listening on http://127.0.0.1:none/v1", "listening on http://0.0.0.0:80/v1"] {
            let error = shell(&format!("echo {line}; cat"), PATIENCE).expect_err("no child");
            assert_eq!(
                error.to_string(),
                format!("the simulated server said `{line}` instead of its address")
            );
        }
    }

    #[test]
    fn patience_with_a_silent_child_ends() {
        let error = shell("cat", Duration::from_millis(50)).expect_err("no child");
        insta::assert_snapshot!(error, @"the simulated server did not open its port within 0.05 s");
    }

    #[test]
    fn a_program_that_is_not_there() {
        let error = Child::spawn(Command::new("/nowhere/scenario"), PATIENCE).expect_err("no child");
        assert!(matches!(error, StartError::Spawn(_)), "{error}");
    }
}

//! A service as a run has it.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, ChildStdin, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::watch;

use super::{Asked, Ended, Order, Said};

/// How long it may take until a program is started or refused: it has not begun to work by then.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the process that watches may take beyond the time that a service has to end.
const GRACE: Duration = Duration::from_secs(10);

/// Pause between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The process that is to watch it cannot be.
    #[error("the process that is to watch it cannot be started: {0}")]
    Watch(#[from] io::Error),
    /// The program cannot be run.
    #[error("{0}")]
    Refused(String),
    /// It cannot be watched, whatever it is.
    #[error("{0}")]
    Unwatched(String),
    /// Nothing was heard of it.
    #[error("it was neither started nor refused within {} s", PATIENCE.as_secs())]
    Silent,
}

/// What is known of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Whether the awaited text was in its output.
    pub seen: bool,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
}

/// A service that was started. Dropping it ends it, with all that it started, and blocks until it is gone.
#[derive(Debug)]
pub struct Service {
    watcher: process::Child,
    /// Its end asks for that of the service, also when this process is killed.
    stdin: Option<ChildStdin>,
    /// When it was asked to end.
    asked: Option<Instant>,
    pid: u32,
    state: watch::Receiver<State>,
    reader: Option<thread::JoinHandle<()>>,
    stop_within: Duration,
}

impl Service {
    /// Starts `program service`, which runs what is ordered and watches it. Blocks until the service runs, which is long before it
    /// is ready.
    pub fn start(program: &Path, order: &Order) -> Result<Self, StartError> {
        // a group of its own: a Ctrl-C in the terminal is for the run alone
        let mut watcher = Command::new(program)
            .arg("service")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = watcher.stdin.take();
        let stdout = watcher.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let (begun, first) = mpsc::channel();
        let (changed, state) = watch::channel(State::default());
        // from here on a return of any kind ends it
        let mut service =
            Self { watcher, stdin, asked: None, pid: 0, state, reader: None, stop_within: order.stop_within };
        let mut line = serde_json::to_vec(order).map_err(io::Error::from)?;
        line.push(b'\n');
        if let Some(stdin) = &mut service.stdin {
            stdin.write_all(&line)?;
        }
        let reader = thread::Builder::new().name("service".to_owned()).spawn(move || {
            let mut group = None;
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(Said::Seen) => changed.send_modify(|state| state.seen = true),
                    Ok(Said::Ended(ended)) => changed.send_modify(|state| state.ended = Some(ended)),
                    // without a receiver the start was given up
                    Ok(said @ (Said::Started(_) | Said::Refused(_) | Said::Unwatched(_))) => {
                        if let Said::Started(pid) = said {
                            group = Pid::from_raw(pid as i32);
                        }
                        let _ = begun.send(said);
                    }
                    Err(_) => break,
                }
            }
            if changed.borrow().ended.is_none() {
                // nobody watches any more: the service is ended without questions
                let _ = group.map(|group| kill_process_group(group, Signal::KILL));
                changed.send_modify(|state| state.ended = Some(Ended::default()));
            }
        })?;
        service.reader = Some(reader);
        match first.recv_timeout(PATIENCE) {
            Ok(Said::Started(pid)) => service.pid = pid,
            Ok(Said::Refused(reason)) => return Err(StartError::Refused(reason)),
            Ok(Said::Unwatched(reason)) => return Err(StartError::Unwatched(reason)),
            Ok(Said::Seen | Said::Ended(_))
            | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(StartError::Silent);
            }
        }
        Ok(service)
    }

    /// The number of its process, which is also that of its group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What is known of it, now and from now on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.state.borrow().ended.clone()
    }

    /// Asks it to end in the time that it has. Does not wait.
    pub fn end(&mut self) {
        if self.asked.is_none() {
            self.asked = Some(Instant::now());
            self.ask(Asked::End);
        }
    }

    /// Has it killed, whatever time it has left. Does not wait.
    pub fn kill(&mut self) {
        self.asked.get_or_insert_with(Instant::now);
        self.ask(Asked::Kill);
    }

    fn ask(&mut self, what: Asked) {
        if let (Some(stdin), Ok(mut line)) = (&mut self.stdin, serde_json::to_vec(&what)) {
            line.push(b'\n');
            // who does not listen any more has nothing left to end
            let _ = stdin.write_all(&line);
        }
    }

    /// How it ended, once it was asked to and has, or nobody is left to tell. Does not wait.
    pub fn gone(&mut self) -> Option<Ended> {
        if matches!(self.watcher.try_wait(), Ok(None)) {
            if self.asked?.elapsed() <= self.stop_within + GRACE {
                return None;
            }
            // both fail only where the process has been waited for already
            let _ = self.watcher.kill();
            let _ = self.watcher.wait();
        }
        if let Some(reader) = self.reader.take() {
            // it ends with the output of the process
            let _ = reader.join();
        }
        Some(self.ended().unwrap_or_default())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
        // the standard library cannot wait for a while
        while self.gone().is_none() {
            thread::sleep(PAUSE);
        }
    }
}

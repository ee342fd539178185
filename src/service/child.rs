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

use super::{Ended, Order, Said};

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
    /// Nothing was heard of it.
    #[error("it was neither started nor refused within {} s", PATIENCE.as_secs())]
    Silent,
}

/// What is known of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Whether the awaited text was in its output.
    pub seen: bool,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
}

/// A service that was started. Dropping it ends it, with all that it started.
#[derive(Debug)]
pub struct Service {
    watcher: process::Child,
    /// Its end asks for that of the service, also when this process is killed.
    stdin: Option<ChildStdin>,
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
        let mut stdin = watcher.stdin.take();
        let stdout = watcher.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let (begun, first) = mpsc::channel();
        let (changed, state) = watch::channel(State::default());
        // from here on a return of any kind ends it
        let mut service =
            Self { watcher, stdin: None, pid: 0, state, reader: None, stop_within: order.stop_within };
        let mut line = serde_json::to_vec(order).map_err(io::Error::from)?;
        line.push(b'\n');
        if let Some(stdin) = &mut stdin {
            stdin.write_all(&line)?;
        }
        service.stdin = stdin;
        let reader = thread::Builder::new().name("service".to_owned()).spawn(move || {
            let mut group = None;
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match serde_json::from_str(&line) {
                    Ok(Said::Seen) => changed.send_modify(|state| state.seen = true),
                    Ok(Said::Ended(ended)) => changed.send_modify(|state| state.ended = Some(ended)),
                    // without a receiver the start was given up
                    Ok(said @ (Said::Started(_) | Said::Refused(_))) => {
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
        self.state.borrow().ended
    }

    /// Asks it to end, blocks until it has or was killed, and says how.
    pub fn stop(&mut self) -> Ended {
        self.stdin = None;
        let since = Instant::now();
        // the standard library cannot wait for a while
        while matches!(self.watcher.try_wait(), Ok(None)) {
            if since.elapsed() > self.stop_within + GRACE {
                // both fail only where the process has been waited for already
                let _ = self.watcher.kill();
                let _ = self.watcher.wait();
                break;
            }
            thread::sleep(PAUSE);
        }
        if let Some(reader) = self.reader.take() {
            // it ends with the output of the process
            let _ = reader.join();
        }
        self.ended().unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

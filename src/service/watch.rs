//! The process that watches a service.

use std::{
    io::{self, BufRead as _, Read},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

use super::{Ended, Order, Said};
use crate::{config::StopSignal, store::ServiceLog};

/// How long processes that were killed are waited for: longer only takes what hangs in the kernel.
const KILLED: Duration = Duration::from_secs(5);

/// Pause between two looks for what is left.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the end of the output is waited for once all processes are gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bytes of a line without an end that are written before there is one.
const LONGEST_LINE: usize = 64 << 10;

/// What happens around a service.
enum News {
    /// The awaited text was seen.
    Seen,
    /// The run asks for its end, or is gone.
    Stop,
    /// Its own process has ended.
    Ended(WaitStatus),
    /// So has everything that it started.
    Gone,
    /// One of its outputs has ended.
    Silent,
}

/// Reads an [`Order`] from the standard input, runs the service and ends it when the standard input ends or SIGTERM comes.
/// What becomes of it is told to `say`. Returns when nothing of it is left.
///
/// # Errors
/// Where no order can be read, or the system refuses a thread.
pub fn watch(say: &dyn Fn(&Said)) -> io::Result<()> {
    let (sender, news) = mpsc::channel();
    listen(sender.clone())?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    match start(&order, &sender) {
        Ok(pid) => {
            say(&Said::Started(pid.as_raw_nonzero().get().unsigned_abs()));
            say(&Said::Ended(see_through(pid, &order, &sender, &news, say)?));
        }
        Err(reason) => say(&Said::Refused(reason)),
    }
    Ok(())
}

/// Takes signals over: SIGTERM asks for the end as the end of the input does, and those of a terminal are for the run.
fn listen(news: Sender<News>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let mut terminate = runtime.block_on(async {
        // what is not acted upon is thereby ignored here, and not by the service: what is ignored at the start of a program, as by
        // `nohup` or behind `&` in a script, would be by all that it starts, and a service could not be asked to end by it
        let _interrupt = signal(SignalKind::interrupt())?;
        let _hang_up = signal(SignalKind::hangup())?;
        let _quit = signal(SignalKind::quit())?;
        signal(SignalKind::terminate())
    })?;
    thread::Builder::new().name("service-signals".to_owned()).spawn(move || {
        while runtime.block_on(terminate.recv()).is_some() {
            // nobody listens any more when it is over
            let _ = news.send(News::Stop);
        }
    })?;
    Ok(())
}

/// Starts the service and the threads that keep its log; the reason where that fails.
fn start(order: &Order, news: &Sender<News>) -> Result<Pid, String> {
    let log = ServiceLog::open(&order.log).map_err(|error| error.to_string())?;
    adopt();
    let mut command = Command::new(&order.program);
    command
        .args(&order.args)
        .envs(&order.environment)
        .current_dir(&order.folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let pid = Pid::from_child(&child);
    let log = Arc::new(Mutex::new(log));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [stdout.map(|out| Box::new(out) as _), stderr.map(|err| Box::new(err) as _)];
    for output in outputs.into_iter().flatten() {
        let keeper = Keeper {
            log: Arc::clone(&log),
            secrets: order.secrets.clone(),
            awaited: order.awaited.clone(),
            news: news.clone(),
        };
        thread::Builder::new().name("service-output".to_owned()).spawn(move || keeper.keep(output)).map_err(
            |error| {
                let _ = kill_process_group(pid, Signal::KILL);
                error.to_string()
            },
        )?;
    }
    Ok(pid)
}

/// Makes this process the parent of what a service leaves behind.
fn adopt() {
    #[cfg(target_os = "linux")]
    // without it only what left the group gets away
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Waits for the end of a service, by itself or as it is asked to, and for that of all that it started.
fn see_through(
    pid: Pid,
    order: &Order,
    sender: &Sender<News>,
    news: &Receiver<News>,
    say: &dyn Fn(&Said),
) -> io::Result<Ended> {
    let reaper = sender.clone();
    thread::Builder::new().name("service-reaper".to_owned()).spawn(move || reap(pid, &reaper))?;
    let stop = sender.clone();
    thread::Builder::new().name("service-input".to_owned()).spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = stop.send(News::Stop);
    })?;
    let mut left = Left { status: None, gone: false, outputs: 2 };
    let mut asked = false;
    while left.status.is_none() && !asked {
        match news.recv() {
            Ok(News::Seen) => say(&Said::Seen),
            Ok(News::Stop) | Err(_) => asked = true,
            Ok(other) => left.note(&other),
        }
    }
    let mut killed = false;
    if left.status.is_none() {
        let _ = kill_process_group(pid, signal_of(order.stop));
        // a process that stands still hears nothing before it goes on
        let _ = kill_process_group(pid, Signal::CONT);
        left.wait(news, order.stop_within, |left| left.gone);
        killed = left.status.is_none();
    }
    let since = Instant::now();
    while !left.gone && since.elapsed() < KILLED {
        let _ = kill_process_group(pid, Signal::KILL);
        for orphan in adopted(pid, left.status.is_some()) {
            let _ = kill_process(orphan, Signal::KILL);
        }
        left.wait(news, PAUSE, |left| left.gone);
    }
    left.wait(news, LAST_WORDS, |left| left.outputs == 0);
    let status = left.status;
    Ok(Ended {
        status: status.and_then(WaitStatus::exit_status),
        signal: status.and_then(WaitStatus::terminating_signal),
        killed,
    })
}

fn signal_of(stop: StopSignal) -> Signal {
    match stop {
        StopSignal::Terminate => Signal::TERM,
        StopSignal::Interrupt => Signal::INT,
        StopSignal::Quit => Signal::QUIT,
        StopSignal::HangUp => Signal::HUP,
    }
}

/// What is left of a service.
struct Left {
    /// How its own process ended.
    status: Option<WaitStatus>,
    /// Whether all processes have.
    gone: bool,
    /// Outputs that have not.
    outputs: u32,
}

impl Left {
    fn note(&mut self, news: &News) {
        match news {
            News::Ended(status) => self.status = Some(*status),
            News::Gone => self.gone = true,
            News::Silent => self.outputs = self.outputs.saturating_sub(1),
            News::Seen | News::Stop => {}
        }
    }

    /// Takes news until something holds, at most for so long.
    fn wait(&mut self, news: &Receiver<News>, limit: Duration, done: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !done(self) {
            match news.recv_timeout(limit.saturating_sub(since.elapsed())) {
                Ok(told) => self.note(&told),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// Waits for every process of which this one is the parent, the service and what it left behind.
fn reap(service: Pid, news: &Sender<News>) {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == service => {
                let _ = news.send(News::Ended(status));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let _ = news.send(News::Gone);
}

/// Processes that this one is the parent of, but for a service that may still be told by its group.
fn adopted(service: Pid, ended: bool) -> Vec<Pid> {
    let own = std::process::id();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let children = numbers.filter(|number| {
        std::fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| parent(&stat) == Some(own))
    });
    children.filter_map(Pid::from_raw).filter(|child| !ended || *child != service).collect()
}

/// The parent in a line of `/proc/PID/stat`: the second field behind the name, which may hold anything but ends with the last `)`.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Keeps the log of one output of a service.
struct Keeper {
    log: Arc<Mutex<ServiceLog>>,
    secrets: Vec<String>,
    awaited: Option<String>,
    news: Sender<News>,
}

impl Keeper {
    /// Writes every line as it ends, until the output does. Whoever ends last closes the log.
    fn keep(mut self, mut output: impl Read) {
        let mut pending = Vec::new();
        let mut piece = vec![0; 16 << 10];
        loop {
            let count = match output.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            pending.extend_from_slice(&piece[..count]);
            if self
                .awaited
                .as_ref()
                .is_some_and(|awaited| memchr::memmem::find(&pending, awaited.as_bytes()).is_some())
            {
                self.awaited = None;
                let _ = self.news.send(News::Seen);
            }
            let end = memchr::memrchr(b'\n', &pending).map_or(0, |at| at + 1);
            let end = if end == 0 && pending.len() > LONGEST_LINE { pending.len() } else { end };
            self.write(&pending[..end]);
            pending.drain(..end);
        }
        if !pending.is_empty() {
            pending.push(b'\n');
            self.write(&pending);
        }
        let Self { log, news, .. } = self;
        if let Some(log) = Arc::into_inner(log).and_then(|log| log.into_inner().ok()) {
            log.finish();
        }
        let _ = news.send(News::Silent);
    }

    fn write(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Ok(mut log) = self.log.lock() {
            log.write(&masked(bytes, &self.secrets));
        }
    }
}

/// A text without secrets.
fn masked(bytes: &[u8], secrets: &[String]) -> Vec<u8> {
    let mut text = bytes.to_vec();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&text[from..], secret.as_bytes()) {
            text.splice(from + at..from + at + secret.len(), *b"***");
            from += at + 3;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        let secrets = ["key-1".to_owned(), String::new(), "***".to_owned()];
        for (text, shown) in [
            ("a key-1 and key-1key-1\n", "a *** and ******\n"),
            ("key-2 key-", "key-2 key-"),
            ("key-1", "***"),
            ("", ""),
        ] {
            assert_eq!(masked(text.as_bytes(), &secrets), shown.as_bytes(), "{text}");
        }
    }

    #[test]
    fn the_parent_of_a_process_is_found_behind_its_name() {
        for (stat, expected) in [
            ("12 (sh) S 7 12 12 0", Some(7)),
            ("12 (a) b) R 9) S 8 12", Some(8)),
            ("12 (sh) S", None),
            ("", None),
        ] {
            assert_eq!(parent(stat), expected, "{stat}");
        }
        let stat = std::fs::read_to_string("/proc/self/stat");
        if let Ok(stat) = stat {
            assert_eq!(parent(&stat), Some(std::os::unix::process::parent_id()));
        }
    }
}

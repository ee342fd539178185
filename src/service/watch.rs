//! The process that watches a service.

use std::{
    io::{self, BufRead as _, Read},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Asked, Ended, Order, Said,
    launch::{Unlaunched, launch},
    mask::Mask,
};
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
    /// The run does not wait any longer.
    Kill,
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
        Err(said) => say(&said),
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

/// Starts the service and the threads that keep its log; what is said where that fails.
fn start(order: &Order, news: &Sender<News>) -> Result<Pid, Said> {
    let unwatched = |what: &str, error: &dyn std::error::Error| Said::Unwatched(format!("{what}: {error}"));
    let log = ServiceLog::open(&order.log).map_err(|error| unwatched("its log cannot be kept", &error))?;
    adopt();
    let mut child = launch(order).map_err(|error| match error {
        Unlaunched::Refused(reason) => Said::Refused(reason),
        Unlaunched::Unwatched(error) => unwatched("the system does not start it", &error),
    })?;
    let pid = Pid::from_child(&child);
    let log = Arc::new(Mutex::new(log));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let outputs: [Option<Box<dyn Read + Send>>; 2] =
        [stdout.map(|out| Box::new(out) as _), stderr.map(|err| Box::new(err) as _)];
    for output in outputs.into_iter().flatten() {
        let keeper = Keeper {
            log: Arc::clone(&log),
            mask: Mask::new(&order.secrets),
            awaited: order.awaited.clone(),
            news: news.clone(),
        };
        thread::Builder::new().name("service-output".to_owned()).spawn(move || keeper.keep(output)).map_err(
            |error| {
                let _ = kill_process_group(pid, Signal::KILL);
                unwatched("its log cannot be kept", &error)
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
        let asked = io::stdin().lines().map_while(Result::ok);
        for asked in asked.map_while(|line| serde_json::from_str(&line).ok()) {
            let _ = stop.send(match asked {
                Asked::End => News::Stop,
                Asked::Kill => News::Kill,
            });
        }
        let _ = stop.send(News::Stop);
    })?;
    let mut left = Left { status: None, gone: false, outputs: 2, hurry: false };
    let mut asked = false;
    while left.status.is_none() && !asked {
        match news.recv() {
            Ok(News::Seen) => say(&Said::Seen),
            Ok(News::Stop) | Err(_) => asked = true,
            Ok(other) => {
                left.note(&other);
                asked = left.hurry;
            }
        }
    }
    let mut killed = false;
    if left.status.is_none() {
        let _ = kill_process_group(pid, signal_of(order.stop));
        // a process that stands still hears nothing before it goes on
        let _ = kill_process_group(pid, Signal::CONT);
        left.wait(news, order.stop_within, |left| left.gone || left.hurry);
        killed = left.status.is_none();
    }
    let since = Instant::now();
    loop {
        // once in any case: but for Linux nobody hears of the workers of a service that has ended
        let _ = kill_process_group(pid, Signal::KILL);
        for orphan in adopted(pid, left.status.is_some()) {
            let _ = kill_process(orphan, Signal::KILL);
        }
        if left.gone || since.elapsed() >= KILLED {
            break;
        }
        left.wait(news, PAUSE, |left| left.gone);
    }
    let left_running = if left.gone { Vec::new() } else { still_there(pid, left.status.is_some()) };
    left.wait(news, LAST_WORDS, |left| left.outputs == 0);
    let status = left.status;
    Ok(Ended {
        status: status.and_then(WaitStatus::exit_status),
        signal: status.and_then(WaitStatus::terminating_signal),
        killed,
        left_running,
    })
}

/// What of a service cannot be killed, by its numbers.
fn still_there(service: Pid, ended: bool) -> Vec<u32> {
    let mut known = adopted(service, ended);
    if known.is_empty() && !ended {
        known.push(service);
    }
    known.into_iter().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()).collect()
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
    /// Whether nobody waits for it any longer.
    hurry: bool,
}

impl Left {
    fn note(&mut self, news: &News) {
        match news {
            News::Ended(status) => self.status = Some(*status),
            News::Gone => self.gone = true,
            News::Silent => self.outputs = self.outputs.saturating_sub(1),
            News::Kill => self.hurry = true,
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
    mask: Mask,
    awaited: Option<String>,
    news: Sender<News>,
}

impl Keeper {
    /// Writes every line as it ends, until the output does. Whoever ends last closes the log.
    fn keep(mut self, mut output: impl Read) {
        let (mut heard, mut pending) = (Vec::new(), Vec::new());
        let mut piece = vec![0; 16 << 10];
        loop {
            let count = match output.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            self.listen(&mut heard, &piece[..count]);
            pending.extend(self.mask.pass(&piece[..count]));
            let end = memchr::memrchr(b'\n', &pending).map_or(0, |at| at + 1);
            let end = if end == 0 && pending.len() > LONGEST_LINE { pending.len() } else { end };
            self.write(&pending[..end]);
            pending.drain(..end);
        }
        pending.extend(self.mask.rest());
        if pending.last().is_some_and(|last| *last != b'\n') {
            pending.push(b'\n');
        }
        self.write(&pending);
        let Self { log, news, .. } = self;
        if let Some(log) = Arc::into_inner(log).and_then(|log| log.into_inner().ok()) {
            log.finish();
        }
        let _ = news.send(News::Silent);
    }

    /// Tells once that the awaited text was said; `heard` is the end of what was, in which it may begin.
    fn listen(&mut self, heard: &mut Vec<u8>, piece: &[u8]) {
        let Some(awaited) = &self.awaited else { return };
        heard.extend_from_slice(piece);
        if memchr::memmem::find(heard, awaited.as_bytes()).is_some() {
            self.awaited = None;
            let _ = self.news.send(News::Seen);
        } else {
            heard.drain(..(heard.len() + 1).saturating_sub(awaited.len()));
        }
    }

    fn write(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Ok(mut log) = self.log.lock() {
            log.write(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_log_is_not_taken_for_a_program_that_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let order = Order {
            program: "true".into(),
            args: Vec::new(),
            environment: std::collections::BTreeMap::new(),
            folder: folder.path().to_owned(),
            log: folder.path().join("nowhere/server.log"),
            awaited: None,
            secrets: Vec::new(),
            stop: StopSignal::Terminate,
            stop_within: Duration::from_secs(1),
        };
        let said = start(&order, &mpsc::channel().0).expect_err("no log");
        assert!(
            matches!(&said, Said::Unwatched(why) if why.starts_with("its log cannot be kept: ")),
            "{said:?}"
        );
    }

    #[test]
    fn output_is_heard_and_masked_whatever_its_pieces_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server.log");
        let (news, told) = mpsc::channel();
        let keeper = Keeper {
            log: Arc::new(Mutex::new(ServiceLog::open(&path).expect("a log"))),
            mask: Mask::new(&["two\nlines".to_owned()]),
            awaited: Some("listening on".to_owned()),
            news,
        };
        // each part is a read of its own, and one is more than a line may have
        let long = "-".repeat(LONGEST_LINE);
        let parts = ["up\nliste", "ning", " on 80\nkey t", "wo\nlin", "es, ", &long, "two\nli", "nes"];
        let nothing: Box<dyn Read> = Box::new(io::empty());
        let output = parts.iter().fold(nothing, |all, part| Box::new(all.chain(part.as_bytes())));
        keeper.keep(output);
        let told: Vec<News> = told.iter().collect();
        assert!(matches!(told.as_slice(), [News::Seen, News::Silent]));
        let log = std::fs::read_to_string(&path).expect("a log");
        assert_eq!(log, format!("up\nlistening on 80\nkey ***, {long}***\n"));
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

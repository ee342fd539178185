//! The services of a run: started before its endpoints are asked, watched while it goes on, and gone behind it.

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::anyhow;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use super::{
    run::this_program,
    secrets::{self, read_secret},
    signals::Signals,
    terminal,
};
use crate::{
    config::{Finding, HeaderText, Ready, THIS_PROGRAM},
    machine::StartedService,
    plan::{Plan, PlannedService},
    record::ServiceEnded,
    service::{self, Ended, NotReady, Order, Service, StartError},
    store::{ServiceLogs, StoreError},
};

/// Lines of a log that a message shows.
const LINES: usize = 20;

/// Pause between two looks whether one of them has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// Pause between two looks whether all are gone that were asked to end.
const SHORT_PAUSE: Duration = Duration::from_millis(5);

/// How long they may take to end before it is said what is waited for.
const MOMENT: Duration = Duration::from_secs(1);

/// The services of one run. Dropping it stops them.
pub(super) struct Services {
    running: Vec<Running>,
    /// The one that is being started, by a thread of its own.
    starting: Option<(String, JoinHandle<Result<Service, StartError>>)>,
    /// Whether nobody waits for their ends any longer.
    hurried: bool,
    /// `None` where the plan has no services.
    logs: Option<ServiceLogs>,
}

/// A service that was started.
struct Running {
    name: String,
    service: Service,
    /// How it is in `system-info.json`, once it is ready.
    started: Option<StartedService>,
    /// Whether its end stands in the diary.
    told: Arc<AtomicBool>,
    /// Whether it was asked to end before it did.
    asked: bool,
    /// Whether nothing is to be waited for any more.
    gone: bool,
}

impl Running {
    fn new(name: String, service: Service) -> Self {
        Self { name, service, started: None, told: Arc::default(), asked: false, gone: false }
    }
}

impl Services {
    /// None yet; makes the folder of their logs.
    pub(super) fn new(plan: &Plan, results: &Path) -> Result<Self, StoreError> {
        let make = || ServiceLogs::create(results, plan, OffsetDateTime::now_utc());
        let logs = (!plan.services.is_empty()).then(make).transpose()?;
        Ok(Self { running: Vec::new(), starting: None, hurried: false, logs })
    }

    /// Starts every service of the plan when the one before it is ready.
    ///
    /// # Errors
    /// Why one of them cannot be started or was not ready, with the last lines of its log.
    pub(super) async fn start(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let program = this_program()?;
        let allowed = &plan.limits.allow_hosts;
        // a service inherits the environment, and may say what is meant for an endpoint
        let secrets = secrets::known(plan);
        for planned in &plan.services {
            let order = match self.order(planned, &secrets, &program) {
                Ok(order) => order,
                Err(error) => return Err(self.unstarted(&format!("{error:#}")).await),
            };
            if let Some(why) = service::in_the_way(plan.places_of(planned), allowed).await {
                return Err(self.unstarted(&format!("service `{}`: {why}", planned.name)).await);
            }
            let begun = Instant::now();
            let (starter, ordered) = (program.clone(), order.clone());
            let starting = tokio::task::spawn_blocking(move || Service::start(&starter, &ordered));
            let (_, starting) = self.starting.insert((planned.name.clone(), starting));
            let started = starting.await;
            self.starting = None;
            let service = match started {
                Ok(Ok(service)) => service,
                Ok(Err(error)) => return Err(self.unstarted(&refused(planned, &order, &error)).await),
                Err(_) => return Err(self.unstarted(&format!("starting `{}` died", planned.name)).await),
            };
            let (name, pid, state) = (planned.name.clone(), service.pid(), service.state());
            self.running.push(Running::new(name.clone(), service));
            if let Err(error) = service::ready(planned, state, allowed).await {
                return Err(self.not_ready(planned, &error).await);
            }
            if let Some(running) = self.running.last_mut() {
                let ready_s = begun.elapsed().as_secs_f64();
                running.started = Some(StartedService { service: name, pid, ready_s });
            }
        }
        Ok(())
    }

    fn order(&self, planned: &PlannedService, secrets: &[String], own: &Path) -> anyhow::Result<Order> {
        let value = |address: String, text: &HeaderText| match text {
            HeaderText::Text(text) => Ok(text.clone()),
            HeaderText::Secret(secret) => {
                read_secret(secret).map_err(|reason| anyhow!("`{address}`: {reason}"))
            }
        };
        let name = &planned.name;
        let args = planned.args.iter().enumerate();
        let args = args.map(|(index, arg)| value(format!("services.{name}.args[{index}]"), arg));
        let args = args.collect::<Result<_, _>>()?;
        let variables = planned.environment.iter();
        let variables = variables.map(|(variable, text)| {
            Ok((variable.clone(), value(format!("services.{name}.environment.{variable}"), text)?))
        });
        let environment = variables.collect::<anyhow::Result<_>>()?;
        let awaited = if let Ready::Output(text) = &planned.ready { Some(text.clone()) } else { None };
        Ok(Order {
            program: program(planned, own),
            args,
            environment,
            folder: planned.folder.clone().into(),
            log: self.logs.as_ref().map(|logs| logs.path(name)).unwrap_or_default(),
            awaited,
            secrets: secrets.to_vec(),
            stop: planned.stop,
            stop_within: planned.stop_within,
        })
    }

    /// A failure before there was anything to read in a log of this service.
    async fn unstarted(&mut self, problem: &str) -> anyhow::Error {
        self.wait().await;
        self.remove();
        anyhow!("{problem}")
    }

    async fn not_ready(&mut self, planned: &PlannedService, error: &NotReady) -> anyhow::Error {
        let name = &planned.name;
        // its last words are written when it is gone
        self.wait().await;
        let ended = self.running.iter().find(|running| running.name == *name);
        let ended = ended.and_then(|running| running.service.ended());
        let what = match (error, ended) {
            (NotReady::Ended, Some(ended)) => {
                format!("{} before it was ready", line(name, ended, 0, false).how())
            }
            _ => error.to_string().trim_start_matches("it ").to_owned(),
        };
        let help = match error {
            NotReady::Late { .. } => {
                format!("\n  help: correct `services.{name}.ready`, or raise `services.{name}.ready_within`")
            }
            NotReady::Ended | NotReady::Client(_) | NotReady::Public(_) => String::new(),
        };
        anyhow!("service `{name}` {what}{help}{}", self.said(name))
    }

    /// The last lines of a service, and where the rest is.
    fn said(&self, name: &str) -> String {
        let Some(logs) = &self.logs else { return String::new() };
        let lines = logs.last_lines(name, LINES);
        if lines.is_empty() {
            return "\n  it said nothing".to_owned();
        }
        let mut text = format!("\n  the end of `{}`:", logs.path(name).display());
        for line in lines {
            // writing to a string does not fail
            let _ = write!(text, "\n  | {line}");
        }
        text
    }

    /// Resolves when one of them ends, and says why that is the end of a run that has not begun.
    pub(super) async fn lost(&self) -> anyhow::Error {
        loop {
            let lost = self.running.iter().find_map(|running| Some((running, running.service.ended()?)));
            if let Some((running, ended)) = lost {
                running.told.store(true, Ordering::Relaxed);
                let name = &running.name;
                let how = line(name, ended, 0, false).how();
                return anyhow!("service `{name}` {how} before its endpoints answered{}", self.said(name));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Says where their logs are, for a run that never began.
    pub(super) fn say_where(&self) {
        if let Some(logs) = &self.logs {
            terminal::say(&format!("what the services said is in `{}`", logs.folder().display()));
        }
    }

    /// Each as it is in `system-info.json`, in the order of the plan.
    pub(super) fn started(&self) -> Vec<StartedService> {
        self.running.iter().filter_map(|running| running.started.clone()).collect()
    }

    /// Moves their logs into the run folder.
    pub(super) fn settle(&mut self, run: &Path) -> Result<(), StoreError> {
        self.logs.as_mut().map_or(Ok(()), |logs| logs.move_into(run))
    }

    /// What sees them end while a run goes on.
    pub(super) fn watch(&self) -> Watch {
        let each = self.running.iter();
        let each =
            each.map(|running| (running.name.clone(), running.service.state(), Arc::clone(&running.told)));
        Watch(each.collect())
    }

    /// Stops those that still run, side by side. Gives how they ended, and how those did of which nobody has told yet, in the order in
    /// which that was seen. A second signal has them killed.
    pub(super) async fn stop(
        &mut self,
        signals: &mut Signals,
        now_ns: impl Fn() -> u64,
    ) -> Vec<ServiceEnded> {
        self.end();
        let begun = Instant::now();
        let mut hurry = signals.caught();
        let mut said = false;
        let mut lines = Vec::new();
        loop {
            lines.extend(self.look(&now_ns).await);
            let left = self.left();
            if left.is_empty() {
                break;
            }
            if !said && begun.elapsed() >= MOMENT {
                said = true;
                let again = if hurry { " (again to kill)" } else { "" };
                terminal::say(&format!("stopping {left}{again}"));
            }
            tokio::select! {
                () = tokio::time::sleep(SHORT_PAUSE) => {}
                _ = signals.next() => {
                    if hurry {
                        terminal::say(&format!("killing {left}"));
                        self.hurried = true;
                        self.end();
                    } else {
                        terminal::say(&format!("stopping {left} (again to kill)"));
                    }
                    (hurry, said) = (true, true);
                }
            }
        }
        for line in lines.iter().filter(|line| !line.asked || !line.left_running.is_empty()) {
            terminal::say(&format!("service `{}` {}", line.service, line.how()));
        }
        lines
    }

    /// Stops them, and removes their logs, for a run that never began.
    pub(super) async fn discard(&mut self, signals: &mut Signals) {
        self.stop(signals, || 0).await;
        self.remove();
    }

    fn remove(&mut self) {
        if let Some(logs) = self.logs.take() {
            logs.remove();
        }
    }

    /// Asks all of them to end, or has them killed.
    fn end(&mut self) {
        for running in &mut self.running {
            running.asked |= !running.gone && running.service.ended().is_none();
            if self.hurried {
                running.service.kill();
            } else {
                running.service.end();
            }
        }
    }

    /// Asks all of them to end, and waits until they have.
    async fn wait(&mut self) {
        self.end();
        while !self.left().is_empty() {
            self.look(&|| 0).await;
            tokio::time::sleep(SHORT_PAUSE).await;
        }
    }

    /// Looks once who is gone; how those ended of which nobody has told yet.
    async fn look(&mut self, now_ns: &impl Fn() -> u64) -> Vec<ServiceEnded> {
        if self.starting.as_ref().is_some_and(|(_, starting)| starting.is_finished())
            && let Some((name, starting)) = self.starting.take()
            && let Ok(Ok(service)) = starting.await
        {
            self.running.push(Running::new(name, service));
            self.end();
        }
        let mut lines = Vec::new();
        for running in self.running.iter_mut().filter(|running| !running.gone) {
            let Some(ended) = running.service.gone() else { continue };
            running.gone = true;
            if !running.told.swap(true, Ordering::Relaxed) {
                lines.push(line(&running.name, ended, now_ns(), running.asked));
            }
        }
        lines
    }

    /// Those that are waited for, in words; nothing where there are none.
    fn left(&self) -> String {
        let running = self.running.iter().filter(|running| !running.gone).map(|running| &running.name);
        let names = running.chain(self.starting.iter().map(|(name, _)| name));
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        match names.len() {
            0 => String::new(),
            1 => format!("service {}", names[0]),
            _ => format!("services {}", names.join(", ")),
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // each waits for its own end
        self.end();
    }
}

/// The services of a run that goes on, as far as they have not ended.
pub(super) struct Watch(Vec<(String, tokio::sync::watch::Receiver<service::State>, Arc<AtomicBool>)>);

impl Watch {
    /// Those that have ended since the last look; whoever asks tells of them.
    pub(super) fn ended(&mut self, now_ns: u64) -> Vec<ServiceEnded> {
        let mut lines = Vec::new();
        self.0.retain(|(name, state, told)| {
            let ended = state.borrow().ended.clone();
            let lost = ended.is_some();
            if let Some(ended) = ended
                && !told.swap(true, Ordering::Relaxed)
            {
                lines.push(line(name, ended, now_ns, false));
            }
            !lost
        });
        lines
    }
}

fn line(name: &str, ended: Ended, at_ns: u64, asked: bool) -> ServiceEnded {
    let Ended { status, signal, killed, left_running } = ended;
    ServiceEnded { service: name.to_owned(), at_ns, asked, status, signal, killed, left_running }
}

/// The program of a service: this one by its name, else a path from the service's folder, or a name to look up.
pub(super) fn program(service: &PlannedService, own: &Path) -> PathBuf {
    if service.command == THIS_PROGRAM {
        return own.to_owned();
    }
    let path = Path::new(&service.command);
    if service.command.contains('/') { Path::new(&service.folder).join(path) } else { path.to_owned() }
}

/// What a run of a service would not find here: its folder, or its program.
pub(super) fn missing(service: &PlannedService) -> Option<Finding> {
    let (name, folder) = (&service.name, Path::new(&service.folder));
    let needed = |key: &str, what: String, help: &str| {
        let address = format!("services.{name}.{key}");
        let labels = vec![(address.clone(), "a run needs it".to_owned())];
        Some(Finding { message: format!("`{address}`: {what}"), labels, help: help.to_owned() })
    };
    if !folder.is_dir() {
        let help = "make it before the run, or correct the path";
        return needed("folder", format!("there is no folder `{}`", folder.display()), help);
    }
    let program = program(service, Path::new("/"));
    let found = if service.command.contains('/') {
        program.is_file()
    } else {
        let path = service.environment.get("PATH").map_or_else(
            || std::env::var_os("PATH").unwrap_or_default(),
            |path| if let HeaderText::Text(path) = path { path.into() } else { OsString::new() },
        );
        service.command == THIS_PROGRAM
            || std::env::split_paths(&path).any(|place| place.join(&program).is_file())
    };
    let help = "install it before the run, or correct the name";
    if found { None } else { needed("command", format!("there is no program `{}`", program.display()), help) }
}

/// Why a service could not be started.
fn refused(planned: &PlannedService, order: &Order, error: &StartError) -> String {
    let name = &planned.name;
    let program = order.program.display();
    if !order.folder.is_dir() {
        return format!(
            "service `{name}`: there is no folder `{}`\n  help: correct `services.{name}.folder`",
            order.folder.display()
        );
    }
    match error {
        StartError::Refused(reason) => format!(
            "service `{name}`: cannot run `{program}`: {reason}\n  help: install it, or correct `services.{name}.command`"
        ),
        StartError::Watch(_) | StartError::Unwatched(_) | StartError::Silent => {
            format!("service `{name}`: {error}")
        }
    }
}

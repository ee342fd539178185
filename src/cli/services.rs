//! The services of a run: started before its endpoints are asked, watched while it goes on, and gone behind it.

use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use time::OffsetDateTime;

use super::{run::this_program, secrets::read_secret, terminal};
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

/// The services of one run. Dropping it stops them, the last one first.
pub(super) struct Services {
    running: Vec<Running>,
    /// `None` where the plan has no services.
    logs: Option<ServiceLogs>,
}

/// A service that was started.
struct Running {
    name: String,
    service: Service,
    /// How it is in `system-info.json`, once it is ready.
    started: Option<StartedService>,
}

impl Services {
    /// None yet; makes the folder of their logs.
    pub(super) fn new(plan: &Plan, results: &Path) -> Result<Self, StoreError> {
        let make = || ServiceLogs::create(results, plan, OffsetDateTime::now_utc());
        let logs = (!plan.services.is_empty()).then(make).transpose()?;
        Ok(Self { running: Vec::new(), logs })
    }

    /// Starts every service of the plan when the one before it is ready.
    ///
    /// # Errors
    /// Why one of them cannot be started or was not ready, with the last lines of its log.
    pub(super) async fn start(&mut self, plan: &Plan) -> anyhow::Result<()> {
        let program = this_program()?;
        for planned in &plan.services {
            let order = self.order(planned, &program)?;
            if let Some(place) = service::in_the_way(plan.places_of(planned)).await {
                return Err(self.unstarted(&format!(
                    "service `{}`: something listens at `{place}` already, and would be taken for it\n  help: end that, or let \
                     the service and its endpoint have another port",
                    planned.name
                )));
            }
            let begun = Instant::now();
            let service = match Service::start(&program, &order) {
                Ok(service) => service,
                Err(error) => return Err(self.unstarted(&refused(planned, &order, &error))),
            };
            let (name, pid, state) = (planned.name.clone(), service.pid(), service.state());
            self.running.push(Running { name: name.clone(), service, started: None });
            if let Err(error) = service::ready(planned, state).await {
                return Err(self.not_ready(planned, &error));
            }
            if let Some(running) = self.running.last_mut() {
                let ready_s = begun.elapsed().as_secs_f64();
                running.started = Some(StartedService { service: name, pid, ready_s });
            }
        }
        Ok(())
    }

    fn order(&self, planned: &PlannedService, own: &Path) -> anyhow::Result<Order> {
        let mut secrets = Vec::new();
        let mut value = |address: String, text: &HeaderText| match text {
            HeaderText::Text(text) => Ok(text.clone()),
            HeaderText::Secret(secret) => {
                let value = read_secret(secret).map_err(|reason| anyhow!("`{address}`: {reason}"))?;
                secrets.push(value.clone());
                Ok::<_, anyhow::Error>(value)
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
            secrets,
            stop: planned.stop,
            stop_within: planned.stop_within,
        })
    }

    /// A failure before there was anything to read in a log of this service.
    fn unstarted(&mut self, problem: &str) -> anyhow::Error {
        self.discard();
        anyhow!("{problem}")
    }

    fn not_ready(&mut self, planned: &PlannedService, error: &NotReady) -> anyhow::Error {
        let name = &planned.name;
        // its last words are written when it is gone
        let ended = self.running.iter_mut().find(|running| running.name == *name).map(|it| it.service.stop());
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
            NotReady::Ended | NotReady::Client(_) => String::new(),
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
            let lost =
                self.running.iter().find_map(|running| Some((&running.name, running.service.ended()?)));
            if let Some((name, ended)) = lost {
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
        Watch(self.running.iter().map(|running| (running.name.clone(), running.service.state())).collect())
    }

    /// Stops those that still run, the last one first, and says how they ended.
    pub(super) fn stop(&mut self, now_ns: impl Fn() -> u64) -> Vec<ServiceEnded> {
        let mut lines = Vec::new();
        for Running { name, service, .. } in self.running.iter_mut().rev() {
            if service.ended().is_none() {
                let ended = service.stop();
                lines.push(line(name, ended, now_ns(), true));
            }
        }
        lines
    }

    /// Stops them, and removes their logs where the run never began.
    pub(super) fn discard(&mut self) {
        self.stop(|| 0);
        if let Some(logs) = self.logs.take() {
            logs.remove();
        }
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.stop(|| 0);
    }
}

/// The services of a run that goes on, as far as they have not ended.
pub(super) struct Watch(Vec<(String, tokio::sync::watch::Receiver<service::State>)>);

impl Watch {
    /// Those that have ended since the last look.
    pub(super) fn ended(&mut self, now_ns: u64) -> Vec<ServiceEnded> {
        let mut lines = Vec::new();
        self.0.retain(|(name, state)| {
            let ended = state.borrow().ended;
            lines.extend(ended.map(|ended| line(name, ended, now_ns, false)));
            ended.is_none()
        });
        lines
    }
}

fn line(name: &str, ended: Ended, at_ns: u64, asked: bool) -> ServiceEnded {
    let Ended { status, signal, killed } = ended;
    ServiceEnded { service: name.to_owned(), at_ns, asked, status, signal, killed }
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
        StartError::Watch(_) | StartError::Silent => format!("service `{name}`: {error}"),
    }
}

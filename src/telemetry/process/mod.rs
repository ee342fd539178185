//! The processes of servers on this machine, each with its children, as the operating system tells of them.

mod forwarders;
#[cfg(any(target_os = "linux", test))]
mod listener;
#[cfg(any(target_os = "linux", test))]
mod listening;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(target_os = "linux", test))]
mod tree;

pub use forwarders::hands_on;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Found, Missing, Sensor, Server, servers::names};
use crate::{
    catalog::Quantity,
    hosts,
    record::{Class, Sample, SensorKind, Subject},
};

/// Time between two looks for new children, in nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// The processes of servers as they were seen last: whoever else reads of processes asks here.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(Arc<Mutex<BTreeMap<Subject, Vec<u32>>>>);

impl Members {
    /// Of all servers; none where nobody knows.
    pub(super) fn all(&self) -> Vec<u32> {
        self.known().values().flatten().copied().collect()
    }

    /// Takes those of a server for the ones that there are.
    pub(super) fn are(&self, subject: &Subject, pids: Vec<u32>) {
        self.known().insert(subject.clone(), pids);
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Subject, Vec<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be read of the processes of servers, each with its endpoints: of those that are named, and of those that listen on this
/// machine. Of a server on another one there is none, and nothing is missing. Servers with the same processes are one.
pub(super) fn find(servers: &[Vec<&Server>], root: &Path, members: &Members) -> Found {
    let (mut sensors, mut lacking): Found = (Vec::new(), Vec::new());
    let mut found: Vec<Roots> = Vec::new();
    let mut lacks = |endpoints, why| {
        lacking.push(Missing { sensor: SensorKind::Process, subject: Subject::Server(endpoints), why });
    };
    for server in servers {
        let here = |one: &&Server| hosts::of_url(&one.url).is_some_and(|host| hosts::is_this_machine(&host));
        if !server.iter().any(|one| one.pid.is_some() || here(one)) {
            continue;
        }
        match Roots::of(server, root) {
            // what is not there yet may be anything
            Ok(roots) => {
                match found.iter_mut().find(|known| known.pids == roots.pids && !roots.pids.is_empty()) {
                    Some(known) => known.endpoints.extend(roots.endpoints),
                    None => found.push(roots),
                }
            }
            Err(why) => lacks(names(server), why),
        }
    }
    for roots in found {
        let endpoints = roots.endpoints.clone();
        match roots.sensor(root, members) {
            Ok(sensor) => sensors.push(sensor),
            Err(why) => lacks(endpoints, why),
        }
    }
    (sensors, lacking)
}

/// The processes that a server consists of, without their children.
struct Roots {
    endpoints: Vec<String>,
    pids: Vec<u32>,
    /// Where they listen; `None` of those that are named.
    url: Option<String>,
}

impl Roots {
    /// Those that are named, or else those that listen.
    fn of(server: &[&Server], root: &Path) -> Result<Self, String> {
        let mut pids: Vec<u32> = server.iter().filter_map(|one| one.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let endpoints = names(server);
        match server {
            [one, ..] if pids.is_empty() => {
                Ok(Self { endpoints, pids: listening(one, root)?, url: Some(one.url.clone()) })
            }
            _ => Ok(Self { endpoints, pids, url: None }),
        }
    }

    #[cfg(target_os = "linux")]
    fn sensor(self, root: &Path, members: &Members) -> Result<Box<dyn Sensor>, String> {
        let Self { endpoints, pids, url } = self;
        Ok(match url {
            Some(url) => Box::new(listening::Listening::open(endpoints, url, &pids, root, members)?),
            None => Box::new(ServerSensor::new(endpoints, tree::Tree::open(&pids, root)?, members)),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn sensor(self, _: &Path, members: &Members) -> Result<Box<dyn Sensor>, String> {
        Ok(Box::new(ServerSensor::new(self.endpoints, portable::Listed::open(&self.pids)?, members)))
    }
}

#[cfg(target_os = "linux")]
fn listening(server: &Server, root: &Path) -> Result<Vec<u32>, String> {
    listener::of_url(&server.url, root).map_err(|why| format!("{why}; {}", names_it(&server.endpoint)))
}

#[cfg(not(target_os = "linux"))]
fn listening(server: &Server, _: &Path) -> Result<Vec<u32>, String> {
    Err(format!("this system does not tell who listens on a port; {}", names_it(&server.endpoint)))
}

/// What helps where nobody can be found.
fn names_it(endpoint: &str) -> String {
    format!("`endpoints.{endpoint}.pid` names its process")
}

/// The processes of one server, by one of the ways in which systems tell of them.
trait Processes: Send {
    /// Takes in children that came since it was last looked.
    fn look(&mut self) -> Result<(), String>;

    /// What they have used by now; those that have ended are forgotten.
    fn used(&mut self, at_ns: u64) -> Used;

    /// Those that there are.
    fn pids(&self) -> Vec<u32>;
}

/// Reads the processes of one server.
struct ServerSensor<P> {
    subject: Subject,
    processes: P,
    /// Who is told of them.
    told: Members,
    /// When children were looked for last.
    looked_ns: Option<u64>,
}

impl<P: Processes> ServerSensor<P> {
    fn new(endpoints: Vec<String>, processes: P, told: &Members) -> Self {
        Self { subject: Subject::Server(endpoints), processes, told: told.clone(), looked_ns: None }
    }
}

impl<P: Processes> Sensor for ServerSensor<P> {
    fn kind(&self) -> SensorKind {
        SensorKind::Process
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        if self.looked_ns.is_none_or(|looked_ns| at_ns.saturating_sub(looked_ns) >= LOOK_NS) {
            self.processes.look()?;
            self.told.are(&self.subject, self.processes.pids());
            self.looked_ns = Some(at_ns);
        }
        let used = self.processes.used(at_ns);
        if self.processes.pids().is_empty() {
            return Err("its processes have ended".to_owned());
        }
        Ok(used.samples(at_ns, &self.subject))
    }
}

/// What the processes of a server used and have at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Used {
    /// Processors' worth of time since the moment before.
    cpu: Option<f64>,
    /// Bytes that are resident.
    memory: Option<u64>,
    /// The most bytes that ever were.
    peak: Option<u64>,
}

impl Used {
    fn samples(self, at_ns: u64, subject: &Subject) -> Vec<Sample> {
        let bytes = |bytes: u64| bytes as f64;
        let counted = [(Quantity::ServerCpu, self.cpu), (Quantity::ServerMemoryPeak, self.peak.map(bytes))];
        let sampled = [(Quantity::ServerMemory, self.memory.map(bytes))];
        let of = |class, values: &[(Quantity, Option<f64>)]| {
            let readings: BTreeMap<Quantity, f64> =
                values.iter().filter_map(|(quantity, value)| Some((*quantity, (*value)?))).collect();
            (!readings.is_empty()).then(|| Sample {
                at_ns,
                sensor: SensorKind::Process,
                class,
                subject: subject.clone(),
                readings,
                cores: Vec::new(),
                raw: BTreeMap::new(),
            })
        };
        [of(Class::Counter, &counted), of(Class::Sampled, &sampled)].into_iter().flatten().collect()
    }
}

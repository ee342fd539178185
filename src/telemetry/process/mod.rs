//! The processes of servers on this machine, each with its children, as the operating system tells of them.

#[cfg(any(target_os = "linux", test))]
mod listener;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(target_os = "linux", test))]
mod tree;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Found, Missing, Sensor, Server};
use crate::{
    catalog::Quantity,
    hosts,
    record::{Class, Sample, SensorKind, Subject},
};

/// The processes of servers as they were seen last, by endpoint: whoever else reads of processes asks here.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(Arc<Mutex<BTreeMap<String, Vec<u32>>>>);

impl Members {
    /// Of all servers; none where nobody knows.
    pub(super) fn all(&self) -> Vec<u32> {
        self.known().values().flatten().copied().collect()
    }

    /// Takes those of the server of an endpoint for the ones that there are.
    pub(super) fn are(&self, subject: &Subject, pids: impl Iterator<Item = u32>) {
        if let Subject::Server(endpoint) = subject {
            self.known().insert(endpoint.clone(), pids.collect());
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What can be read of the servers' processes: of those that are named, and of those that listen on this machine. Of a server
/// on another one there is none, and nothing is missing.
pub(super) fn find(servers: &[Server], root: &Path, members: &Members) -> Found {
    let (mut sensors, mut lacking): Found = (Vec::new(), Vec::new());
    for server in servers {
        let here = hosts::of_url(&server.url).is_some_and(|host| hosts::is_this_machine(&host));
        if !here && server.pid.is_none() {
            continue;
        }
        let subject = Subject::Server(server.endpoint.clone());
        match open(server, root, members) {
            Ok(sensor) => sensors.push(sensor),
            Err(why) => lacking.push(Missing { sensor: SensorKind::Process, subject, why }),
        }
    }
    (sensors, lacking)
}

#[cfg(target_os = "linux")]
fn open(server: &Server, root: &Path, members: &Members) -> Result<Box<dyn Sensor>, String> {
    let pids = match server.pid {
        Some(pid) => vec![pid],
        None => listener::of_url(&server.url, root)
            .map_err(|why| format!("{why}; `endpoints.{}.pid` names its process", server.endpoint))?,
    };
    Ok(Box::new(tree::Processes::open(server.endpoint.clone(), &pids, root)?.told_to(members)))
}

#[cfg(not(target_os = "linux"))]
fn open(server: &Server, _: &Path, members: &Members) -> Result<Box<dyn Sensor>, String> {
    let Some(pid) = server.pid else {
        let name = &server.endpoint;
        return Err(format!(
            "this system does not tell who listens on a port: `endpoints.{name}.pid` names it"
        ));
    };
    Ok(Box::new(portable::Processes::open(server.endpoint.clone(), pid)?.told_to(members)))
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

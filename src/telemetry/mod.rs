//! The machine and the servers under test while a run goes on: what reads them, and the thread on which it does.

#[cfg(any(target_os = "linux", test))]
mod amdgpu;
mod cost;
#[cfg(any(target_os = "linux", test))]
mod files;
#[cfg(any(target_os = "linux", test))]
mod growth;
mod integral;
mod nvml;
mod process;
mod prometheus;
#[cfg(any(target_os = "linux", test))]
mod rapl;
mod sampling;
mod servers;
mod system;
#[cfg(test)]
mod tests;
mod throttle;

pub use process::hands_on;
pub use sampling::Sampling;

use std::{sync::Arc, time::Instant};

use http::HeaderMap;
use rustls::ClientConfig;

use self::cost::Aside;
use crate::{
    config::MetricsPages,
    machine::Places,
    plan::Plan,
    record::{Sample, SensorKind, Subject},
};

/// Reads one thing, such as a GPU or a server's page, again and again.
pub trait Sensor: Send {
    /// What kind it is.
    fn kind(&self) -> SensorKind;

    /// What it reads.
    fn subject(&self) -> &Subject;

    /// How often it is read.
    fn pace(&self) -> Pace {
        Pace::Usual
    }

    /// What there is to read at this moment of the run, in nanoseconds since its start: usually one sample, several where values of
    /// more than one class or subject come from one place. The first reading of what needs two is left out.
    ///
    /// # Errors
    ///
    /// Why nothing more will come of it, in words: it is read no more.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String>;

    /// The last reading, once nothing is measured any more. What is read aside may be waited for until a moment, so that it tells of
    /// all that was.
    ///
    /// # Errors
    ///
    /// As of [`Self::read`].
    fn read_last(&mut self, at_ns: u64, _until: Instant) -> Result<Vec<Sample>, String> {
        self.read(at_ns)
    }

    /// What turned out to be missing since this was asked last, in words, while it goes on to read what there is. Each is told once.
    fn missing(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Whether what was missing is there again, since this was asked last.
    fn found(&mut self) -> bool {
        false
    }
}

/// How often a sensor is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Every `monitoring.interval`.
    Usual,
    /// Every `monitoring.energy_interval`.
    Energy,
}

/// Something that was to be read and cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What would have read it.
    pub sensor: SensorKind,
    /// What it is about.
    pub subject: Subject,
    /// Why it is not there, in words.
    pub why: String,
}

/// What there is to be read while a plan runs.
#[derive(Default)]
pub struct Sources {
    /// What reads.
    pub sensors: Vec<Box<dyn Sensor>>,
    /// What is missing from the start.
    pub missing: Vec<Missing>,
    /// What fetching pages costs, on a thread of its own.
    pub(crate) aside: Aside,
}

/// Where the server of an endpoint is.
#[derive(Debug, Clone)]
pub struct Server {
    /// The endpoint's name.
    pub endpoint: String,
    /// Its base URL; of a simulated server the address that it got.
    pub url: String,
    /// Its process, where that is known.
    pub pid: Option<u32>,
    /// What its author says of its pages.
    pub pages: MetricsPages,
    /// What goes with requests to it, and with those for pages of the same server.
    pub headers: HeaderMap,
    /// Whom its connections trust, and those for pages of the same server.
    pub tls: Option<Arc<ClientConfig>>,
}

/// Everything that can be read while a plan runs, and what of it cannot and why; nothing at all where the plan says so. To be called when
/// the servers are ready: a page that nobody named is looked for then, and not for ever. Endpoints of one server share what reads it.
pub fn sources(plan: &Plan, servers: &[Server], places: &Places) -> Sources {
    let mut sources = Sources::default();
    if !plan.monitoring.enabled {
        return sources;
    }
    let members = process::Members::default();
    let together = servers::together(servers);
    let manner = prometheus::Manner {
        allow_hosts: &plan.limits.allow_hosts,
        interval: plan.monitoring.interval,
        patient: plan.watches(),
    };
    // every further source is added here, in the order in which samples of one moment are to be written
    let all = [
        system::find(&places.root),
        process::find(&together, &places.root, &members),
        nvml::find(&places.nvml, &members),
        #[cfg(target_os = "linux")]
        amdgpu::find(&places.root),
        #[cfg(target_os = "linux")]
        rapl::find(&places.root),
        prometheus::find(&together, manner, &sources.aside),
    ];
    for (found, lacking) in all {
        sources.sensors.extend(found);
        sources.missing.extend(lacking);
    }
    sources
}

/// What a source finds.
type Found = (Vec<Box<dyn Sensor>>, Vec<Missing>);

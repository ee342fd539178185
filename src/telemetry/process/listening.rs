//! Whoever listens where an endpoint is, also a server that comes later, or ends and comes back.

use std::path::{Path, PathBuf};

use super::{super::Sensor, Members, ServerSensor, listener, names_it, tree::Tree};
use crate::record::{Sample, SensorKind, Subject};

/// Time between two looks for a server that is not there, in nanoseconds.
const AGAIN_NS: u64 = 2_000_000_000;

/// The processes of whoever listens there.
pub(super) struct Listening {
    endpoints: Vec<String>,
    url: String,
    root: PathBuf,
    members: Members,
    subject: Subject,
    /// Those that were found last; `None` while nobody listens.
    processes: Option<ServerSensor<Tree>>,
    /// When it was looked last, while nobody does.
    looked_ns: Option<u64>,
    /// Why it could not be looked, as it was told last.
    unseen: Option<String>,
    /// What was not told yet.
    missing: Vec<String>,
    found: bool,
}

impl Listening {
    /// Starts on those that listen now, if any do.
    ///
    /// # Errors
    ///
    /// Why they cannot be read.
    pub(super) fn open(
        endpoints: Vec<String>,
        url: String,
        pids: &[u32],
        root: &Path,
        members: &Members,
    ) -> Result<Self, String> {
        let mut listening = Self {
            subject: Subject::Server(endpoints.clone()),
            endpoints,
            url,
            root: root.to_owned(),
            members: members.clone(),
            processes: None,
            looked_ns: None,
            unseen: None,
            missing: Vec::new(),
            found: false,
        };
        listening.processes = listening.on(pids)?;
        if listening.processes.is_none() {
            let help = listening.endpoints.first().map(|endpoint| names_it(endpoint)).unwrap_or_default();
            listening.missing.push(format!("{}; {help}", listener::nobody(&listening.url)));
        }
        Ok(listening)
    }

    fn on(&self, pids: &[u32]) -> Result<Option<ServerSensor<Tree>>, String> {
        if pids.is_empty() {
            return Ok(None);
        }
        let tree = Tree::open(pids, &self.root)?;
        Ok(Some(ServerSensor::new(self.endpoints.clone(), tree, &self.members)))
    }

    /// The processes that listen now.
    fn look(&self) -> Result<Option<ServerSensor<Tree>>, String> {
        self.on(&listener::of_url(&self.url, &self.root)?)
    }
}

impl Sensor for Listening {
    fn kind(&self) -> SensorKind {
        SensorKind::Process
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        if self.processes.is_none() {
            let looked_ns = *self.looked_ns.get_or_insert(at_ns);
            if at_ns.saturating_sub(looked_ns) < AGAIN_NS {
                return Ok(Vec::new());
            }
            self.looked_ns = Some(at_ns);
            // one that has ended between two looks at it comes again, or not
            self.processes = self.look().unwrap_or_else(|why| {
                if self.unseen.as_ref() != Some(&why) {
                    self.missing.push(why.clone());
                    self.unseen = Some(why);
                }
                None
            });
            self.found = self.processes.is_some();
        }
        let Some(processes) = &mut self.processes else { return Ok(Vec::new()) };
        Ok(processes.read(at_ns).unwrap_or_else(|why| {
            self.missing.push(why);
            (self.processes, self.looked_ns) = (None, Some(at_ns));
            self.members.are(&self.subject, Vec::new());
            Vec::new()
        }))
    }

    fn missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }

    fn found(&mut self) -> bool {
        std::mem::take(&mut self.found)
    }
}

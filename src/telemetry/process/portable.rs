//! Processes on any system, by `sysinfo`.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{super::Sensor, Members, Used};
use crate::record::{Sample, SensorKind, Subject};

/// Time between two looks for new children, in nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// The processes of one server.
pub(super) struct Processes {
    system: System,
    subject: Subject,
    members: Vec<Pid>,
    /// When children were looked for last.
    looked_ns: Option<u64>,
    first: bool,
    /// Who is told of them.
    told: Members,
}

impl Processes {
    /// Starts on a process and all below it.
    pub(super) fn open(endpoint: String, pid: u32) -> Result<Self, String> {
        let pid = Pid::from_u32(pid);
        let mut processes = Self {
            system: System::new(),
            subject: Subject::Server(endpoint),
            members: vec![pid],
            looked_ns: None,
            first: true,
            told: Members::default(),
        };
        processes.refresh(ProcessesToUpdate::Some(&[pid]));
        if processes.system.process(pid).is_some() {
            Ok(processes)
        } else {
            Err(format!("there is no process {pid}"))
        }
    }

    /// Lets others know of them, too.
    pub(super) fn told_to(self, members: &Members) -> Self {
        Self { told: members.clone(), ..self }
    }

    fn refresh(&mut self, which: ProcessesToUpdate<'_>) {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(which, true, what);
    }

    /// Takes in children that came since it was last looked.
    fn look(&mut self) {
        self.refresh(ProcessesToUpdate::All);
        loop {
            let known = &self.members;
            let is_child = |pid: &Pid, parent: Option<Pid>| {
                parent.is_some_and(|parent| known.contains(&parent)) && !known.contains(pid)
            };
            let all = self.system.processes().iter();
            let children: Vec<Pid> =
                all.filter(|(pid, process)| is_child(pid, process.parent())).map(|(pid, _)| *pid).collect();
            if children.is_empty() {
                self.told.are(&self.subject, self.members.iter().map(|pid| pid.as_u32()));
                return;
            }
            self.members.extend(children);
        }
    }
}

impl Sensor for Processes {
    fn kind(&self) -> SensorKind {
        SensorKind::Process
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        if self.looked_ns.is_none_or(|looked_ns| at_ns.saturating_sub(looked_ns) >= LOOK_NS) {
            self.look();
            self.looked_ns = Some(at_ns);
        } else {
            let members = self.members.clone();
            self.refresh(ProcessesToUpdate::Some(&members));
        }
        self.members.retain(|pid| self.system.process(*pid).is_some());
        if self.members.is_empty() {
            return Err("its processes have ended".to_owned());
        }
        let (mut cpu, mut memory) = (0.0, 0);
        for process in self.members.iter().filter_map(|pid| self.system.process(*pid)) {
            cpu += f64::from(process.cpu_usage()) / 100.0;
            memory += process.memory();
        }
        let cpu = (!std::mem::take(&mut self.first)).then_some(cpu);
        Ok(Used { cpu, memory: Some(memory), peak: None }.samples(at_ns, &self.subject))
    }
}

//! Processes on any system, by `sysinfo`.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{Processes, Used};

/// The processes of one server.
pub(super) struct Listed {
    system: System,
    members: Vec<Pid>,
    /// Whether all of them were read just now; processor time is that between two readings.
    fresh: bool,
    first: bool,
}

impl Listed {
    /// Starts on these processes and all below them.
    pub(super) fn open(pids: &[u32]) -> Result<Self, String> {
        let members: Vec<Pid> = pids.iter().copied().map(Pid::from_u32).collect();
        let mut processes =
            Self { system: System::new(), members: members.clone(), fresh: false, first: true };
        processes.refresh(ProcessesToUpdate::Some(&members));
        match members.iter().find(|pid| processes.system.process(**pid).is_none()) {
            Some(pid) => Err(format!("there is no process {pid}")),
            None => Ok(processes),
        }
    }

    fn refresh(&mut self, which: ProcessesToUpdate<'_>) {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(which, true, what);
    }
}

impl Processes for Listed {
    fn look(&mut self) -> Result<(), String> {
        self.refresh(ProcessesToUpdate::All);
        self.fresh = true;
        loop {
            let known = &self.members;
            let is_child = |pid: &Pid, parent: Option<Pid>| {
                parent.is_some_and(|parent| known.contains(&parent)) && !known.contains(pid)
            };
            let all = self.system.processes().iter();
            let children: Vec<Pid> =
                all.filter(|(pid, process)| is_child(pid, process.parent())).map(|(pid, _)| *pid).collect();
            if children.is_empty() {
                return Ok(());
            }
            self.members.extend(children);
        }
    }

    fn used(&mut self, _: u64) -> Used {
        if !std::mem::take(&mut self.fresh) {
            let members = self.members.clone();
            self.refresh(ProcessesToUpdate::Some(&members));
        }
        self.members.retain(|pid| self.system.process(*pid).is_some());
        let (mut cpu, mut memory) = (0.0, 0);
        for process in self.members.iter().filter_map(|pid| self.system.process(*pid)) {
            cpu += f64::from(process.cpu_usage()) / 100.0;
            memory += process.memory();
        }
        let cpu = (!std::mem::take(&mut self.first)).then_some(cpu);
        Used { cpu, memory: Some(memory), peak: None }
    }

    fn pids(&self) -> Vec<u32> {
        self.members.iter().map(|pid| pid.as_u32()).collect()
    }
}

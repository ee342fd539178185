//! Processes with their children: `/proc/PID/stat` and `/proc/PID/status`, as `proc_pid_stat(5)` and `proc_pid_status(5)`
//! describe them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    super::{
        files::{OpenFile, below, text},
        growth::Growth,
    },
    Processes, Used,
};
use crate::machine::kibibytes;

/// The processes of one server.
pub(super) struct Tree {
    root: PathBuf,
    ticks_per_second: f64,
    members: BTreeMap<u32, Member>,
    /// Ticks of processor time by process.
    ticks: Growth<u32>,
    /// The moment before, and the ticks by then.
    before: Option<(u64, u64)>,
}

/// A process. Its files stay those of this process, also where another one gets its number.
struct Member {
    stat: OpenFile,
    status: OpenFile,
}

impl Member {
    fn open(root: &Path, pid: u32) -> Result<Self, String> {
        let file = |name: &str| OpenFile::open(root, &format!("/proc/{pid}/{name}"));
        Ok(Self { stat: file("stat")?, status: file("status")? })
    }
}

impl Tree {
    /// Starts on these processes and all below them.
    pub(super) fn open(pids: &[u32], root: &Path) -> Result<Self, String> {
        let opened: Result<_, String> =
            pids.iter().map(|pid| Ok((*pid, Member::open(root, *pid)?))).collect();
        Ok(Self {
            root: root.to_owned(),
            ticks_per_second: ticks_per_second()?,
            members: opened?,
            ticks: Growth::default(),
            before: None,
        })
    }
}

impl Processes for Tree {
    /// A child that has ended by now is none.
    fn look(&mut self) -> Result<(), String> {
        let known: BTreeSet<u32> = self.members.keys().copied().collect();
        for pid in below_these(&self.root, &known)? {
            if let Ok(member) = Member::open(&self.root, pid) {
                self.members.insert(pid, member);
            }
        }
        Ok(())
    }

    fn used(&mut self, at_ns: u64) -> Used {
        let mut used = Used::default();
        let mut ended = Vec::new();
        for (pid, member) in &mut self.members {
            let Some(ticks) = member.stat.read().ok().and_then(ticks_of) else {
                ended.push(*pid);
                continue;
            };
            self.ticks.count(*pid, ticks);
            // a process that has ended and waits for its parent to notice has no memory
            let Ok(status) = member.status.read() else { continue };
            let sum = |sum: &mut Option<u64>, key: &str| {
                *sum = match (*sum, kibibytes(status, key)) {
                    (Some(sum), Some(bytes)) => Some(sum + bytes),
                    (sum, bytes) => sum.or(bytes),
                };
            };
            sum(&mut used.memory, "VmRSS");
            sum(&mut used.peak, "VmHWM");
        }
        for pid in ended {
            self.members.remove(&pid);
            self.ticks.forget(&pid);
        }
        let total = self.ticks.total();
        used.cpu = self.before.replace((at_ns, total)).and_then(|(before_ns, before)| {
            let seconds = at_ns.checked_sub(before_ns).filter(|ns| *ns > 0)? as f64 / 1e9;
            Some((total - before) as f64 / self.ticks_per_second / seconds)
        });
        used
    }
    fn pids(&self) -> Vec<u32> {
        self.members.keys().copied().collect()
    }
}

#[cfg(target_os = "linux")]
fn ticks_per_second() -> Result<f64, String> {
    use nix::unistd::{SysconfVar, sysconf};
    let ticks = sysconf(SysconfVar::CLK_TCK)
        .map_err(|error| format!("the length of a tick is not known: {error}"))?;
    ticks
        .filter(|ticks| *ticks > 0)
        .map(|ticks| ticks as f64)
        .ok_or_else(|| "the length of a tick is not known".to_owned())
}

/// Elsewhere there are only the files of tests, which are written with the usual length.
#[cfg(not(target_os = "linux"))]
fn ticks_per_second() -> Result<f64, String> {
    Ok(100.0)
}

/// The fields of `/proc/PID/stat` from the third on, which is the state: the second is a name that may have anything in it.
fn fields_of(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

/// Processor time of a process, in ticks, by its `stat`.
fn ticks_of(stat: &str) -> Option<u64> {
    // fields 14 and 15: `utime` and `stime`
    let mut times = fields_of(stat)?.skip(11);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The parent of a process.
pub(super) fn parent_of(root: &Path, pid: u32) -> Option<u32> {
    fields_of(&text(root, &format!("/proc/{pid}/stat")).ok()?)?.nth(1)?.parse().ok()
}

/// Every process that is to be seen.
pub(super) fn all(root: &Path) -> Result<Vec<u32>, String> {
    let entries =
        fs::read_dir(below(root, "/proc")).map_err(|error| format!("cannot read `/proc`: {error}"))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// All descendants of these processes that are not among them.
fn below_these(root: &Path, known: &BTreeSet<u32>) -> Result<Vec<u32>, String> {
    let by_file =
        known.first().is_some_and(|pid| below(root, &format!("/proc/{pid}/task/{pid}/children")).exists());
    // a kernel without these files has to be asked for the parent of every process there is
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if !by_file {
        for pid in all(root)? {
            if let Some(parent) = parent_of(root, pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
    }
    let (mut found, mut seen, mut open) =
        (Vec::new(), known.clone(), known.iter().copied().collect::<Vec<_>>());
    while let Some(pid) = open.pop() {
        let below = if by_file { children_of(root, pid) } else { children.remove(&pid).unwrap_or_default() };
        for child in below {
            if seen.insert(child) {
                found.push(child);
                open.push(child);
            }
        }
    }
    Ok(found)
}

/// The children of a process, each of which stands with the thread that started it.
fn children_of(root: &Path, pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(below(root, &format!("/proc/{pid}/task"))).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

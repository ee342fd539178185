//! Linux, by what the kernel shows under `/proc` and `/sys`.

pub(crate) mod amd;
mod cgroup;
mod container;
mod cpu;
mod firmware;
pub(super) mod tree;

use std::path::Path;

use self::tree::Tree;
use super::{Machine, Memory, Notes, Source};

/// Everything but NVIDIA's GPUs, of the system whose `proc`, `sys` and `etc` are in a folder.
pub(super) fn look(root: &Path, notes: &mut Notes) -> Machine {
    let tree = Tree::new(root);
    let mut machine = Machine { os: "linux".to_owned(), arch: arch(&tree), ..Machine::default() };
    machine.os_version = notes.keep(Source::System, "distribution", distribution(&tree)).unwrap_or_default();
    let kernel = tree.text("/proc/sys/kernel/osrelease");
    machine.kernel = notes.keep(Source::System, "version of the kernel", kernel).unwrap_or_default();
    let flag = cpu::look(&tree, &mut machine, notes);
    let memory = tree.text("/proc/meminfo");
    if let Some(memory) = notes.keep(Source::System, "memory", memory) {
        let mut told = |what: &str, name: &str| notes.keep(Source::System, what, meminfo(&memory, name));
        machine.memory_bytes = told("memory", "MemTotal");
        machine.swap_bytes = told("swap", "SwapTotal");
    }
    machine.limits = cgroup::limits(&tree, machine.memory_bytes, notes);
    machine.cores = cores(&tree, &machine);
    machine.container = container::kind(&tree);
    firmware::look(&tree, flag, &mut machine, notes);
    machine.gpus = amd::gpus(&tree, notes);
    machine
}

/// How much memory there is, and how much of it could be had.
pub(super) fn memory(root: &Path) -> Result<Memory, String> {
    let tree = Tree::new(root);
    let text = tree.text("/proc/meminfo")?;
    let total_bytes = meminfo(&text, "MemTotal")?;
    let available_bytes = meminfo(&text, "MemAvailable")?;
    // a system without cgroups has no tighter limit
    let limit = cgroup::memory(&tree).unwrap_or_default();
    Ok(Memory {
        total_bytes: limit.map_or(total_bytes, |limit| limit.total_bytes.min(total_bytes)),
        available_bytes: limit.map_or(available_bytes, |limit| limit.available_bytes.min(available_bytes)),
    })
}

/// Kernels before 6.1 do not tell it in a file; then it is what the program was made for.
fn arch(tree: &Tree) -> String {
    tree.text("/proc/sys/kernel/arch").unwrap_or_else(|_| std::env::consts::ARCH.to_owned())
}

/// Name and version in `os-release`.
fn distribution(tree: &Tree) -> Result<String, String> {
    let text =
        tree.text("/etc/os-release").or_else(|why| tree.text("/usr/lib/os-release").map_err(|_| why))?;
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches(['"', '\'']))
    };
    let known: Vec<&str> = ["NAME", "VERSION_ID"].into_iter().filter_map(value).collect();
    if known.is_empty() { Err("`/etc/os-release` names none".to_owned()) } else { Ok(known.join(" ")) }
}

/// The number behind a key of lines such as `MemTotal:  1024 kB`, in bytes.
pub(crate) fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// A number of `/proc/meminfo`, in bytes.
fn meminfo(text: &str, name: &str) -> Result<u64, String> {
    kibibytes(text, name).ok_or_else(|| format!("`/proc/meminfo` has no `{name}`"))
}

/// As `std::thread::available_parallelism` counts: the processors that the process is allowed on, and no more than its
/// quota has whole ones, but at least one.
fn cores(tree: &Tree, machine: &Machine) -> u32 {
    let allowed = tree.text("/proc/self/status").ok().and_then(|status| {
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        cpu::count(list)
    });
    let allowed = allowed.or(machine.logical_cores).unwrap_or(1);
    let quota = machine.limits.and_then(|limits| limits.cpus).map_or(u32::MAX, |cpus| cpus as u32);
    allowed.min(quota).max(1)
}

//! What the cgroups of a process let it have (`man 7 cgroups`), of version 1, 2 and both side by side.

use super::{
    super::{CgroupLimits, Memory, Notes, Source},
    tree::Tree,
};

/// A line of `/proc/self/mountinfo` that is of cgroups.
struct Mount<'a> {
    /// What of the hierarchy is mounted: in a container often its own group.
    root: &'a str,
    /// Where.
    point: &'a str,
    /// Its controllers, among other options; of version 2 none.
    options: Vec<&'a str>,
    version: u32,
}

/// The tightest limits of the group of this process and those around it. What cannot be found out of one of them is noted and keeps
/// nothing of the other back.
pub(super) fn limits(tree: &Tree, memory: Option<u64>, notes: &mut Notes) -> Option<CgroupLimits> {
    let files =
        tree.text("/proc/self/cgroup").and_then(|groups| Ok((groups, tree.text("/proc/self/mountinfo")?)));
    let (groups, mounted) = notes.keep(Source::Cgroup, "limits of the cgroup", files)?;
    let mounts: Vec<Mount> = mounted.lines().filter_map(mount).collect();
    let cpus = notes.keep(Source::Cgroup, "CPU limit of the cgroup", cpus(tree, &groups, &mounts));
    let bytes =
        notes.keep(Source::Cgroup, "memory limit of the cgroup", bytes(tree, &groups, &mounts, memory));
    let versions = [cpus.map(|(version, _)| version), bytes.map(|(version, _)| version)];
    Some(CgroupLimits {
        cgroup: versions.into_iter().flatten().min()?,
        cpus: cpus.and_then(|(_, cpus)| cpus),
        memory_bytes: bytes.and_then(|(_, bytes)| bytes),
    })
}

/// The version of the cgroups that limit processors, and the tightest of their quotas.
fn cpus(tree: &Tree, groups: &str, mounts: &[Mount]) -> Result<(u32, Option<f64>), String> {
    let (version, folders) = folders(groups, mounts, "cpu")?;
    let mut cpus = Vec::new();
    for folder in &folders {
        cpus.extend(if version == 2 { quota_v2(tree, folder)? } else { quota_v1(tree, folder)? });
    }
    Ok((version, cpus.into_iter().min_by(f64::total_cmp)))
}

/// The version of the cgroups that limit memory, and the tightest of their limits. One that no less than all of the machine's fits
/// under is none: version 1 has no other way to say so.
fn bytes(
    tree: &Tree,
    groups: &str,
    mounts: &[Mount],
    memory: Option<u64>,
) -> Result<(u32, Option<u64>), String> {
    let (version, folders) = folders(groups, mounts, "memory")?;
    let file = if version == 2 { "memory.max" } else { "memory.limit_in_bytes" };
    let mut bytes = Vec::new();
    for folder in &folders {
        let text = optional(tree, &format!("{folder}/{file}"))?;
        bytes.extend(text.and_then(|text| text.parse::<u64>().ok()));
    }
    Ok((version, bytes.into_iter().min().filter(|limit| memory.is_none_or(|all| *limit < all))))
}

/// The tightest limit of memory of the group of this process and those around it, and the least that one of them has left;
/// `None` without any limit. Files that could be dropped from memory are not in the way of anything.
pub(super) fn memory(tree: &Tree) -> Result<Option<Memory>, String> {
    let groups = tree.text("/proc/self/cgroup")?;
    let mounted = tree.text("/proc/self/mountinfo")?;
    let mounts: Vec<Mount> = mounted.lines().filter_map(mount).collect();
    let (version, folders) = folders(&groups, &mounts, "memory")?;
    let [limit, usage, cache] = if version == 2 {
        ["memory.max", "memory.current", "inactive_file"]
    } else {
        ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"]
    };
    let left = |folder: &String| {
        let number = |file: &str| tree.number(&format!("{folder}/{file}")).ok();
        let stat = tree.text(&format!("{folder}/memory.stat")).unwrap_or_default();
        let cached = stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok());
        let used = number(usage)?.saturating_sub(cached.unwrap_or(0));
        let total_bytes = number(limit)?;
        Some(Memory { total_bytes, available_bytes: total_bytes.saturating_sub(used) })
    };
    let least = |one: Memory, other: Memory| Memory {
        total_bytes: one.total_bytes.min(other.total_bytes),
        available_bytes: one.available_bytes.min(other.available_bytes),
    };
    Ok(folders.iter().filter_map(left).reduce(least))
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let (place, what) = line.split_once(" - ")?;
    let place: Vec<&str> = place.split(' ').collect();
    let what: Vec<&str> = what.split(' ').collect();
    let version = match *what.first()? {
        "cgroup" => 1,
        "cgroup2" => 2,
        _ => return None,
    };
    let options = what.get(2)?.split(',').collect();
    Some(Mount { root: place.get(3)?, point: place.get(4)?, options, version })
}

/// The version that has a controller, and the folders of its groups: that of the process, then those around it.
fn folders(groups: &str, mounts: &[Mount], controller: &str) -> Result<(u32, Vec<String>), String> {
    // `4:cpu,cpuacct:/group` of version 1, `0::/group` of version 2
    let lines = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let lines: Vec<(&str, &str)> = lines.collect();
    let first = lines.iter().find(|(names, _)| names.split(',').any(|name| name == controller));
    let group = first.or_else(|| lines.iter().find(|(names, _)| names.is_empty()));
    let (names, group) =
        group.ok_or_else(|| format!("`/proc/self/cgroup` names no group for {controller}"))?;
    let version = if names.is_empty() { 2 } else { 1 };
    let fits =
        |mount: &&Mount| mount.version == version && (version == 2 || mount.options.contains(&controller));
    let mount = mounts
        .iter()
        .find(fits)
        .ok_or_else(|| format!("no cgroup file system for {controller} is mounted"))?;
    // a group outside of what is mounted is, as far as can be seen, the root of that
    let inside = if mount.root == "/" { Some(*group) } else { group.strip_prefix(mount.root) };
    let mut inside = inside.filter(|path| !path.contains("..")).unwrap_or_default().trim_matches('/');
    let mut folders = Vec::new();
    while !inside.is_empty() {
        folders.push(format!("{}/{inside}", mount.point));
        inside = inside.rsplit_once('/').map_or("", |(around, _)| around);
    }
    folders.push(mount.point.to_owned());
    Ok((version, folders))
}

/// `200000 100000`: that many microseconds in a period of so many; `max` is no limit.
fn quota_v2(tree: &Tree, folder: &str) -> Result<Option<f64>, String> {
    let text = optional(tree, &format!("{folder}/cpu.max"))?.unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    Ok(match (numbers.next(), numbers.next()) {
        (Some(Ok(quota)), Some(Ok(period))) if period > 0.0 => Some(quota / period),
        _ => None,
    })
}

/// A quota of -1 is no limit.
fn quota_v1(tree: &Tree, folder: &str) -> Result<Option<f64>, String> {
    let number = |file: &str| -> Result<Option<f64>, String> {
        let text = optional(tree, &format!("{folder}/{file}"))?;
        Ok(text.and_then(|text| text.parse().ok()).filter(|number| *number > 0.0))
    };
    Ok(match (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?) {
        (Some(quota), Some(period)) => Some(quota / period),
        _ => None,
    })
}

/// A file that a root and a group without the controller do not have.
fn optional(tree: &Tree, path: &str) -> Result<Option<String>, String> {
    if tree.has(path) { tree.text(path).map(Some) } else { Ok(None) }
}

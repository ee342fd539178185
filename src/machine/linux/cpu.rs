//! Processors: `/proc/cpuinfo` and `/sys/devices/system/cpu`.

use std::collections::BTreeSet;

use super::{
    super::{Machine, Notes, Source},
    tree::Tree,
};

/// Where the kernel describes processors one by one.
const FOLDER: &str = "/sys/devices/system/cpu";

/// Fills in model, numbers and frequencies, and returns whether a flag says that a hypervisor runs them; null where there
/// are no flags of that kind, as on ARM.
pub(super) fn look(tree: &Tree, machine: &mut Machine, notes: &mut Notes) -> Option<bool> {
    let info =
        notes.keep(Source::System, "details of the CPU", tree.text("/proc/cpuinfo")).unwrap_or_default();
    if !info.is_empty() {
        let model = model(&info).ok_or_else(|| "`/proc/cpuinfo` names none".to_owned());
        machine.cpu = notes.keep(Source::System, "CPU model", model).unwrap_or_default();
    }
    let each = processors(tree);
    let online = tree.text(&format!("{FOLDER}/online")).ok().and_then(|list| count(&list));
    let listed = values(&info, "processor").filter(|number| number.parse::<u32>().is_ok()).count() as u32;
    let why = || format!("neither `{FOLDER}` nor `/proc/cpuinfo` tells");
    let logical = online.or(Some(listed).filter(|count| *count > 0)).ok_or_else(why);
    machine.logical_cores = notes.keep(Source::System, "logical cores", logical);
    let physical = siblings(tree, &each, None).or_else(|| pairs(&info));
    machine.physical_cores = notes.keep(Source::System, "physical cores", physical.ok_or_else(why));
    // kernels name the two kinds of cores by Intel's marketing; those of ARM differ in more ways than two
    let kind = |name: &str| {
        let list = tree.text(&format!("/sys/devices/{name}/cpus")).ok()?;
        siblings(tree, &each, Some(&numbers(&list)?))
    };
    (machine.performance_cores, machine.efficiency_cores) = (kind("cpu_core"), kind("cpu_atom"));
    let max = highest(tree, &each, "cpuinfo_max_freq");
    machine.cpu_max_mhz = notes.keep(Source::System, "highest CPU frequency", max);
    let now = values(&info, "cpu MHz").filter_map(|mhz| mhz.parse::<f64>().ok()).max_by(f64::total_cmp);
    let now = now.map(|mhz| mhz.round() as u32).map_or_else(|| highest(tree, &each, "scaling_cur_freq"), Ok);
    machine.cpu_mhz = notes.keep(Source::System, "CPU frequency", now);
    values(&info, "flags").next().map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// The values of a key, one for each processor.
fn values<'a>(info: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

/// What processors call themselves. ARM's tell maker and part as numbers, those of unlike cores several.
fn model(info: &str) -> Option<String> {
    let parts: Vec<(&str, &str)> = values(info, "CPU implementer").zip(values(info, "CPU part")).collect();
    let mut names: Vec<&str> = Vec::new();
    for (implementer, part) in &parts {
        if let Some(name) = arm(implementer, part).filter(|name| !names.contains(name)) {
            names.push(name);
        }
    }
    if !names.is_empty() {
        return Some(names.join(" + "));
    }
    let told = ["model name", "cpu", "uarch"].into_iter().find_map(|key| values(info, key).next());
    let told = told.filter(|name| !name.is_empty()).map(str::to_owned);
    told.or_else(|| parts.first().map(|(maker, part)| format!("ARM implementer {maker} part {part}")))
}

/// Cores of ARM that are met under a load generator or a GPU, by `lscpu` of util-linux (`sys-utils/lscpu-arm.c`).
fn arm(implementer: &str, part: &str) -> Option<&'static str> {
    let number = |text: &str| u32::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    Some(match (number(implementer)?, number(part)?) {
        (0x41, 0xd03) => "Cortex-A53",
        (0x41, 0xd05) => "Cortex-A55",
        (0x41, 0xd07) => "Cortex-A57",
        (0x41, 0xd08) => "Cortex-A72",
        (0x41, 0xd0b) => "Cortex-A76",
        (0x41, 0xd0c) => "Neoverse-N1",
        (0x41, 0xd40) => "Neoverse-V1",
        (0x41, 0xd41) => "Cortex-A78",
        (0x41, 0xd42) => "Cortex-A78AE",
        (0x41, 0xd49) => "Neoverse-N2",
        (0x41, 0xd4f) => "Neoverse-V2",
        (0x41, 0xd84) => "Neoverse-V3",
        (0x41, 0xd85) => "Cortex-X925",
        (0x41, 0xd87) => "Cortex-A725",
        (0x41, 0xd8e) => "Neoverse-N3",
        (0x43, 0x0af) => "ThunderX2-99xx",
        (0x46, 0x001) => "A64FX",
        (0x48, 0xd01) => "Kunpeng-920",
        (0x4e, 0x004) => "Carmel",
        (0x61, 0x022) => "Icestorm-M1",
        (0x61, 0x023) => "Firestorm-M1",
        (0x61, 0x032) => "Blizzard-M2",
        (0x61, 0x033) => "Avalanche-M2",
        (0xc0, 0xac3) => "Ampere-1",
        (0xc0, 0xac4) => "Ampere-1a",
        _ => return None,
    })
}

/// The processors that have a folder.
fn processors(tree: &Tree) -> Vec<u32> {
    let names = tree.names(FOLDER).unwrap_or_default();
    names.iter().filter_map(|name| name.strip_prefix("cpu")?.parse().ok()).collect()
}

/// How many cores the processors are, those of one core having the same siblings; of all or of some of them.
fn siblings(tree: &Tree, processors: &[u32], of: Option<&[u32]>) -> Option<u32> {
    let counted = processors.iter().filter(|number| of.is_none_or(|of| of.contains(number)));
    let list = |number: &u32| tree.text(&format!("{FOLDER}/cpu{number}/topology/thread_siblings_list")).ok();
    let cores: BTreeSet<String> = counted.filter_map(list).collect();
    Some(cores.len() as u32).filter(|count| *count > 0)
}

/// The same by `/proc/cpuinfo`, which numbers packages and cores on x86.
fn pairs(info: &str) -> Option<u32> {
    let cores: BTreeSet<_> = values(info, "physical id").zip(values(info, "core id")).collect();
    Some(cores.len() as u32).filter(|count| *count > 0)
}

/// The highest of a file of `cpufreq`, which is in kHz, in MHz.
fn highest(tree: &Tree, processors: &[u32], file: &str) -> Result<u32, String> {
    let path = |number: u32| format!("{FOLDER}/cpu{number}/cpufreq/{file}");
    let first = tree.number(&path(processors.first().copied().unwrap_or(0)))?;
    let others = processors.iter().filter_map(|number| tree.number(&path(*number)).ok());
    Ok((others.fold(first, u64::max) / 1000) as u32)
}

/// How many numbers a list such as `0-3,8` has.
pub(super) fn count(list: &str) -> Option<u32> {
    numbers(list).map(|numbers| numbers.len() as u32).filter(|count| *count > 0)
}

fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        numbers.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

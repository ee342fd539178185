//! `scenario hardware`: what `system-info.json` of a run here would say of the machine, for people.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::{exit::Exit, terminal};
use crate::{
    machine::{self, Gpu, Machine, Places},
    units::{show_bytes, show_count_of, show_number},
};

/// Arguments of `hardware`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print it as JSON, as it stands in `system-info.json`
    #[arg(long)]
    json: bool,
    /// Folder with the `proc`, `sys` and `etc` to read, for tests
    #[arg(long, value_name = "DIR", hide = true)]
    root: Option<PathBuf>,
    /// Library to load in place of NVIDIA's, for tests
    #[arg(long, value_name = "FILE", hide = true)]
    nvml: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Document {
    /// The version of this format.
    #[schemars(extend("const" = machine::FORMAT))]
    format: u32,
    /// What charts of a run here say of the machine, without a label.
    line: String,
    /// The machine.
    machine: Machine,
}

pub(super) fn hardware(arguments: &Arguments) -> anyhow::Result<Exit> {
    let places = Places::default();
    let machine = Machine::look(&Places {
        root: arguments.root.clone().unwrap_or(places.root),
        nvml: arguments.nvml.clone().unwrap_or(places.nvml),
    });
    terminal::print(&if arguments.json {
        let line = machine.line("");
        serde_json::to_string_pretty(&Document { format: machine::FORMAT, line, machine })?
    } else {
        text(&machine)
    });
    Ok(Exit::Pass)
}

/// A line for everything that is known, then one for everything that is not.
fn text(machine: &Machine) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, parts: &[Option<String>]| {
        let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        if !parts.is_empty() {
            rows.push((name.to_owned(), parts.join(", ")));
        }
    };
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    row("machine", &[machine.product.clone(), virtual_machine(machine)]);
    row("system", &[known(&machine.os_version), known(format!("{} {}", machine.os, machine.kernel).trim())]);
    row("CPU", &[known(&machine.cpu), known(&machine.arch)]);
    row("cores", &cores(machine));
    let most = machine.cpu_max_mhz.map(|mhz| format!("{} at most", megahertz(mhz)));
    row("frequency", &[most, machine.cpu_mhz.map(|mhz| format!("{} now", megahertz(mhz)))]);
    let swap = machine.swap_bytes.map(|bytes| match bytes {
        0 => "no swap".to_owned(),
        bytes => format!("{} of swap", show_bytes(bytes)),
    });
    row("memory", &[machine.memory_bytes.map(show_bytes), swap]);
    row("container", std::slice::from_ref(&machine.container));
    row("limits", &limits(machine));
    for gpu in &machine.gpus {
        row(&format!("GPU {}", gpu.id), &self::gpu(gpu));
    }
    row("charts say", &[Some(machine.line(""))]);
    let mut text = table(&rows);
    if !machine.missing.is_empty() {
        text.push_str("\nnot known\n");
        let missing = machine.missing.iter().map(|missing| (missing.what.clone(), missing.why.clone()));
        text.push_str(&table(&missing.collect::<Vec<_>>()));
    }
    text
}

fn virtual_machine(machine: &Machine) -> Option<String> {
    Some(match (machine.virtual_machine?, &machine.hypervisor) {
        (true, Some(by)) => format!("a virtual machine by {by}"),
        (true, None) => "a virtual machine".to_owned(),
        (false, _) => "no virtual machine".to_owned(),
    })
}

fn cores(machine: &Machine) -> Vec<Option<String>> {
    let kinds = machine.performance_cores.zip(machine.efficiency_cores);
    let kinds = kinds.map(|(fast, slow)| format!(" ({fast} for performance, {slow} for efficiency)"));
    vec![
        machine.physical_cores.map(|count| format!("{count} physical{}", kinds.unwrap_or_default())),
        machine.logical_cores.map(|count| format!("{count} logical")),
        Some(format!("{} for this process", machine.cores)),
    ]
}

fn limits(machine: &Machine) -> Vec<Option<String>> {
    let Some(limits) = machine.limits else { return Vec::new() };
    let none = limits.cpus.is_none() && limits.memory_bytes.is_none();
    vec![
        none.then(|| "none".to_owned()),
        limits.cpus.map(|cpus| format!("{} of CPU time", processors(cpus))),
        limits.memory_bytes.map(|bytes| format!("{} of memory", show_bytes(bytes))),
        Some(format!("by cgroups of version {}", limits.cgroup)),
    ]
}

fn processors(cpus: f64) -> String {
    if cpus.fract() == 0.0 {
        show_count_of(cpus as u64, "processor")
    } else {
        format!("{} processors", show_number(cpus))
    }
}

fn gpu(gpu: &Gpu) -> Vec<Option<String>> {
    vec![
        Some(gpu.name.clone()),
        gpu.memory_bytes.map(show_bytes),
        gpu.power_limit_w.map(|watts| format!("held to {} W", show_number(watts))),
        gpu.max_clock_mhz.map(|mhz| format!("{} at most", megahertz(mhz))),
        gpu.max_memory_clock_mhz.map(|mhz| format!("its memory {}", megahertz(mhz))),
        gpu.clock_mhz.map(|mhz| format!("{} now", megahertz(mhz))),
        Some(gpu.driver.clone()).filter(|driver| !driver.is_empty()).map(|driver| format!("driver {driver}")),
        gpu.cuda.as_ref().map(|version| format!("CUDA {version}")),
    ]
}

fn megahertz(mhz: u32) -> String {
    if mhz < 1000 { format!("{mhz} MHz") } else { format!("{:.2} GHz", f64::from(mhz) / 1000.0) }
}

fn table(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().fold(String::new(), |table, (name, text)| table + &format!("  {name:width$}  {text}\n"))
}

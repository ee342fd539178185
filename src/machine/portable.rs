//! Any system, by `sysinfo`.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::{Machine, Notes, Source};

/// What a system tells about itself.
pub(super) fn look(notes: &mut Notes) -> Machine {
    let system = System::new_with_specifics(
        RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::everything()),
    );
    let version = [System::name(), System::os_version()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let not_told = || "the system does not tell it".to_owned();
    let mut number = |what: &str, number: Option<u64>| {
        let number = number.filter(|number| *number > 0).ok_or_else(not_told);
        notes.keep(Source::System, what, number)
    };
    let memory_bytes = number("memory", Some(system.total_memory()));
    let physical_cores = number("physical cores", System::physical_core_count().map(|count| count as u64));
    let logical_cores = number("logical cores", Some(system.cpus().len() as u64));
    let mut told = |what: &str, text: Option<String>| {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        notes.keep(Source::System, what, text.ok_or_else(not_told)).unwrap_or_default()
    };
    Machine {
        os: std::env::consts::OS.to_owned(),
        os_version: told("name and version of the system", Some(version)),
        kernel: told("version of the kernel", System::kernel_version()),
        arch: System::cpu_arch(),
        cpu: told("CPU model", system.cpus().first().map(|cpu| cpu.brand().to_owned())),
        cores: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        memory_bytes,
        physical_cores: physical_cores.map(|count| count as u32),
        logical_cores: logical_cores.map(|count| count as u32),
        swap_bytes: Some(system.total_swap()),
        ..Machine::default()
    }
}

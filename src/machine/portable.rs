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
    let mut told = |what: &str, text: Option<String>| {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        notes
            .keep(Source::System, what, text.ok_or("the system does not tell it".to_owned()))
            .unwrap_or_default()
    };
    let version = [System::name(), System::os_version()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Machine {
        os: std::env::consts::OS.to_owned(),
        os_version: told("name and version of the system", Some(version)),
        kernel: told("version of the kernel", System::kernel_version()),
        arch: System::cpu_arch(),
        cpu: told("CPU model", system.cpus().first().map(|cpu| cpu.brand().to_owned())),
        cores: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        memory_bytes: Some(system.total_memory()).filter(|bytes| *bytes > 0),
        physical_cores: System::physical_core_count().map(|count| count as u32),
        logical_cores: Some(system.cpus().len() as u32).filter(|count| *count > 0),
        swap_bytes: Some(system.total_swap()),
        ..Machine::default()
    }
}

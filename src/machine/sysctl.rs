//! What `sysctl` of macOS knows beyond what every system tells: the kinds of cores of an Apple chip, frequency, product, and
//! whether the machine is a virtual one.

use super::{Machine, Notes, Source};

/// Adds to a machine what `sysctl` says.
#[cfg(target_os = "macos")]
pub(super) fn look(machine: &mut Machine, notes: &mut Notes) {
    match std::process::Command::new("/usr/sbin/sysctl").args(["hw", "kern.hv_vmm_present"]).output() {
        Ok(output) => add(machine, &String::from_utf8_lossy(&output.stdout), notes),
        Err(error) => {
            notes.add(Source::System, "details of the chip", format!("cannot run `sysctl`: {error}"))
        }
    }
}

/// Adds what stands in lines of `name: value`. Only Apple's own chips have cores of two kinds, `perflevel0` the faster ones,
/// and only those of Intel tell their frequency.
pub(super) fn add(machine: &mut Machine, text: &str, notes: &mut Notes) {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    };
    let missing = |name: &str| format!("`sysctl` has no `{name}`");
    let number =
        |name: &str| value(name).and_then(|value| value.parse::<u64>().ok()).ok_or_else(|| missing(name));
    if let (Ok(fast), Ok(slow)) = (number("hw.perflevel0.physicalcpu"), number("hw.perflevel1.physicalcpu")) {
        machine.performance_cores = Some(fast as u32);
        machine.efficiency_cores = Some(slow as u32);
    }
    let frequency = notes.keep(Source::System, "CPU frequency", number("hw.cpufrequency_max"));
    machine.cpu_max_mhz = frequency.map(|hertz| (hertz / 1_000_000) as u32);
    let model = value("hw.model").ok_or_else(|| missing("hw.model"));
    machine.product = notes.keep(Source::Firmware, "product", model).map(|model| format!("Apple {model}"));
    let virtual_machine = notes.keep(Source::Firmware, "virtual machine", number("kern.hv_vmm_present"));
    machine.virtual_machine = virtual_machine.map(|present| present > 0);
}

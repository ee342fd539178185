//! Which platform the machine under test is.

use super::{
    Platform,
    diagnostic::{Diagnostic, Sink},
    nearest::suggest,
    presets::{FALLBACK, Library},
    source::Place,
};
use crate::machine::Machine;

/// The name that leaves the choice to detection.
pub(super) const AUTO: &str = "auto";

/// What somebody said about the platform.
pub(super) struct Asked {
    /// A preset's name, or [`AUTO`].
    pub name: String,
    /// Where.
    pub place: Place,
    /// Who, continuing "named by".
    pub by: String,
}

/// Chooses: what is named wins; then a scenario whose endpoints are all one simulated server takes that server's
/// preset; then this machine's GPUs and operating system are looked at. A name that is unknown is a problem, and
/// the choice goes on as if nothing had been said.
pub(super) fn choose(
    asked: Option<&Asked>,
    addresses: &[&str],
    machine: &Machine,
    library: &Library,
    sink: &Sink,
) -> Platform {
    let platform = |name: &str, reason: String, named: bool| Platform {
        name: name.to_owned(),
        extends: library.chain(name, sink).into_iter().skip(1).map(|preset| preset.name.clone()).collect(),
        reason,
        named,
    };
    if let Some(asked) = asked.filter(|asked| asked.name != AUTO) {
        if library.get(&asked.name).is_some() {
            return platform(&asked.name, format!("named by {}", asked.by), true);
        }
        sink.push(
            Diagnostic::new(format!("unknown platform `{}`", asked.name))
                .label(&asked.place, "no preset of this name")
                .help(suggest(&asked.name, "presets", library.names().chain([AUTO]))),
        );
    }
    if let Some(name) = only_sim(addresses).filter(|name| library.get(name).is_some()) {
        let subject = if addresses.len() == 1 { "the only endpoint is" } else { "every endpoint is" };
        return platform(name, format!("{subject} `sim:{name}`"), false);
    }
    for (index, gpu) in machine.gpus.iter().enumerate() {
        let name = gpu.name.to_lowercase();
        let fits = |part: &String| name.contains(&part.to_lowercase());
        if let Some(preset) = library.iter().find(|preset| preset.gpus.iter().any(fits)) {
            return platform(&preset.name, format!("GPU {index} is {}", gpu.name), false);
        }
    }
    if let Some(preset) = library.iter().find(|preset| preset.os.as_deref() == Some(machine.os.as_str())) {
        return platform(&preset.name, format!("the operating system is {}", machine.os), false);
    }
    let reason = match machine.gpus.first() {
        Some(gpu) => format!("no preset knows {}", gpu.name),
        None => "no GPU or operating system that a preset knows".to_owned(),
    };
    platform(FALLBACK, reason, false)
}

/// The simulated server behind every address, if it is the same.
fn only_sim<'a>(addresses: &[&'a str]) -> Option<&'a str> {
    let (first, rest) = addresses.split_first()?;
    let name = first.trim().strip_prefix("sim:")?;
    rest.iter().all(|address| address.trim() == first.trim()).then_some(name)
}

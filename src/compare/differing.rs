//! What two sides differ in besides their numbers.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Side;
use crate::{
    machine::{Gpu, Machine, Source, Vendor},
    plan::{Plan, diff::diff, experiments_differ_in},
    units::show_bytes,
};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Differing {
    /// Its name: the address of a value of the scenario, or what it is of the machine.
    pub field: String,
    /// On the first side; null where there is none.
    pub before: Option<String>,
    /// On the second.
    pub after: Option<String>,
}

impl Differing {
    fn new(field: impl Into<String>, before: Option<String>, after: Option<String>) -> Self {
        Self { field: field.into(), before, after }
    }
}

/// Why runs of a plan on a machine cannot stand against those of another as before and after one change: values that make
/// another experiment, and other hardware. Empty where they can.
pub fn obstacles(before: (&Plan, &Machine), after: (&Plan, &Machine)) -> Vec<Differing> {
    let (old, new) = (before.0, after.0);
    let mut found = Vec::new();
    if old.experiment != new.experiment {
        let values = experiments_differ_in(old, new);
        found.extend(values.into_iter().map(|(field, [before, after])| Differing::new(field, before, after)));
        if found.is_empty() {
            // the same values, of which another version makes other requests
            let version = |plan: &Plan| Some(format!("of {} ({:.12})", plan.tool_version, plan.experiment));
            found.push(Differing::new("experiment", version(old), version(new)));
        }
    }
    found.extend(hardware(before.1, after.1));
    found
}

/// Whether two machines are the same as far as both sides know.
pub(super) fn same_hardware(before: &Machine, after: &Machine) -> bool {
    hardware(before, after).is_empty()
}

/// Everything that differs.
pub(super) fn differing(before: &Side, after: &Side) -> Vec<Differing> {
    let difference = diff(before.plan, after.plan);
    let words = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let mut found: Vec<Differing> = difference
        .values
        .iter()
        .map(|change| {
            let value =
                |side: &Option<crate::config::Origin>| side.as_ref().map(|origin| origin.value.clone());
            Differing::new(change.path.clone(), value(&change.before), value(&change.after))
        })
        .collect();
    // totals follow from the values, and the hash has a place of its own
    let whole = ["tool_version", "platform", "datasets", "tokenizers", "schemas"];
    let fields = difference.plan.iter().filter(|field| whole.contains(&field.field));
    found.extend(fields.map(|field| Differing::new(field.field, words(&field.before), words(&field.after))));
    let (old, new) = (before.system, after.system);
    found.extend(hardware(&old.machine, &new.machine));
    found.extend(apart(&software(&old.machine), &software(&new.machine)));
    found.extend(servers(before, after));
    found
}

/// What answered, where that was not the same.
fn servers(before: &Side, after: &Side) -> Vec<Differing> {
    let facts = |side: &Side| -> Vec<(String, String)> {
        let each = side.system.servers.iter().flat_map(|server| {
            [
                (format!("{}: model that answered", server.endpoint), server.model.clone()),
                (format!("{}: version of the server", server.endpoint), server.version.clone()),
            ]
        });
        each.collect()
    };
    let (old, new) = (facts(before), facts(after));
    let names: BTreeSet<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    let find = |facts: &[(String, String)], name: &str| {
        facts
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, fact)| fact.clone())
            .filter(|fact| !fact.is_empty())
    };
    let sides =
        names.into_iter().map(|name| Differing::new(name.clone(), find(&old, name), find(&new, name)));
    sides.filter(|field| field.before != field.after).collect()
}

/// In what two machines are not the same. Memory as people read it: a kernel keeps a little more or less of it. What one side could not
/// find out, or did not look for, is no difference.
fn hardware(before: &Machine, after: &Machine) -> Vec<Differing> {
    let facts = |machine: &Machine| {
        [
            ("architecture", machine.arch.clone()),
            ("processor", machine.cpu.clone()),
            ("cores", machine.cores.to_string()),
            ("memory", machine.memory_bytes.map(show_bytes).unwrap_or_default()),
        ]
    };
    let known = |field: &Differing| field.before.is_some() && field.after.is_some();
    let mut found: Vec<Differing> = apart(&facts(before), &facts(after)).filter(known).collect();
    let gpus = gpus(before, after).map(|gpus| [("GPUs", gpus)]);
    found.extend(apart(&gpus[0], &gpus[1]));
    found
}

/// The GPUs of both by what both know: those of makers that both looked for, and their memory where every one tells it.
fn gpus(before: &Machine, after: &Machine) -> [String; 2] {
    // older versions knew only NVIDIA's; whoever looks for others has them, or the reason why not
    let looked = |machine: &Machine| {
        let has = machine.gpus.iter().any(|gpu| gpu.vendor != Vendor::Nvidia);
        has || machine.missing.iter().any(|missing| missing.source == Source::Drm)
    };
    let all = looked(before) && looked(after);
    let of_both = |machine: &Machine| -> Vec<Gpu> {
        machine.gpus.iter().filter(|gpu| all || gpu.vendor == Vendor::Nvidia).cloned().collect()
    };
    let sides = [of_both(before), of_both(after)];
    let told = sides.iter().flatten().all(|gpu| gpu.memory_bytes.is_some());
    let text = |gpu: &Gpu| match gpu.memory_bytes.filter(|_| told) {
        Some(bytes) => format!("{} {}", gpu.name, show_bytes(bytes)),
        None => gpu.name.clone(),
    };
    sides.map(|gpus| gpus.iter().map(text).collect::<Vec<_>>().join(", "))
}

fn software(machine: &Machine) -> [(&'static str, String); 3] {
    let drivers: BTreeSet<&str> = machine.gpus.iter().map(|gpu| gpu.driver.as_str()).collect();
    [
        ("system", machine.os_version.clone()),
        ("kernel", machine.kernel.clone()),
        ("GPU driver", drivers.into_iter().collect::<Vec<_>>().join(", ")),
    ]
}

fn apart<'a>(
    before: &'a [(&'static str, String)],
    after: &'a [(&'static str, String)],
) -> impl Iterator<Item = Differing> + 'a {
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let both = before.iter().zip(after).filter(|((_, old), (_, new))| old != new);
    both.map(move |((name, old), (_, new))| Differing::new(*name, known(old), known(new)))
}

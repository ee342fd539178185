//! Energy of processor packages, by the counters that the kernel shows (<https://docs.kernel.org/power/powercap/powercap.html>).

use std::{collections::BTreeMap, path::Path};

use super::{Found, Missing, Pace, Sensor};
use crate::{
    catalog::Quantity,
    machine::Tree,
    record::{Class, Sample, SensorKind, Subject},
};

/// Where the kernel lists zones, each with a counter: `intel-rapl:0` is a package, of Intel's or AMD's, `intel-rapl:0:2` a part of it.
const FOLDER: &str = "/sys/class/powercap";
const BEGIN: &str = "intel-rapl:";

/// A sensor for each package of the machine whose `sys` is below `root`.
pub(super) fn find(root: &Path) -> Found {
    let tree = Tree::new(root);
    let missing = |subject, why| Missing { sensor: SensorKind::Rapl, subject, why };
    let names = match tree.names(FOLDER) {
        Ok(names) => names,
        Err(why) => return (Vec::new(), vec![missing(Subject::Machine, why)]),
    };
    let (mut sensors, mut lacking): (Vec<Box<dyn Sensor>>, Vec<Missing>) = (Vec::new(), Vec::new());
    let zones = names.iter().filter_map(|name| Some((name, name.strip_prefix(BEGIN)?)));
    for (zone, _) in zones.clone().filter(|(_, number)| !number.contains(':')) {
        // `psys` is the whole machine: what its parts use would count twice
        let Ok(name) = tree.text(&format!("{FOLDER}/{zone}/name")) else { continue };
        if !name.starts_with("package") {
            continue;
        }
        // memory is no part of a package's own counter, and cores are
        let parts = zones.clone().filter(|(part, _)| {
            let inside = part.strip_prefix(zone.as_str()).is_some_and(|rest| rest.starts_with(':'));
            inside && tree.text(&format!("{FOLDER}/{part}/name")).is_ok_and(|name| name == "dram")
        });
        let counted = std::iter::once(zone).chain(parts.map(|(part, _)| part));
        let subject = Subject::Package(name);
        match counted.map(|zone| Counter::begin(&tree, zone)).collect::<Result<Vec<_>, _>>() {
            Ok(counters) => {
                sensors.push(Box::new(Package { tree: tree.clone(), subject, counters, before: None }));
            }
            Err(why) => lacking.push(missing(subject, why)),
        }
    }
    if sensors.is_empty() && lacking.is_empty() {
        let why = format!("`{FOLDER}` has no energy counter of a processor, as in most virtual machines");
        lacking.push(missing(Subject::Machine, why));
    }
    (sensors, lacking)
}

/// A counter of one zone, which begins anew after a while.
#[derive(Debug)]
struct Counter {
    path: String,
    /// Microjoules up to which it counts.
    range: u64,
    /// What it showed last.
    last: u64,
    /// Microjoules since it began, wherever that was.
    total: u64,
}

impl Counter {
    fn begin(tree: &Tree, zone: &str) -> Result<Self, String> {
        let path = format!("{FOLDER}/{zone}/energy_uj");
        let range = tree.number(&format!("{FOLDER}/{zone}/max_energy_range_uj"))?;
        let last = tree.number(&path).map_err(with_fix)?;
        Ok(Self { path, range, last, total: last })
    }

    /// Microjoules since it began, over every end of its range.
    fn read(&mut self, tree: &Tree) -> Result<u64, String> {
        let now = tree.number(&self.path).map_err(with_fix)?;
        self.total += match now.checked_sub(self.last) {
            Some(more) => more,
            None => self.range.saturating_sub(self.last) + now,
        };
        self.last = now;
        Ok(self.total)
    }
}

/// Why a counter cannot be read, and what to do: since 2020 kernels keep them to the administrator, because power tells of secrets
/// (CVE-2020-8694).
fn with_fix(why: String) -> String {
    if why.starts_with("no permission") {
        format!(
            "{why}, which only root may: `sudo chmod a+r {FOLDER}/{BEGIN}*/energy_uj` lets everybody, until the next start"
        )
    } else {
        why
    }
}

/// A package and the memory that belongs to it.
struct Package {
    tree: Tree,
    subject: Subject,
    counters: Vec<Counter>,
    /// Nanoseconds and microjoules of the reading before.
    before: Option<(u64, u64)>,
}

impl Sensor for Package {
    fn kind(&self) -> SensorKind {
        SensorKind::Rapl
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn pace(&self) -> Pace {
        Pace::Energy
    }

    /// Energy, and from the second reading on the mean power since the one before.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let mut total = 0;
        for counter in &mut self.counters {
            total += counter.read(&self.tree)?;
        }
        let mut readings = BTreeMap::from([(Quantity::Energy, total as f64 / 1e6)]);
        if let Some((before_ns, before)) = self.before
            && at_ns > before_ns
        {
            // microjoules per nanosecond are kilowatts
            let watts = (total - before) as f64 / (at_ns - before_ns) as f64 * 1e3;
            readings.insert(Quantity::Power, watts);
        }
        self.before = Some((at_ns, total));
        Ok(vec![Sample {
            at_ns,
            sensor: SensorKind::Rapl,
            class: Class::Counter,
            subject: self.subject.clone(),
            readings,
            cores: Vec::new(),
            raw: BTreeMap::new(),
        }])
    }
}

#[cfg(test)]
mod tests;

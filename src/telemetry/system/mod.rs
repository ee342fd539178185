//! The machine as its operating system tells of it: processors, memory, networks, disks.

#[cfg(any(target_os = "linux", test))]
mod cpu;
#[cfg(any(target_os = "linux", test))]
mod memory;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(target_os = "linux", test))]
mod traffic;

use std::path::Path;

use super::{Found, Missing, Sensor};
use crate::record::{SensorKind, Subject};

/// What can be read of the machine. On Linux everything comes from files below a root.
#[cfg(target_os = "linux")]
pub(super) fn find(root: &Path) -> Found {
    by_files(root)
}

/// What can be read of the machine, by calls of its system.
#[cfg(not(target_os = "linux"))]
pub(super) fn find(_: &Path) -> Found {
    let why = "this version reads networks and disks on Linux alone";
    (vec![Box::new(portable::Machine::new())], vec![missing(why.to_owned())])
}

#[cfg(any(target_os = "linux", test))]
fn by_files(root: &Path) -> Found {
    let (mut sensors, mut lacking): Found = (Vec::new(), Vec::new());
    let mut add = |sensor: Result<Box<dyn Sensor>, String>| match sensor {
        Ok(sensor) => sensors.push(sensor),
        Err(why) => lacking.push(missing(why)),
    };
    add(cpu::Processors::open(root).map(|sensor| Box::new(sensor) as _));
    add(memory::Memory::open(root).map(|sensor| Box::new(sensor) as _));
    add(traffic::Networks::open(root).map(|sensor| Box::new(sensor) as _));
    add(traffic::Disks::open(root).map(|sensor| Box::new(sensor) as _));
    (sensors, lacking)
}

fn missing(why: String) -> Missing {
    Missing { sensor: SensorKind::System, subject: Subject::Machine, why }
}

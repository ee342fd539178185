//! Sensors of the machine on trees of files with known content, and on the machine that runs the test.

use std::{collections::BTreeMap, fs, path::Path};

use super::*;
use crate::{
    catalog::Quantity,
    record::{Class, Sample},
    telemetry::growth::Growth,
};

/// Writes a file of a tree.
fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// A machine with two processors, one network and one disk of two parts.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| write(root.path(), path, text);
    write(
        "proc/stat",
        "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0 0 0\nintr 1 2\n",
    );
    write(
        "proc/meminfo",
        "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\nSwapTotal: 64 kB\nSwapFree: 16 kB\n",
    );
    write(
        "proc/net/dev",
        "Inter-|   Receive  |  Transmit\n face |bytes packets\n  lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\neth0:4000000000 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n",
    );
    write(
        "proc/diskstats",
        "   7  0 loop0 1 0 900 0 1 0 900 0 0 0 0\n 254  0 vda 3 0 100 0 4 0 200 0 0 0 0\n 254  1 vda1 3 0 100 0 4 0 200 0 0 0 0\n",
    );
    write("sys/block/vda/device/vendor", "0x1af4");
    write("sys/block/loop0/size", "0");
    root
}

/// What all sensors read at a moment, by class.
fn read(sensors: &mut [Box<dyn Sensor>], at_ns: u64) -> BTreeMap<(Class, Quantity), f64> {
    let samples: Vec<Sample> =
        sensors.iter_mut().flat_map(|sensor| sensor.read(at_ns).expect("a reading")).collect();
    assert!(samples.iter().all(|sample| sample.at_ns == at_ns && sample.subject == Subject::Machine));
    let each = |sample: Sample| {
        let class = sample.class;
        sample.readings.into_iter().map(move |(quantity, value)| ((class, quantity), value))
    };
    samples.into_iter().flat_map(each).collect()
}

#[test]
fn a_machine_is_read_as_its_files_say() {
    let root = machine();
    let (mut sensors, missing) = by_files(root.path());
    assert_eq!((sensors.len(), missing), (4, Vec::new()));
    let of = |class, quantity| (class, quantity);
    assert_eq!(
        read(&mut sensors, 0),
        BTreeMap::from([
            (of(Class::Sampled, Quantity::SystemMemory), 0.75),
            (of(Class::Sampled, Quantity::SystemMemoryUsed), 750.0 * 1024.0),
            (of(Class::Sampled, Quantity::SystemSwapUsed), 48.0 * 1024.0),
            (of(Class::Counter, Quantity::NetworkReceived), 4_000_000_010.0),
            (of(Class::Counter, Quantity::NetworkSent), 25.0),
            // neither its part nor the file that looks like a disk
            (of(Class::Counter, Quantity::DiskRead), 51_200.0),
            (of(Class::Counter, Quantity::DiskWritten), 102_400.0),
        ]),
        "the first reading of what needs two is left out"
    );

    // of 200 ticks more, 20 were idle and 30 waited for a disk; 10 more went to another machine's guest
    write(
        root.path(),
        "proc/stat",
        "cpu  180 10 120 820 30 10 20 10 0 0\ncpu0 150 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 500 0 0 0 0 0 0\n",
    );
    let later = read(&mut sensors, 1);
    assert_eq!(later[&of(Class::Counter, Quantity::CpuUtilization)], 0.75);
}

#[test]
fn each_processor_has_its_share() {
    let root = machine();
    let mut processors = cpu::Processors::open(root.path()).expect("files of processors");
    let mut cores = |text: &str| {
        write(root.path(), "proc/stat", text);
        processors.read(0).expect("a reading").pop().map(|sample| (sample.readings.len(), sample.cores))
    };
    assert_eq!(cores("cpu  0 0 0 100 0 0 0 0\ncpu0 0 0 0 50 0 0 0 0\ncpu2 0 0 0 50 0 0 0 0\n"), None);
    let half = cores("cpu  50 0 0 150 0 0 0 0\ncpu0 50 0 0 50 0 0 0 0\ncpu2 0 0 0 100 0 0 0 0\n");
    assert_eq!(half, Some((1, vec![1.0, 0.0])));
    // no tick has passed
    assert_eq!(cores("cpu  50 0 0 150 0 0 0 0\ncpu0 50 0 0 50 0 0 0 0\ncpu2 0 0 0 100 0 0 0 0\n"), None);
    // another processor came online: nobody knows which share is whose
    let others = cores(
        "cpu  60 0 0 160 0 0 0 0\ncpu0 60 0 0 50 0 0 0 0\ncpu1 0 0 0 10 0 0 0 0\ncpu2 0 0 0 100 0 0 0 0\n",
    );
    assert_eq!(others, Some((1, Vec::new())));
    // idle ticks may fall
    let fallen = cores(
        "cpu  80 0 0 150 0 0 0 0\ncpu0 80 0 0 40 0 0 0 0\ncpu1 0 0 0 10 0 0 0 0\ncpu2 0 0 0 100 0 0 0 0\n",
    );
    assert_eq!(fallen.map(|(_, cores)| cores), Some(Vec::new()));
}

#[test]
fn what_is_not_there_is_said_and_the_rest_is_read() {
    let root = machine();
    for path in ["proc/net/dev", "sys/block/vda/device/vendor"] {
        fs::remove_file(root.path().join(path)).expect("a file");
    }
    fs::remove_dir(root.path().join("sys/block/vda/device")).expect("a folder");
    write(root.path(), "proc/meminfo", "MemTotal:  1000 kB\nMemFree: 100 kB\n");
    let (sensors, missing) = by_files(root.path());
    let whys: Vec<&str> = missing.iter().map(|missing| missing.why.as_str()).collect();
    assert_eq!(sensors.len(), 1);
    assert_eq!(
        whys,
        [
            "`/proc/meminfo` does not say what is available",
            "`/proc/net/dev` is not there",
            "`/proc/diskstats` has no disk that `/sys/block` knows as a device",
        ]
    );
}

#[test]
fn a_sum_of_counts_goes_on_where_one_of_them_begins_anew() {
    let mut growth = Growth::default();
    let mut total = |counts: &[(&'static str, u64)]| {
        for (thing, count) in counts {
            growth.count(*thing, *count);
        }
        growth.total()
    };
    assert_eq!(total(&[("a", 10), ("b", 5)]), 15);
    assert_eq!(total(&[("a", 12)]), 17, "one is away");
    // one wrapped or was reset to 0, and counted 3 since
    assert_eq!(total(&[("a", 3), ("b", 6)]), 21);
    assert_eq!(total(&[("c", 4)]), 25, "what is new has counted since it is there");
}

/// Busy work on this machine is seen, and memory agrees with another reader of the same system.
#[test]
#[cfg(target_os = "linux")]
fn this_machine_is_read_as_others_read_it() {
    let (mut sensors, _) = by_files(Path::new("/"));
    let mut other: Vec<Box<dyn Sensor>> = vec![Box::new(portable::Machine::new())];
    // others work here meanwhile, so that one pair of looks may differ
    let near = (0..20).any(|at_ns| {
        let (ours, theirs) = (read(&mut sensors, at_ns), read(&mut other, at_ns));
        let memory = (Class::Sampled, Quantity::SystemMemoryUsed);
        (ours[&memory] / theirs[&memory] - 1.0).abs() < 0.02
    });
    assert!(near);
}

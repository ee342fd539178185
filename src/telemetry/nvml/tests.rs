use std::process::Command;

use super::*;

/// Builds `tests/nvml.c`; `defines` choose the driver.
fn driver(folder: &Path, defines: &[&str]) -> PathBuf {
    let library = folder.join("libnvml.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nvml.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).args(defines);
    assert!(compiler.status().expect("a compiler of C").success());
    library
}

fn nobody() -> Members {
    Members::default()
}

/// A line for each thing that is missing.
fn lines(missing: &[Missing]) -> Vec<String> {
    missing.iter().map(|missing| format!("{}: {}", missing.subject, missing.why)).collect()
}

#[test]
fn gpus_tell_what_they_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers = Members::default();
    servers.are(&Subject::Server(vec!["main".to_owned()]), vec![4242, 17]);
    let (mut sensors, missing) = find(&driver(folder.path(), &[]), &servers);
    assert_eq!(
        lines(&missing),
        [
            "GPU 1: the driver has lost it: it fell off the bus",
            "GPU 2: counter of energy: the device does not tell it"
        ]
    );
    let subjects: Vec<String> = sensors.iter().map(|sensor| sensor.subject().to_string()).collect();
    assert_eq!(subjects, ["GPU 0", "GPU 2"]);
    let mut read = |sensor: usize, at_ns| sensors[sensor].read(at_ns).expect("a GPU");
    let of_first = |joules: f64, samples: Vec<Sample>| {
        let [sampled, counted] = &samples[..] else { panic!("{samples:?}") };
        assert_eq!((sampled.class, counted.class), (Class::Sampled, Class::Counter));
        assert_eq!(
            sampled.readings,
            BTreeMap::from([
                (Quantity::GpuUtilization, 0.93),
                (Quantity::GpuMemory, f64::from(1 << 30)),
                (Quantity::GpuMemoryReserved, f64::from(400 << 20)),
                (Quantity::GpuMemoryUtilization, f64::from(1 << 30) / 25_757_220_864.0),
                // two processes of servers, and one of somebody else
                (Quantity::GpuMemoryServer, f64::from(768 << 20)),
                (Quantity::GpuTemperature, 71.0),
                (Quantity::GpuClock, 210.0),
                (Quantity::GpuMemoryClock, 10501.0),
                (Quantity::GpuThrottled, 1.0),
                (Quantity::Power, 300.0),
            ])
        );
        assert_eq!(counted.readings, BTreeMap::from([(Quantity::Energy, joules)]));
    };
    // its counter goes on by 30 J with each look, of which the first was to see what there is
    of_first(60.0, read(0, 0));
    of_first(90.0, read(0, 1));
    let energy: Vec<f64> = [0, 3, 4]
        .into_iter()
        .map(|second| {
            let samples = read(1, second * 1_000_000_000);
            let [sample] = &samples[..] else { panic!("{samples:?}") };
            assert_eq!((sample.class, sample.readings[&Quantity::GpuThrottled]), (Class::Sampled, 0.0));
            assert!(
                !sample.readings.contains_key(&Quantity::GpuMemoryServer),
                "none of its processes is a server"
            );
            sample.readings[&Quantity::Energy]
        })
        .collect();
    assert_eq!(energy, [0.0, 360.0, 480.0], "120 W all the time");
}

#[test]
fn a_gpu_that_is_lost_ends_and_the_other_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut sensors, _) = find(&driver(folder.path(), &["-DLOST_AFTER=3"]), &nobody());
    assert_eq!(sensors.len(), 2);
    for at in 0..2 {
        assert!(sensors[0].read(at).is_ok() && sensors[1].read(at).is_ok());
    }
    assert_eq!(sensors[0].read(2), Err("the driver has lost it: it fell off the bus".to_owned()));
    assert_eq!(sensors[0].read(3), Err("the driver has lost it: it fell off the bus".to_owned()));
    assert!(sensors[1].read(3).is_ok());
}

#[test]
fn what_no_driver_tells_is_missing_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let none = folder.path().join("libnone.so");
    let (sensors, missing) = find(&none, &nobody());
    let why = format!("machine: no NVIDIA driver on this machine: `{}` cannot be loaded", none.display());
    assert_eq!((sensors.len(), lines(&missing)), (0, vec![why]));
    for (define, line) in [
        ("-DNO_GPU", "machine: the NVIDIA driver lists no GPU"),
        ("-DINIT=9", "machine: the NVIDIA driver is installed, and the kernel has not loaded it"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (sensors, missing) = find(&driver(folder.path(), &[define]), &nobody());
        assert_eq!((sensors.len(), lines(&missing)), (0, vec![line.to_owned()]));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (mut sensors, missing) = find(&driver(folder.path(), &["-DOLD"]), &nobody());
    assert_eq!(lines(&missing)[0], "GPU 0: memory: the NVIDIA driver is too old to tell it");
    let readings = sensors[0].read(0).expect("the rest").swap_remove(0).readings;
    assert!(readings.contains_key(&Quantity::Power) && !readings.contains_key(&Quantity::GpuMemory));
}

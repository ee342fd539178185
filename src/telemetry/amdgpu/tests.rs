use std::{fs, path::PathBuf};

use super::*;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, format!("{text}\n")).expect("a file");
}

fn card(name: &str) -> PathBuf {
    Path::new("sys/class/drm").join(name).join("device")
}

/// A card, one in a processor that has no average of its power, one of somebody else, and a socket.
fn machine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, files) in [
        (
            "card0",
            &[
                ("vendor", "0x1002"),
                ("gpu_busy_percent", "87"),
                ("mem_info_vram_used", "6442450944"),
                ("mem_info_vram_total", "25753026560"),
                ("hwmon/hwmon4/power1_average", "303000000"),
                ("hwmon/hwmon4/temp1_input", "66500"),
                ("hwmon/hwmon4/freq1_input", "2371000000"),
                ("hwmon/hwmon4/freq2_input", "1249000000"),
            ][..],
        ),
        (
            "card1",
            &[("vendor", "0x1002"), ("gpu_busy_percent", "3"), ("hwmon/hwmon5/power1_input", "15500000")],
        ),
        ("card2", &[("vendor", "0x8086"), ("gpu_busy_percent", "50")]),
        ("card3", &[("vendor", "0x1002")]),
        ("card0-DP-1", &[("vendor", "0x1002")]),
    ] {
        for (file, text) in files {
            put(folder.path(), card(name).join(file).to_str().expect("plain text"), text);
        }
    }
    folder
}

#[test]
fn cards_tell_what_they_have() {
    let machine = machine();
    let (mut sensors, missing) = find(machine.path());
    assert_eq!(
        missing,
        [Missing {
            sensor: SensorKind::Amdgpu,
            subject: Subject::Gpu("card3".to_owned()),
            why: "`/sys/class/drm/card3/device/gpu_busy_percent` is not there".to_owned()
        }]
    );
    let subjects: Vec<String> = sensors.iter().map(|sensor| sensor.subject().to_string()).collect();
    assert_eq!(subjects, ["GPU card0", "GPU card1"]);
    let mut read = |sensor: usize, at_ns| sensors[sensor].read(at_ns).expect("files").swap_remove(0);
    let first = read(0, 0);
    assert_eq!((first.sensor, first.class), (SensorKind::Amdgpu, Class::Sampled));
    assert_eq!(
        first.readings,
        BTreeMap::from([
            (Quantity::GpuUtilization, 0.87),
            (Quantity::GpuMemory, 6_442_450_944.0),
            (Quantity::GpuMemoryUtilization, 6_442_450_944.0 / 25_753_026_560.0),
            (Quantity::GpuTemperature, 66.5),
            (Quantity::GpuClock, 2371.0),
            (Quantity::GpuMemoryClock, 1249.0),
            (Quantity::Power, 303.0),
            (Quantity::Energy, 0.0),
        ])
    );
    // from 303 W to 101 W in 2 s
    put(machine.path(), "sys/class/drm/card0/device/hwmon/hwmon4/power1_average", "101000000");
    assert_eq!(read(0, 2_000_000_000).readings[&Quantity::Energy], 404.0);
    assert_eq!(
        read(1, 0).readings,
        BTreeMap::from([(Quantity::GpuUtilization, 0.03), (Quantity::Power, 15.5), (Quantity::Energy, 0.0)])
    );
}

#[test]
fn a_card_that_is_gone_ends_and_the_other_goes_on() {
    let machine = machine();
    let (mut sensors, _) = find(machine.path());
    fs::remove_file(machine.path().join(card("card0")).join("gpu_busy_percent")).expect("a file");
    let left = sensors[0].read(0).expect("the other files").swap_remove(0).readings;
    assert!(!left.contains_key(&Quantity::GpuUtilization) && left.contains_key(&Quantity::Power));
    fs::remove_dir_all(machine.path().join(card("card0"))).expect("a folder");
    let why = sensors[0].read(0).expect_err("nothing to read");
    assert!(why.starts_with("`/sys/class/drm/card0/device/") && why.ends_with("` is not there"), "{why}");
    assert!(sensors[1].read(0).is_ok());
    let none = tempfile::tempdir().expect("a folder");
    assert_eq!(find(none.path()).1[0].why, "`/sys/class/drm` is not there");
}

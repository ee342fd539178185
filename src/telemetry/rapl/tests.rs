use std::fs;

use super::*;

/// A folder with counters that can be set.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(zones: &[(&str, &str)], range: u64) -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(machine.0.path().join("sys/class/powercap/intel-rapl")).expect("a folder");
        for (zone, name) in zones {
            fs::create_dir_all(machine.place(zone, "")).expect("a folder");
            fs::write(machine.place(zone, "name"), format!("{name}\n")).expect("a file");
            fs::write(machine.place(zone, "max_energy_range_uj"), format!("{range}\n")).expect("a file");
            machine.set(zone, 0);
        }
        machine
    }

    fn place(&self, zone: &str, file: &str) -> std::path::PathBuf {
        self.0.path().join("sys/class/powercap").join(zone).join(file)
    }

    fn set(&self, zone: &str, microjoules: u64) {
        fs::write(self.place(zone, "energy_uj"), format!("{microjoules}\n")).expect("a file");
    }
}

const SERVER: &[(&str, &str)] = &[
    ("intel-rapl:0", "package-0"),
    ("intel-rapl:0:0", "core"),
    ("intel-rapl:0:1", "dram"),
    ("intel-rapl:1", "package-1"),
    ("intel-rapl:1:0", "dram"),
    ("intel-rapl:2", "psys"),
    ("intel-rapl:2:0", "dram"),
    ("intel-rapl-mmio:0", "package-0"),
];

/// Joules by `t` seconds of a power of 200 W that sways by 100 W every 20 s, from 30 W in its package's memory.
fn package(t: f64) -> f64 {
    let turn = std::f64::consts::TAU / 20.0;
    200.0 * t + 100.0 / turn * (1.0 - (turn * t).cos())
}

#[test]
fn energy_goes_on_over_wraps_and_is_the_integral_of_power() {
    // 3 kJ: the packages go around again and again within 100 s of 200 W
    let range = 3_000_000_000;
    let machine = Machine::new(SERVER, range);
    let joules = |zone: &str, t: f64| match zone {
        "intel-rapl:0" => package(t),
        "intel-rapl:1" => 50.0 * t,
        "intel-rapl:0:1" | "intel-rapl:1:0" => 30.0 * t,
        // what must not be counted
        _ => 1000.0 * t,
    };
    let set = |t: f64| {
        for (zone, _) in SERVER {
            // the counters began long ago
            machine.set(zone, (2_900_000_000 + (joules(zone, t) * 1e6) as u64) % range);
        }
    };
    set(0.0);
    let (mut sensors, missing) = find(machine.0.path());
    assert_eq!((sensors.len(), missing), (2, Vec::new()));
    let subjects: Vec<String> = sensors.iter().map(|sensor| sensor.subject().to_string()).collect();
    assert_eq!(subjects, ["package package-0", "package package-1"]);

    let mut energy = vec![Vec::new(); 2];
    for second in 0..=100_u64 {
        set(second as f64);
        for (sensor, energy) in sensors.iter_mut().zip(&mut energy) {
            let samples = sensor.read(second * 1_000_000_000).expect("a counter");
            let [sample] = &samples[..] else { panic!("{samples:?}") };
            assert_eq!((sample.sensor, sample.class), (SensorKind::Rapl, Class::Counter));
            let power = sample.readings.get(&Quantity::Power).copied();
            assert_eq!(power.is_some(), second > 0, "the first reading has no power");
            energy.push((sample.readings[&Quantity::Energy], power.unwrap_or_default()));
        }
    }
    for (energy, whole) in
        energy.iter().zip([&|t| package(t) + 30.0 * t, &|t| 80.0 * t] as [&dyn Fn(f64) -> f64; 2])
    {
        // windows of 10 s and of all, none of which ends where a wrap is
        for (from, to) in (0..10).map(|window| (window * 10, window * 10 + 10)).chain([(0, 100)]) {
            let (used, true_) = (energy[to].0 - energy[from].0, whole(to as f64) - whole(from as f64));
            assert!((used / true_ - 1.0).abs() < 0.01, "{from} to {to} s: {used} J of {true_}");
            let mean = energy[from + 1..=to].iter().map(|(_, power)| power).sum::<f64>() / (to - from) as f64;
            assert!((mean * (to - from) as f64 / true_ - 1.0).abs() < 0.01, "{mean} W");
        }
        assert!(energy.is_sorted_by(|one, other| one.0 < other.0));
    }
}

#[test]
fn a_reading_of_the_same_moment_has_no_power() {
    let machine = Machine::new(&SERVER[..1], 1000);
    let (mut sensors, _) = find(machine.0.path());
    for _ in 0..2 {
        let samples = sensors[0].read(5).expect("a counter");
        assert_eq!(samples[0].readings, BTreeMap::from([(Quantity::Energy, 0.0)]));
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let why = |machine: &Machine| {
        let (sensors, missing) = find(machine.0.path());
        let missing: Vec<_> = missing.into_iter().map(|missing| (missing.subject, missing.why)).collect();
        (sensors.len(), missing)
    };
    // a virtual machine, one without the driver, and one package of two
    let empty = Machine::new(&[], 1);
    let words = "`/sys/class/powercap` has no energy counter of a processor, as in most virtual machines";
    assert_eq!(why(&empty), (0, vec![(Subject::Machine, words.to_owned())]));
    let none = Machine(tempfile::tempdir().expect("a folder"));
    assert_eq!(why(&none), (0, vec![(Subject::Machine, "`/sys/class/powercap` is not there".to_owned())]));
    let half = Machine::new(SERVER, 1000);
    fs::remove_file(half.place("intel-rapl:1:0", "energy_uj")).expect("a file");
    let words = "`/sys/class/powercap/intel-rapl:1:0/energy_uj` is not there";
    assert_eq!(why(&half), (1, vec![(Subject::Package("package-1".to_owned()), words.to_owned())]));
    assert_eq!(
        with_fix("no permission to read `/sys/class/powercap/intel-rapl:0/energy_uj`".to_owned()),
        "no permission to read `/sys/class/powercap/intel-rapl:0/energy_uj`, which only root may: `sudo chmod a+r \
         /sys/class/powercap/intel-rapl:*/energy_uj` lets everybody, until the next start"
    );
    // one that goes away in the middle ends
    let machine = Machine::new(&SERVER[..1], 1000);
    let (mut sensors, _) = find(machine.0.path());
    fs::remove_file(machine.place("intel-rapl:0", "energy_uj")).expect("a file");
    assert_eq!(
        sensors[0].read(0),
        Err("`/sys/class/powercap/intel-rapl:0/energy_uj` is not there".to_owned())
    );
}

//! `scenario hardware` on recorded machines, and on GPUs of a library that speaks NVML.
//!
//! A machine is a file of `tests/machines`: below `== PATH` stands the text of a file, `== PATH -> TARGET` is a link.

#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::kit::{Bench, Done};

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Lays out a recorded machine in the bench's folder `NAME`.
fn lay_out(bench: &Bench, name: &str) {
    let text = fs::read_to_string(source(&format!("machines/{name}.tree"))).unwrap();
    for file in text.split("\n== ").skip(1) {
        let (head, text) = file.split_once('\n').unwrap_or((file, ""));
        let (path, target) =
            head.split_once(" -> ").map_or((head, None), |(path, target)| (path, Some(target)));
        let path = bench.path(name).join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match target {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, format!("{text}\n")).unwrap(),
        }
    }
}

/// Builds `tests/nvml.c` as a library in the bench's folder; `defines` choose the driver.
fn driver(bench: &Bench, defines: &[&str]) -> String {
    let library = bench.path("libnvml.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source("nvml.c")).args(defines);
    let done: Done = compiler.output().unwrap().into();
    done.expect_code(0);
    library.to_str().unwrap().to_owned()
}

/// What is printed for a machine and a library.
fn text(bench: &Bench, machine: &str, nvml: &str) -> String {
    bench.run(&["hardware", "--root", machine, "--nvml", nvml]).expect_code(0).stdout
}

fn json(bench: &Bench, machine: &str, nvml: &str) -> Value {
    let done = bench.run(&["hardware", "--root", machine, "--nvml", nvml, "--json"]).expect_code(0);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn every_recorded_machine_is_told_with_what_it_lacks() {
    let folder = source("machines");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".tree").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    let schema = fs::read_to_string(source("../schemas/hardware.schema.json")).unwrap();
    let schema = jsonschema::draft7::new(&serde_json::from_str(&schema).unwrap()).unwrap();

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for name in names {
        let bench = Bench::new();
        lay_out(&bench, &name);
        let told = text(&bench, &name, "./libnone.so");
        let document = json(&bench, &name, "./libnone.so");
        assert!(schema.is_valid(&document), "{document:#}");
        let missing = document["machine"]["missing"].as_array().unwrap();
        let lines = told.lines().skip_while(|line| *line != "not known").skip(1);
        assert_eq!(lines.count(), missing.len(), "a line for everything that is missing: {told}");
        settings.bind(|| {
            insta::assert_snapshot!(name.as_str(), told);
            insta::assert_snapshot!(format!("{name}.json"), format!("{document:#}"));
        });
    }
}

#[test]
fn gpus_of_nvidia_are_told_one_by_one() {
    let bench = Bench::new();
    lay_out(&bench, "bare_metal");
    let told = text(&bench, "bare_metal", &driver(&bench, &[]));
    let gpus = |line: &&str| line.contains("GPU") || line.contains("charts say");
    insta::assert_snapshot!(told.lines().filter(gpus).collect::<Vec<_>>().join("\n"), @"
    GPU 0       NVIDIA GeForce RTX 4090, 24.0 GiB, held to 450 W, 3.10 GHz at most, its memory 10.50 GHz, 210 MHz now, driver 550.54.15, CUDA 12.4
    GPU 2       NVIDIA GeForce RTX 4090, 24.0 GiB, 3.10 GHz at most, its memory 10.50 GHz, 210 MHz now, driver 550.54.15, CUDA 12.4
    charts say  2× RTX 4090 24 GB · Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz, 8 cores · 503.8 GiB RAM · Ubuntu 22.04
    AMD GPUs              `/sys/class/drm` lists none
    GPU 1                 the driver has lost it: it fell off the bus
    power limit of GPU 2  the device does not tell it
    ");
}

#[test]
fn a_driver_that_tells_little_is_no_end() {
    for (defines, memory, why) in [
        (&["-DNO_GPU"][..], false, "the NVIDIA driver lists no GPU"),
        (&["-DINIT=9"], false, "the NVIDIA driver is installed, and the kernel has not loaded it"),
        (&["-DINIT=4"], false, "no permission to ask the NVIDIA driver"),
        (&["-DINIT=17"], false, "the system keeps this process from the GPU (cgroups)"),
        (
            &["-DINIT=18"],
            false,
            "the NVIDIA driver's library and its kernel module are of different versions: restart the machine",
        ),
        (&["-DOLD"], true, "the NVIDIA driver is too old to tell it"),
    ] {
        let bench = Bench::new();
        lay_out(&bench, "kvm");
        let document = json(&bench, "kvm", &driver(&bench, defines));
        let machine = &document["machine"];
        let missing = machine["missing"].as_array().unwrap();
        let of_driver: Vec<&Value> = missing.iter().filter(|missing| missing["source"] == "nvml").collect();
        assert_eq!(of_driver[0]["why"], why, "{document:#}");
        // all else is there, and what is not is no zero
        assert_eq!(machine["cpu"], "QEMU Virtual CPU version 2.5+");
        let gpus = machine["gpus"].as_array().unwrap();
        assert_eq!(gpus.len(), if memory { 2 } else { 0 }, "{document:#}");
        assert!(gpus.iter().all(|gpu| gpu["memory_bytes"].is_null() && gpu["max_clock_mhz"] == 3105));
    }
}

use super::*;

fn gpu(name: &str, memory_bytes: Option<u64>) -> Gpu {
    Gpu { name: name.to_owned(), memory_bytes, ..Gpu::default() }
}

#[test]
fn the_line_names_gpus_cpu_memory_and_system() {
    let machine = Machine {
        os_version: "Ubuntu 22.04".to_owned(),
        cpu: "AMD EPYC 7763".to_owned(),
        cores: 16,
        memory_bytes: Some(64 << 30),
        gpus: vec![gpu("NVIDIA GeForce RTX 4090", Some(24 << 30))],
        ..Machine::default()
    };
    assert_eq!(
        machine.line("Vast.ai"),
        "Vast.ai · RTX 4090 24 GB · AMD EPYC 7763, 16 cores · 64.0 GiB RAM · Ubuntu 22.04"
    );
    // GPUs alike are counted; what is not known is left out, and what a container may not have is told
    let card = || gpu("NVIDIA L40S", Some(48 << 30));
    let other = Machine {
        gpus: vec![card(), card(), gpu("NVIDIA GB10", None)],
        limits: Some(CgroupLimits { cgroup: 2, cpus: Some(4.0), memory_bytes: Some(16 << 30) }),
        ..machine
    };
    assert_eq!(
        other.line(""),
        "2× L40S 48 GB · GB10 · AMD EPYC 7763, 16 cores · 16.0 GiB of 64.0 GiB RAM · Ubuntu 22.04"
    );
    let unknown = Machine { arch: "riscv64".to_owned(), cores: 1, ..Machine::default() };
    assert_eq!(unknown.line(""), "riscv64, 1 core");
}

#[test]
fn this_machine_has_cores_and_memory() {
    let machine = Machine::detect();
    assert!(machine.cores > 0 && machine.memory_bytes > Some(0));
    assert_eq!(machine.gpus.is_empty(), !machine.without_gpus().is_empty());
}

/// Files of the kernel against `sysinfo` and the standard library, which ask it by calls.
#[cfg(target_os = "linux")]
#[test]
fn two_accounts_of_this_machine_agree() {
    let by_files = linux::look(std::path::Path::new("/"), &mut Notes::default());
    let by_calls = portable::look(&mut Notes::default());
    assert_eq!(by_files.cores, by_calls.cores);
    assert_eq!(by_files.logical_cores, by_calls.logical_cores);
    assert_eq!(by_files.physical_cores, by_calls.physical_cores);
    assert_eq!(by_files.memory_bytes, by_calls.memory_bytes);
    assert_eq!(by_files.swap_bytes, by_calls.swap_bytes);
    let texts = |machine: &Machine| {
        [&machine.os, &machine.os_version, &machine.kernel, &machine.arch].map(String::clone)
    };
    assert_eq!(texts(&by_files), texts(&by_calls));
    if by_files.arch == "x86_64" {
        assert_eq!(by_files.cpu, by_calls.cpu);
    }
}

#[test]
fn sysctl_tells_of_an_apple_chip_and_of_one_of_intels() {
    for (text, cores, mhz, product, virtual_machine, missing) in [
        (
            "hw.ncpu: 12\nhw.perflevel0.physicalcpu: 8\nhw.perflevel1.physicalcpu: 4\nhw.model: Mac14,6\nkern.hv_vmm_present: 0\n",
            (Some(8), Some(4)),
            None,
            Some("Apple Mac14,6"),
            Some(false),
            &["CPU frequency"][..],
        ),
        (
            "hw.cpufrequency_max: 2600000000\nhw.model: MacBookPro16,1\nkern.hv_vmm_present: 1\n",
            (None, None),
            Some(2600),
            Some("Apple MacBookPro16,1"),
            Some(true),
            &[],
        ),
        ("", (None, None), None, None, None, &["CPU frequency", "product", "virtual machine"]),
    ] {
        let (mut machine, mut notes) = (Machine::default(), Notes::default());
        sysctl::add(&mut machine, text, &mut notes);
        assert_eq!((machine.performance_cores, machine.efficiency_cores), cores);
        assert_eq!((machine.cpu_max_mhz, machine.product.as_deref()), (mhz, product));
        assert_eq!(machine.virtual_machine, virtual_machine);
        let notes: Vec<Missing> = notes.into();
        assert_eq!(notes.iter().map(|missing| missing.what.as_str()).collect::<Vec<_>>(), missing);
    }
}

#[test]
fn a_machine_of_an_older_version_is_read() {
    let text = r#"{ "os": "linux", "os_version": "Debian GNU/Linux 12", "kernel": "6.1", "arch": "x86_64", "cpu": "A CPU", "cores": 2,
        "memory_bytes": 1024, "gpus": [{ "name": "NVIDIA L4", "memory_bytes": 2048, "driver": "550.54" }], "gpu_note": "" }"#;
    let machine: Machine = serde_json::from_str(text).expect("the fields that there were");
    assert_eq!((machine.memory_bytes, machine.gpus[0].memory_bytes), (Some(1024), Some(2048)));
    assert_eq!((machine.gpus[0].vendor, machine.limits, machine.missing), (Vendor::Nvidia, None, Vec::new()));
}

/// A system of these files and nothing else, and what it does not tell.
#[cfg(target_os = "linux")]
fn linux_of(files: &[(&str, &str)]) -> (Machine, Vec<Missing>) {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder in it");
        std::fs::write(path, text).expect("a file");
    }
    let mut notes = Notes::default();
    let machine = linux::look(folder.path(), &mut notes);
    (machine, notes.into())
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_one_controller_stands_without_the_other() {
    let mounts = |controller: &str| {
        format!("30 20 0:26 / /sys/fs/cgroup/{controller} rw - cgroup cgroup rw,{controller}\n")
    };
    let limited = [
        ("proc/self/cgroup", "4:cpu,cpuacct:/\n7:memory:/\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824"),
    ];
    let with = |mounts: &str| linux_of(&[&limited[..], &[("proc/self/mountinfo", mounts)]].concat());
    for (controller, cpus, memory_bytes, lacks) in [
        ("cpu", Some(2.5), None, "memory limit of the cgroup"),
        ("memory", None, Some(1 << 30), "CPU limit of the cgroup"),
    ] {
        let (machine, missing) = with(&mounts(controller));
        assert_eq!(machine.limits, Some(CgroupLimits { cgroup: 1, cpus, memory_bytes }));
        let of_cgroup: Vec<&str> = missing
            .iter()
            .filter(|missing| missing.source == Source::Cgroup)
            .map(|missing| missing.what.as_str())
            .collect();
        assert_eq!(of_cgroup, [lacks]);
    }
    let (machine, missing) = with("30 20 0:26 / /elsewhere rw - tmpfs tmpfs rw\n");
    assert_eq!(machine.limits, None);
    assert_eq!(missing.iter().filter(|missing| missing.source == Source::Cgroup).count(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn the_domain_that_controls_xen_is_no_guest() {
    for (capabilities, virtual_machine, hypervisor) in
        [("control_d", Some(false), None), ("", Some(true), Some("Xen"))]
    {
        let files = [("sys/hypervisor/type", "xen"), ("proc/xen/capabilities", capabilities)];
        let (machine, _) = linux_of(&files);
        assert_eq!((machine.virtual_machine, machine.hypervisor.as_deref()), (virtual_machine, hypervisor));
    }
}

#[test]
fn a_cgroup_bounds_what_there_is_and_caches_are_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("proc/meminfo", "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable: 5000 kB\n");
    let memory = |total: u64, available: u64| {
        Ok(Memory { total_bytes: total << 10, available_bytes: available << 10 })
    };
    assert_eq!(Memory::below(folder.path()), memory(8000, 5000), "no cgroups");

    write("proc/self/cgroup", "0::/a/b\n");
    write("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    write("sys/fs/cgroup/a/b/memory.max", "max\n");
    write("sys/fs/cgroup/a/b/memory.current", "1024\n");
    assert_eq!(Memory::below(folder.path()), memory(8000, 5000), "no limit");

    write("sys/fs/cgroup/a/memory.max", &(4000 << 10).to_string());
    write("sys/fs/cgroup/a/memory.current", &(3000 << 10).to_string());
    write("sys/fs/cgroup/a/memory.stat", &format!("anon 7\ninactive_file {}\n", 500 << 10));
    assert_eq!(Memory::below(folder.path()), memory(4000, 1500), "the limit of the group around it");

    write("proc/self/cgroup", "4:memory:/c\n");
    write("proc/self/mountinfo", "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    write("sys/fs/cgroup/memory/c/memory.limit_in_bytes", &(2000 << 10).to_string());
    write("sys/fs/cgroup/memory/c/memory.usage_in_bytes", &(900 << 10).to_string());
    write("sys/fs/cgroup/memory/c/memory.stat", &format!("total_inactive_file {}\n", 100 << 10));
    assert_eq!(Memory::below(folder.path()), memory(2000, 1200), "version 1");

    write("proc/meminfo", "MemTotal: 8000 kB\n");
    let words = Memory::below(folder.path()).expect_err("an old kernel");
    assert_eq!(words, "`/proc/meminfo` has no `MemAvailable`");
}

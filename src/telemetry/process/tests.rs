//! Processes of servers on trees of files with known content, and children of the test itself.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use http::HeaderMap;

use super::*;
use crate::{config::MetricsPages, machine::kibibytes};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// A process with a name that is meant to confuse, in a tree.
fn process(root: &Path, pid: u32, parent: u32, ticks: (u64, u64), kibibytes: Option<(u64, u64)>) {
    let (user, system) = ticks;
    let stat =
        format!("{pid} (a) S 1 (b) S {parent} {pid} {pid} 0 -1 0 1 2 3 4 {user} {system} 7 8 20 0 1 0 5\n");
    write(root, &format!("proc/{pid}/stat"), &stat);
    let memory =
        kibibytes.map_or(String::new(), |(now, most)| format!("VmHWM:\t{most} kB\nVmRSS:\t {now} kB\n"));
    write(root, &format!("proc/{pid}/status"), &format!("Name:\ta\n{memory}Threads:\t1\n"));
}

/// The sensor of the server of an endpoint.
fn main<P: Processes>(processes: Result<P, String>) -> ServerSensor<P> {
    ServerSensor::new(vec!["main".to_owned()], processes.expect("a process"), &Members::default())
}

/// The readings of a moment.
fn read(sensor: &mut dyn Sensor, at_ns: u64) -> BTreeMap<Quantity, f64> {
    let samples = sensor.read(at_ns).expect("a reading");
    assert!(samples.iter().all(|sample| sample.subject == Subject::Server(vec!["main".to_owned()])));
    samples.into_iter().flat_map(|sample| sample.readings).collect()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_server_is_read_with_all_its_children() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    process(root, 10, 1, (100, 50), Some((1000, 1500)));
    process(root, 11, 10, (10, 0), Some((200, 300)));
    process(root, 12, 11, (0, 0), Some((30, 40)));
    process(root, 99, 1, (1_000_000, 0), Some((1_000_000, 1_000_000)));
    let mut sensor = main(tree::Tree::open(&[10], root));
    assert_eq!(
        read(&mut sensor, 0),
        BTreeMap::from([
            (Quantity::ServerMemory, 1230.0 * 1024.0),
            (Quantity::ServerMemoryPeak, 1840.0 * 1024.0),
        ]),
        "what it used before nobody asked"
    );

    // 150 ticks of a hundredth of a second in half a second: three processors' worth
    process(root, 10, 1, (150, 100), Some((900, 1500)));
    process(root, 11, 10, (60, 0), Some((200, 300)));
    let half = read(&mut sensor, SECOND / 2);
    assert_eq!((half[&Quantity::ServerCpu], half[&Quantity::ServerMemory]), (3.0, 1130.0 * 1024.0));

    // a child came, whose work counts from its beginning, and one has ended and waits to be noticed
    process(root, 13, 12, (25, 25), Some((8, 8)));
    process(root, 11, 10, (60, 0), None);
    let later = read(&mut sensor, SECOND + SECOND / 2);
    assert_eq!((later[&Quantity::ServerCpu], later[&Quantity::ServerMemory]), (0.5, 938.0 * 1024.0));
}

#[test]
fn children_are_found_by_their_list_where_the_kernel_keeps_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    process(root, 10, 1, (0, 0), Some((1, 1)));
    for (pid, task, children) in
        [(10, 10, "11 "), (10, 15, "12 13"), (11, 11, ""), (12, 12, "14"), (13, 13, ""), (14, 14, "")]
    {
        process(root, pid, 1, (0, 0), Some((1, 1)));
        write(root, &format!("proc/{pid}/task/{task}/children"), children);
    }
    let mut sensor = main(tree::Tree::open(&[10], root));
    assert_eq!(read(&mut sensor, 0)[&Quantity::ServerMemory], 5.0 * 1024.0);
}

#[test]
fn a_server_that_ends_is_missing_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    assert_eq!(tree::Tree::open(&[10], root).err().as_deref(), Some("`/proc/10/stat` is not there"));
    process(root, 10, 1, (0, 0), Some((1, 1)));
    let mut sensor = main(tree::Tree::open(&[10], root));
    read(&mut sensor, 0);
    // what the files of a process that has ended say is nothing
    write(root, "proc/10/stat", "");
    assert_eq!(sensor.read(1), Err("its processes have ended".to_owned()));
}

#[test]
#[cfg(unix)]
fn a_server_is_found_by_its_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let socket = |inode: u32| {
        format!(
            "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1\n"
        )
    };
    let of = |url: &str| listener::of_url(url, root);
    assert_eq!(of("http://127.0.0.1:8080/v1"), Err("`/proc/net/tcp` is not there".to_owned()));
    write(root, "proc/net/tcp", &socket(42));
    assert!(of("http://127.0.0.1:8080/v1").is_err_and(|why| why.contains("belongs to somebody else")));
    // a server with two workers that have its socket, the second of which has another number's parent
    for (pid, parent, open) in [(10, 1, 42), (11, 10, 42), (12, 10, 43), (9, 10, 42)] {
        process(root, pid, parent, (0, 0), None);
        let link = root.join(format!("proc/{pid}/fd/7"));
        fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
        std::os::unix::fs::symlink(format!("socket:[{open}]"), link).expect("a link");
    }
    assert_eq!(of("http://localhost:8080/v1"), Ok(vec![10]));
    assert_eq!(of("http://localhost:8081/v1"), Ok(Vec::new()), "nobody");
    // what only hands on is not the server
    for (name, told) in [("docker-proxy\n", "`docker-proxy`"), ("pasta.avx2\n", "`pasta`")] {
        write(root, "proc/10/comm", name);
        assert!(of("http://localhost:8080/v1").is_err_and(|why| why.contains(told)), "{name}");
    }

    let server = |url: &str, pid| Server {
        endpoint: "main".to_owned(),
        url: url.to_owned(),
        pid,
        pages: MetricsPages::Off,
        headers: HeaderMap::new(),
        tls: None,
    };
    let members = Members::default();
    let (sensors, missing) = find(&[vec![&server("http://10.0.0.7:8080/v1", None)]], root, &members);
    assert!(sensors.is_empty() && missing.is_empty(), "it is on another machine");
    if cfg!(target_os = "linux") {
        let (sensors, missing) = find(&[vec![&server("http://10.0.0.7:8080/v1", Some(10))]], root, &members);
        assert!(sensors.len() == 1 && missing.is_empty(), "{missing:?}");
        let (_, missing) = find(&[vec![&server("http://[::1]:8080/v1", None)]], root, &members);
        assert!(missing[0].why.ends_with("`endpoints.main.pid` names its process"), "{missing:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_server_that_comes_later_or_again_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let listens = |is: bool| {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 42 1\n";
        write(root, "proc/net/tcp", if is { line } else { "" });
    };
    let starts = |pid: u32, kibibytes: u64| {
        process(root, pid, 1, (0, 0), Some((kibibytes, kibibytes)));
        let link = root.join(format!("proc/{pid}/fd/7"));
        fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
        std::os::unix::fs::symlink("socket:[42]", link).expect("a link");
    };
    listens(false);
    let members = Members::default();
    let mut sensor = listening::Listening::open(
        vec!["main".to_owned()],
        "http://127.0.0.1:8080/v1".to_owned(),
        &[],
        root,
        &members,
    )
    .expect("it may come");
    assert_eq!(sensor.read(0), Ok(Vec::new()));
    let missing = sensor.missing();
    assert!(missing.len() == 1 && missing[0].contains("nothing listens on port 8080"), "{missing:?}");

    listens(true);
    starts(10, 100);
    assert_eq!(sensor.read(SECOND), Ok(Vec::new()), "it is not looked for all the time");
    assert_eq!(read(&mut sensor, 3 * SECOND)[&Quantity::ServerMemory], 100.0 * 1024.0);
    assert!(sensor.found() && !sensor.found() && sensor.missing().is_empty());
    assert_eq!(members.all(), [10]);

    // it ends, and another process takes its place
    write(root, "proc/10/stat", "");
    listens(false);
    let gone = (4..40).find(|at| sensor.read(at * SECOND) == Ok(Vec::new())).expect("an end");
    assert_eq!(sensor.missing(), ["its processes have ended"]);
    assert_eq!(members.all(), [0; 0]);
    // that nobody can look is told once, and is no word on the server
    fs::remove_file(root.join("proc/net/tcp")).expect("a file");
    assert_eq!(sensor.read((gone + 2) * SECOND), Ok(Vec::new()));
    assert_eq!(sensor.missing(), ["`/proc/net/tcp` is not there"]);
    assert_eq!(sensor.read((gone + 4) * SECOND), Ok(Vec::new()));
    assert!(sensor.missing().is_empty());
    listens(true);
    fs::remove_dir_all(root.join("proc/10")).expect("a folder");
    starts(20, 300);
    assert_eq!(read(&mut sensor, (gone + 6) * SECOND)[&Quantity::ServerMemory], 300.0 * 1024.0);
    assert!(sensor.found() && sensor.missing().is_empty());
}

/// Ends a child with its own children, whatever becomes of the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        use nix::{
            sys::signal::{Signal, killpg},
            unistd::Pid,
        };
        let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

fn shell(script: &str) -> Ends {
    let mut command = Command::new("sh");
    let command = command.args(["-c", script]).process_group(0);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Ends(child.expect("a shell"))
}

/// Processor time of processes by the kernel: in ticks of a hundredth of a second, and as the scheduler counts it in nanoseconds.
#[cfg(target_os = "linux")]
fn by_kernel(pids: &[u32]) -> (u64, u64) {
    let of = |pid: &u32| {
        let text = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let stat = text("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>().expect("ticks") + fields[12].parse::<u64>().expect("ticks");
        (ticks, text("schedstat").split_whitespace().next().map_or(0, |ns| ns.parse().expect("nanoseconds")))
    };
    let sum = |(ticks, ns): (u64, u64), (more, longer): (u64, u64)| (ticks + more, ns + longer);
    pids.iter().map(of).fold((0, 0), sum)
}

/// The work of a child of a child is what the kernel accounts for both between the same two readings: by its ticks exactly, and within
/// two percent by the scheduler's own count, however much of a processor others leave it.
#[test]
#[cfg(target_os = "linux")]
fn a_busy_child_is_read_as_the_kernel_accounts_for_it() {
    let root = Path::new("/");
    let busy = shell("while :; do :; done & wait");
    let pid = busy.0.id();
    let begun = std::time::Instant::now();
    let child = loop {
        let mut all = tree::all(root).expect("processes").into_iter();
        if let Some(child) = all.find(|other| tree::parent_of(root, *other) == Some(pid)) {
            break child;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no child");
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut sensor = main(tree::Tree::open(&[pid], root));
    let (mut worked, mut last_ns) = (0.0, 0);
    // what it has worked by now, where no tick came while that was read
    let mut look = || {
        let before = by_kernel(&[pid, child]);
        let at_ns = begun.elapsed().as_nanos() as u64;
        let readings = read(&mut sensor, at_ns);
        worked += readings.get(&Quantity::ServerCpu).unwrap_or(&0.0) * (at_ns - last_ns) as f64 / 1e9;
        last_ns = at_ns;
        let peak = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
            kibibytes(&status, "VmHWM").expect("a peak") as f64
        };
        assert!(readings[&Quantity::ServerMemoryPeak] <= peak(pid) + peak(child), "both together");
        (by_kernel(&[pid, child]).0 == before.0).then_some((worked, before))
    };
    let mut first = None;
    let (seconds, ticks, ns) = loop {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never worked for long");
        if let Some((worked, (ticks, ns))) = look() {
            let (worked_before, ticks_before, ns_before) = *first.get_or_insert((worked, ticks, ns));
            // a tick is a hundredth of a second, so that an error of one is less than half a percent of this
            if ticks - ticks_before >= 250 {
                break (worked - worked_before, ticks - ticks_before, ns - ns_before);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let near = |kernel: f64| (seconds / kernel - 1.0).abs();
    assert!(near(ticks as f64 / 100.0) < 1e-6, "{seconds} s by samples, {ticks} ticks by the kernel");
    // a kernel without the scheduler's statistics tells 0
    assert!(ns == 0 || near(ns as f64 / 1e9) < 0.02, "{seconds} s by samples, {ns} ns by the scheduler");
}

/// What a process has is what the kernel says of it, and `ps`.
#[test]
#[cfg(target_os = "linux")]
fn a_childs_memory_is_what_the_kernel_and_ps_say() {
    // one that holds 20 MB, and then rests until it is killed
    let idle = shell("x=$(head -c 20000000 /dev/zero | tr '\\0' a); kill -STOP $$");
    let pid = idle.0.id();
    let begun = std::time::Instant::now();
    while !fs::read_to_string(format!("/proc/{pid}/stat")).expect("a stat").contains(") T ") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never rested");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut sensor = main(tree::Tree::open(&[pid], Path::new("/")));
    let readings = read(&mut sensor, 0);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
    let bytes = |key| kibibytes(&status, key).map(|bytes| bytes as f64);
    assert_eq!(readings.get(&Quantity::ServerMemoryPeak).copied(), bytes("VmHWM"));
    assert_eq!(readings.get(&Quantity::ServerMemory).copied(), bytes("VmRSS"));
    let memory = readings[&Quantity::ServerMemory];
    assert!(memory > 20e6, "{memory}");
    // not every machine has it
    if let Ok(said) = Command::new("ps").args(["-o", "rss=", "-p", &pid.to_string()]).output() {
        let said = String::from_utf8_lossy(&said.stdout).trim().parse::<f64>().expect("kibibytes") * 1024.0;
        assert!((memory / said - 1.0).abs() < 0.02, "{memory} by the sensor, {said} by `ps`");
    }

    let members = Members::default();
    let listed = portable::Listed::open(&[pid]).expect("a process");
    let mut other = ServerSensor::new(vec!["main".to_owned()], listed, &members);
    let by_other = read(&mut other, 0)[&Quantity::ServerMemory];
    assert!((by_other / memory - 1.0).abs() < 0.02, "{by_other}");
    assert_eq!(members.all(), [pid]);
}

/// Who listens on a port of the test is the test.
#[test]
#[cfg(target_os = "linux")]
fn this_process_is_found_by_its_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let found = listener::of_url(&format!("http://127.0.0.1:{port}/v1"), Path::new("/"));
    assert_eq!(found, Ok(vec![std::process::id()]));
}

use super::*;
use crate::metrics::fixture;

#[test]
fn a_log_keeps_its_beginning_and_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.log");
    let mut log = ServiceLog::open(&path).expect("a log");
    log.write(b"first\n");
    let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
    // 40 MiB: 32 are written, 1 is kept of the end
    for _ in 0..40 << 10 {
        log.write(&line);
    }
    log.write(b"last\n");
    log.finish();
    let text = fs::read_to_string(&path).expect("the log");
    assert!(text.starts_with("first\nxxx") && text.ends_with("x\nlast\n"));
    let (before, rest) = text.split_once('[').expect("a gap");
    let (left_out, end) = rest.split_once(" bytes left out]\n").expect("how large it is");
    let left_out: usize = left_out.parse().expect("a number");
    assert_eq!(before.len() + left_out + end.len(), "first\nlast\n".len() + (40 << 20));
    assert_eq!(end.len(), END);
}

#[test]
fn what_a_disk_refuses_is_counted() {
    // nothing can be written to it, whoever asks
    let path = Path::new("/dev/full");
    if !path.exists() {
        return;
    }
    let mut log = ServiceLog::open(path).expect("a log");
    log.write(b"one\n");
    assert_eq!((log.room, log.end.len()), (0, 4));
    log.write(b"two\n");
    log.finish();
}

#[test]
fn logs_move_into_the_run_and_are_found_there() {
    let results = tempfile::tempdir().expect("a folder");
    let plan = fixture::plan(&["main"], vec![fixture::closed("load", 1, 1)]);
    let now = OffsetDateTime::UNIX_EPOCH;
    let mut logs = ServiceLogs::create(results.path(), &plan, now).expect("a folder for logs");
    let mut log = ServiceLog::open(&logs.path("server")).expect("a log");
    log.write(b"one\ntwo\n");
    let run = results.path().join("runs/this");
    fs::create_dir_all(&run).expect("a run");
    logs.move_into(&run).expect("moved");
    log.write(b"\nthree\n");
    assert_eq!(logs.last_lines("server", 2), ["two", "three"]);
    assert_eq!(fs::read_to_string(run.join("services/server.log")).expect("a log"), "one\ntwo\n\nthree\n");
    assert!(!results.path().join("services").exists(), "nothing is left behind");
    assert_eq!(logs.last_lines("other", 2), Vec::<String>::new());
}

#[test]
fn logs_of_a_run_that_never_began_can_go() {
    let results = tempfile::tempdir().expect("a folder");
    let plan = fixture::plan(&["main"], vec![fixture::closed("load", 1, 1)]);
    let [first, second] = [(); 2].map(|()| {
        ServiceLogs::create(results.path(), &plan, OffsetDateTime::UNIX_EPOCH).expect("a folder for logs")
    });
    assert_ne!(first.path("a"), second.path("a"));
    first.remove();
    assert!(results.path().join("services").exists(), "another run is starting");
    second.remove();
    assert_eq!(fs::read_dir(results.path()).expect("a folder").count(), 0);
}

//! `scenario tune`: the best concurrency of a run, written into a server's own configuration.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use crate::kit::{Bench, Done};

/// A folder with a run of a ladder in it.
struct Tuned {
    bench: Bench,
    run: String,
}

const LADDER: &str = "version = 1\nname = \"ladder\"\n[endpoints.main]\nurl = \"sim:fast\"\nworkload = \"main\"\n\
                      [sims.fast]\nextends = \"rtx_4090\"\nstep_base = \"1ms\"\n\
                      [workloads.main.synthetic]\nprompt_tokens.constant = 8\noutput_tokens.constant = 4\n";

impl Tuned {
    fn new(phases: &str) -> Self {
        let bench = Bench::new();
        let file = bench.file("ladder.toml", &format!("{LADDER}{phases}"));
        bench.run(&["run", &file, "--quiet"]).expect_code(0);
        let run = bench.only_run().folder.to_str().unwrap().to_owned();
        Self { bench, run }
    }

    fn tune(&self, file: &str, key: &str, more: &[&str]) -> Done {
        self.bench.run(&[&["tune", &self.run, "--write", file, "--key", key], more].concat())
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.bench.path(file)).unwrap()
    }

    /// The names in the folder that begin with that of a file, without the file itself.
    fn beside(&self, file: &str) -> Vec<String> {
        let names = fs::read_dir(self.bench.path("")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != file && name.contains(file)).collect();
        names.sort();
        names
    }
}

fn one_ladder() -> Tuned {
    Tuned::new("[phases.ladder]\nrequests = 10\nload.closed = { users = [1, 3] }\n")
}

/// Configuration files as they are out there, in `tests/tune/`, with a key and what stands there.
const FILES: [(&str, &str, &str); 21] = [
    ("litellm.yaml", "model_list[1].litellm_params.max_parallel_requests", "64"),
    ("litellm.yaml", "general_settings.max_parallel_requests", "64"),
    ("vllm.yaml", "max-num-seqs", "256"),
    ("compose.yaml", "services.vllm.command[5]", "64"),
    ("compose.yaml", "services.vllm.environment.MAX_NUM_SEQS", "64"),
    ("helm-values.yaml", "llm.maxConcurrentRequests", "32"),
    ("kubernetes.yaml", "spec.template.spec.containers[0].env[1].value", "16"),
    ("kubernetes.yaml", "spec.template.spec.containers.0.args.3", "16"),
    ("anchors.yaml", "production.llm.max_concurrent_requests", "8"),
    ("anchors.yaml", "defaults.llm.max_concurrent_requests", "8"),
    ("flow.yaml", "llm.max_concurrent_requests", "8"),
    ("flow.yaml", "pools[1].limit", "8"),
    ("quotes.yaml", "llm.max_concurrent_requests", "8"),
    ("blocks.yaml", "llm.max_concurrent_requests", "8"),
    ("windows.yaml", "server.limits.max", "8"),
    ("gateway.yaml", "upstreams[1].limits.concurrent", "0x08"),
    ("server.toml", "llm.max_concurrent_requests", "1_024"),
    ("server.toml", "llm.adapters[1].options.\"max.parallel\"", "8"),
    ("settings.json", "llm.max_concurrent_requests", "8"),
    ("settings.jsonc", "llm.max_concurrent_requests", "8"),
    ("settings.jsonc", "queue", "null"),
];

#[test]
fn only_the_value_changes() {
    let tuned = one_ladder();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tune");
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(FILES.iter().any(|(file, ..)| *file == name), "{name} is used");
    }
    let mut found = None;
    for (file, key, old) in FILES {
        let before = fs::read_to_string(folder.join(file)).unwrap();
        tuned.bench.file(file, &before);
        let done = tuned.tune(file, key, &[]).expect_code(0);
        let after = tuned.text(file);

        // the same number each time, and a level of the ladder
        let number = done.stderr.split(" to ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        assert!(["1", "3"].contains(&number.as_str()), "{}", done.stderr);
        assert_eq!(*found.get_or_insert_with(|| number.clone()), number);
        assert!(
            done.stderr.starts_with(&format!("`{key}` from {old} to {number} ({file}:")),
            "{}",
            done.stderr
        );
        assert!(done.stderr.contains(&format!(": {number} user")), "{}", done.stderr);

        // of all bytes only those of the value
        let same = before.bytes().zip(after.bytes()).take_while(|(one, other)| one == other).count();
        let (old_rest, new_rest) = (&before.as_bytes()[same..], &after.as_bytes()[same..]);
        let new_rest = new_rest.strip_prefix(number.as_bytes());
        assert_eq!(old_rest.strip_prefix(old.as_bytes()), new_rest, "{file} {key}");

        // and the diff says so
        let lines = |sign: char, header: &str| {
            let lines =
                done.stdout.split('\n').filter(|line| line.starts_with(sign) && !line.starts_with(header));
            lines.map(|line| line[1..].to_owned()).collect::<Vec<_>>()
        };
        let changed = |text: &str, other: &str| {
            let lines = text.split('\n').zip(other.split('\n')).filter(|(one, other)| one != other);
            lines.map(|(line, _)| line.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(lines('-', "---"), changed(&before, &after), "{}", done.stdout);
        assert_eq!(lines('+', "+++"), changed(&after, &before), "{}", done.stdout);
        assert_eq!(lines('-', "---").len(), 1);

        // the old text is still there
        let kept = format!("{file}.bak");
        assert!(done.stderr.contains(&format!("wrote `{file}`; the old text is in `")), "{}", done.stderr);
        assert_eq!(tuned.beside(file), [kept.as_str()]);
        assert_eq!(tuned.text(&kept), before);
        fs::remove_file(tuned.bench.path(&kept)).unwrap();

        let again = tuned.tune(file, key, &[]).expect_code(0);
        assert!(
            again.stdout.is_empty() && again.stderr.contains("already"),
            "{}{}",
            again.stdout,
            again.stderr
        );
        assert!(tuned.beside(file).is_empty());
    }
    let windows = fs::read_to_string(folder.join("windows.yaml")).unwrap();
    assert!(windows.starts_with('\u{feff}') && windows.contains("\r\n") && !windows.ends_with('\n'));
}

#[test]
fn a_number_by_hand_needs_no_run() {
    let bench = Bench::new();
    let file = bench.file("server.yaml", "llm:\n  max: 8 # per replica\n");
    let tune = |more: &[&str]| bench.run(&[&["tune", "--write", &file, "--key", "llm.max"], more].concat());
    let done = tune(&["--value", "12", "--dry-run"]).expect_code(0);
    insta::assert_snapshot!(format!("{}---\n{}", done.stdout, done.stderr), @"
    --- server.yaml
    +++ server.yaml
    @@ -1,2 +1,2 @@
     llm:
    -  max: 8 # per replica
    +  max: 12 # per replica
    ---
    `llm.max` from 8 to 12 (server.yaml:2): given by `--value`
    nothing was written
    ");
    assert_eq!(fs::read_dir(bench.path("")).unwrap().count(), 1, "a dry run writes nothing");

    // no backup is ever written over
    for (value, kept) in [("12", "server.yaml.bak"), ("13", "server.yaml.bak1"), ("14", "server.yaml.bak2")] {
        let before = fs::read_to_string(bench.path(&file)).unwrap();
        let done = tune(&["--value", value]).expect_code(0);
        assert!(done.stderr.contains(&format!("{kept}`\n")), "{}", done.stderr);
        assert_eq!(fs::read_to_string(bench.path(kept)).unwrap(), before);
    }
    assert_eq!(fs::read_to_string(bench.path(&file)).unwrap(), "llm:\n  max: 14 # per replica\n");
    assert_eq!(fs::read_to_string(bench.path("server.yaml.bak")).unwrap(), "llm:\n  max: 8 # per replica\n");
}

#[test]
fn links_and_permissions_stay() {
    let bench = Bench::new();
    fs::create_dir(bench.path("real")).unwrap();
    let real = bench.file("real/server.yaml", "max: 8\n");
    fs::set_permissions(bench.path(&real), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/server.yaml", bench.path("link.yaml")).unwrap();
    let tune = |file: &str| bench.run(&["tune", "--write", file, "--key", "max", "--value", "9"]);
    tune("link.yaml").expect_code(0);
    assert!(bench.path("link.yaml").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(bench.path(&real)).unwrap(), "max: 9\n");
    for name in ["real/server.yaml", "real/server.yaml.bak"] {
        let mode = fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{name}");
    }
    assert_eq!(fs::read_dir(bench.path("real")).unwrap().count(), 2, "nothing half-written stays");

    // a file that its owner made read-only stays as it is
    let fixed = bench.file("fixed.yaml", "max: 8\n");
    fs::set_permissions(bench.path(&fixed), fs::Permissions::from_mode(0o444)).unwrap();
    let done = tune(&fixed).expect_code(4);
    assert!(done.stderr.contains("fixed.yaml`: it is read-only"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(bench.path(&fixed)).unwrap(), "max: 8\n");
    assert!(!bench.path("fixed.yaml.bak").exists());
}

#[test]
fn what_cannot_be_changed_is_told() {
    let bench = Bench::new();
    bench.file("server.yaml", "llm:\n  max: 8\n  name: x\n");
    bench.file("broken.yaml", "llm: [1\nmax: 8\n");
    bench.file("broken.toml", "max = 8\nmax = 9\n");
    bench.file("broken.json", "{\"max\": 8\n");
    bench.file("server.conf", "max: 8\n");
    fs::write(bench.path("latin.yaml"), b"name: Gr\xf6\xdfe\nmax: 8\n").unwrap();
    fs::create_dir(bench.path("folder.yaml")).unwrap();
    let mut shown = String::new();
    for (file, key) in [
        ("nowhere.yaml", "max"),
        ("folder.yaml", "max"),
        ("latin.yaml", "max"),
        ("server.conf", "max"),
        ("broken.yaml", "max"),
        ("broken.toml", "max"),
        ("broken.json", "max"),
        ("server.yaml", "llm.maxx"),
        ("server.yaml", "llm.name"),
        ("server.yaml", "llm"),
        ("server.yaml", "llm..max"),
    ] {
        let done = bench.run(&["tune", "--write", file, "--key", key, "--value", "9"]).expect_code(2);
        assert!(done.stdout.is_empty(), "{}", done.stdout);
        shown += &done.stderr;
    }
    insta::assert_snapshot!(shown, @"
    error: there is no file `nowhere.yaml`
      help: name the configuration file that has the key
    error: cannot read `folder.yaml`: Is a directory (os error 21)
    error: `latin.yaml` is no text in UTF-8
    error: the ending of `server.conf` does not tell its format
      help: `--format` says it: `yaml`, `toml`, `json`
    error: broken.yaml:2:4: it is no valid YAML: illegal placement of ':' indicator
    error: broken.toml:2:1: it is no valid TOML: duplicate key
    error: broken.json:1:1: it is no valid JSON: unterminated object
    error: server.yaml:2:3: `llm` has no `maxx`
      help: did you mean `max`? keys of `llm`: `max`, `name`
    error: server.yaml:3:9: `llm.name` is text, and no number
      help: name the key of the limit itself; where this is it, write a number there by hand first
    error: server.yaml:2:3: `llm` is a table, and no number
      help: its keys: `max`, `name`
    error: invalid value 'llm..max' for '--key <KEY>': a name is missing

    For more information, try '--help'.
    ");
    let done = bench.run(&["tune", "--write", "server.yaml", "--key", "llm.max"]).expect_code(2);
    assert!(done.stderr.contains("<RUN>"), "{}", done.stderr);
    // what the ending does not tell a flag does
    let flags = ["tune", "--write", "server.conf", "--key", "max", "--value", "9", "--format", "yaml"];
    bench.run(&flags).expect_code(0);
    assert_eq!(fs::read_to_string(bench.path("server.conf")).unwrap(), "max: 9\n");
    assert_eq!(fs::read_to_string(bench.path("server.yaml")).unwrap(), "llm:\n  max: 8\n  name: x\n");
}

#[test]
fn the_run_has_to_have_a_ladder() {
    let tuned = Tuned::new(
        "[phases.one]\nrequests = 6\nload.closed = { users = [1, 2] }\n\
         [phases.other]\nrequests = 6\nload.closed = { users = [2, 3] }\n\
         [phases.alone]\nrequests = 6\nload.closed = { users = 2 }\n",
    );
    tuned.bench.file("server.yaml", "max: 8\n");
    let refused = |more: &[&str]| tuned.tune("server.yaml", "max", more).expect_code(2).stderr;
    let shown = [refused(&[]), refused(&["--phase", "othr"]), refused(&["--phase", "alone"])].concat();
    insta::assert_snapshot!(shown, @"
    error: the run has several ladders
      help: `--phase NAME` says which; its ladders: `one`, `other`
    error: the run has no ladder `othr`
      help: did you mean `other`? its ladders: `one`, `other`
    error: the run has no ladder `alone`
      help: its ladders: `one`, `other`
    ");
    let done = tuned.tune("server.yaml", "max", &["--phase", "other"]).expect_code(0);
    assert!(done.stderr.contains("throughput"), "{}", done.stderr);

    let of = |run: &str| tuned.bench.run(&["tune", run, "--write", "server.yaml", "--key", "max"]);
    let done = of("nowhere").expect_code(2);
    assert!(done.stderr.contains("there is no folder `nowhere`"), "{}", done.stderr);

    // a run whose accounts do not balance is no measurement
    let diary = Path::new(&tuned.run).join("events.jsonl");
    let lines = fs::read_to_string(&diary).unwrap();
    assert!(lines.contains("\"due\":6"), "{lines}");
    fs::write(&diary, lines.replace("\"due\":6", "\"due\":7")).unwrap();
    let done = tuned.tune("server.yaml", "max", &["--phase", "other"]).expect_code(3);
    assert!(done.stderr.contains("the run is INVALID"), "{}", done.stderr);
    assert!(done.stderr.contains("`--value N`"), "{}", done.stderr);
}

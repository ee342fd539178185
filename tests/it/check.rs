//! `scenario check` for people, for editors and for GitHub: exit code, stdout, stderr.

use serde_json::{Value, json};

use crate::kit::{Bench, Done};

const GOOD: &str = r#"version = 1
name = "good"
[endpoints.main]
url = "sim:rtx_4090"
[phases.load]
requests = 100
load.closed = { users = 2 }
"#;

/// Like [`GOOD`], with too few requests for its percentile.
fn short() -> String {
    format!("{GOOD}[targets.tail]\nmetric = \"e2e.p99\"\nat_most = \"1s\"\nseverity = \"warn\"\n")
}

/// Like [`GOOD`], with a misspelt key and a duration that is none.
fn broken() -> String {
    GOOD.replace("requests = 100", "request = 100\nduration = \"5 %\"")
}

fn on_github(bench: &Bench, arguments: &[&str]) -> Done {
    bench.command(arguments).env("GITHUB_ACTIONS", "true").output().unwrap().into()
}

/// The lines that GitHub takes as annotations.
fn annotations(done: &Done) -> Vec<&str> {
    done.stderr.lines().filter(|line| line.starts_with("::")).collect()
}

#[test]
fn editors_get_one_array() {
    let bench = Bench::new();
    let files = [
        bench.file("good.toml", GOOD),
        bench.file("short.toml", &short()),
        bench.file("broken.toml", &broken()),
    ];
    let done = bench.run(&["check", &files[0], "--format", "json"]).expect_code(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("[]\n", ""));

    let done = bench.run(&["check", &files[0], &files[1], &files[2], "--format", "json"]).expect_code(2);
    assert_eq!(done.stderr, "");
    let problems: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(problems.len(), 3, "{problems:#?}");

    assert_eq!((&problems[0]["file"], &problems[0]["severity"]), (&json!("short.toml"), &json!("warning")));
    assert!(problems[0]["line"].is_null() && problems[0]["labels"].as_array().unwrap().is_empty());
    assert!(
        problems[0]["help"].as_str().unwrap().len() > 5
            && !problems[0]["message"].as_str().unwrap().contains("help:")
    );

    let key = &problems[1];
    assert_eq!((&key["file"], &key["severity"]), (&json!("broken.toml"), &json!("error")));
    assert_eq!((&key["line"], &key["column"]), (&json!(6), &json!(1)));
    assert_eq!((&key["end_line"], &key["end_column"]), (&json!(6), &json!(8)));
    assert_eq!(key["message"], "unknown key `request` in `phases.load`");
    assert!(key["help"].as_str().unwrap().starts_with("did you mean `requests`?"));
    assert_eq!((&key["scenario"], &key["code"]), (&json!("broken.toml"), &json!("wrong")));
    assert_eq!(problems[0]["code"], "plan");
    let label = json!({
        "file": "broken.toml", "line": 6, "column": 1, "end_line": 6, "end_column": 8, "text": "not a key here"
    });
    assert_eq!(key["labels"], json!([label]));
    assert_eq!((&problems[2]["line"], &problems[2]["column"]), (&json!(7), &json!(12)));
}

#[test]
fn what_is_wrong_with_a_flag_has_no_line_in_the_file() {
    let bench = Bench::new();
    let file = bench.file("good.toml", GOOD);
    let set = "phases.load.requests=none";
    let done = bench.run(&["check", &file, "--set", set, "--format", "json"]).expect_code(2);
    let problems: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&problems[0]["file"], &problems[0]["line"]), (&json!("good.toml"), &Value::Null));
    assert_eq!(
        (&problems[0]["labels"][0]["file"], &problems[0]["labels"][0]["column"]),
        (&json!("--set"), &json!(22))
    );
}

#[test]
fn what_is_wrong_with_an_included_file_is_shown_there() {
    let bench = Bench::new();
    let file =
        bench.file("whole.toml", &GOOD.replace("version = 1", "version = 1\ninclude = [\"part.toml\"]"));
    bench.file("part.toml", "[phases.load]\nreqests = 3\n");
    let done = on_github(&bench, &["check", &file, "--format", "json"]).expect_code(2);
    let problems: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let problem = &problems[0];
    assert_eq!((&problem["scenario"], &problem["file"]), (&json!("whole.toml"), &json!("part.toml")));
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(1)));
    assert!(annotations(&done)[0].starts_with("::error file=part.toml,line=2,col=1::unknown key `reqests`"));
}

#[test]
fn wrong_usage_is_no_problem_of_a_file() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("folder")).unwrap();
    for (name, message) in [("none.toml", "no file matches"), ("folder", "is a folder")] {
        let done = bench.run(&["check", name, "--format", "json"]).expect_code(2);
        assert_eq!(done.stdout, "");
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
}

#[test]
fn a_target_that_cannot_pass_is_refused_where_the_requests_are_too_few() {
    let bench = Bench::new();
    let tail = format!("{GOOD}[targets.tail]\nmetric = \"e2e.p99\"\nat_most = \"1s\"\n");
    let file = bench.file("tail.toml", &tail);
    for command in ["check", "plan", "run"] {
        let done = bench.run(&[command, &file]).expect_code(2);
        assert!(done.stderr.contains("`targets.tail` cannot be proved"), "{}", done.stderr);
        assert!(done.stderr.contains("set `phases.load.requests` to 299 or more"), "{}", done.stderr);
    }
    bench.run(&["check", &file, "--set", "phases.load.requests=299"]).expect_code(0);
    bench.run(&["check", &file, "--set", "targets.tail.severity=info"]).expect_code(0);
    bench.run(&["check", &file, "--set", "run.on_inconclusive=warn"]).expect_code(0);
    let plan = bench.run(&["plan", &file, "--set", "run.on_inconclusive=warn"]).expect_code(0);
    assert!(plan.stdout.contains("warning: target `tail`"), "{}", plan.stdout);
    // the server decides how many there are
    bench
        .run(&["check", &file, "--set", "phases.load.duration=1s", "--set", "phases.load.requests=300"])
        .expect_code(0);
    // of several cases, the one that has too few
    let cases = bench.file("cases.toml", &format!("{tail}[matrix]\nphases.load.requests = [50, 400, 500]\n"));
    let done = bench.run(&["check", &cases]).expect_code(2);
    assert!(
        done.stderr.contains("case `requests=50`") && done.stderr.contains("50 requests"),
        "{}",
        done.stderr
    );
    assert!(bench.runs().is_empty(), "nothing was sent");
}

#[test]
fn text_is_the_default() {
    let bench = Bench::new();
    let (good, broken) = (bench.file("good.toml", GOOD), bench.file("broken.toml", &broken()));
    let done = bench.run(&["check", &good, &broken]).expect_code(2);
    assert_eq!(done.stdout, "good.toml: ok (good, 2 steps)\n");
    assert!(done.stderr.contains("broken.toml:6:1") && done.stderr.ends_with("1 of 2 files cannot be run\n"));
    assert!(annotations(&done).is_empty());
}

#[test]
fn github_gets_an_annotation_for_every_problem() {
    let bench = Bench::new();
    let (short, broken) = (bench.file("short, too.toml", &short()), bench.file("broken.toml", &broken()));
    for command in ["check", "run"] {
        let done = on_github(&bench, &[command, &short, &broken]).expect_code(2);
        let lines = annotations(&done);
        assert_eq!(lines.len(), 3, "{}", done.stderr);
        assert!(lines[0].starts_with("::warning file=short%2C too.toml::"), "{}", lines[0]);
        assert!(
            lines[1].starts_with(
                "::error file=broken.toml,line=6,col=1::unknown key `request` in `phases.load`%0Ahelp: "
            ),
            "{}",
            lines[1]
        );
        assert!(lines[2].starts_with("::error file=broken.toml,line=7,col=12::"), "{}", lines[2]);
        assert!(!lines[2].replace("%25", "").replace("%0A", "").contains('%'), "{}", lines[2]);
        assert!(done.stderr.contains("broken.toml:6:1"), "the usual text is there as well");
    }
    assert!(bench.runs().is_empty(), "nothing was sent");

    let done = on_github(&bench, &["check", &broken, "--format", "json"]).expect_code(2);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&done.stdout).unwrap().len(), 2);
    assert_eq!(annotations(&done).len(), 2);
}

#[test]
fn a_secret_that_a_run_would_not_find_is_a_warning() {
    let bench = Bench::new();
    let good = format!(
        "{GOOD}[endpoints.idle]\nurl = \"sim:rtx_4090\"\nweight = 0\napi_key.env = \"NO_KEY_EITHER\"\n"
    );
    let key = "api_key = { env = \"NO_SUCH_KEY\" }\nheaders = { x-my-key = { file = \"secret.txt\" } }\nweight = 1\n";
    let text = good.replace("[phases.load]", &format!("{key}[phases.load]"));
    let file = bench.file("keys.toml", &text);
    let done = bench.run(&["check", &file]).expect_code(0);
    for line in [
        "keys.toml:5:19: warning: `endpoints.main.api_key`: the environment variable `NO_SUCH_KEY` is not set",
        "help: set it before the run: `export NO_SUCH_KEY=…`",
        "keys.toml:6:33: warning: `endpoints.main.headers.x-my-key`: cannot read `secret.txt`",
    ] {
        assert!(done.stdout.lines().any(|printed| printed.starts_with(line)), "{line}\n{}", done.stdout);
    }
    assert!(!done.stdout.contains("NO_KEY_EITHER"), "nothing is sent there: {}", done.stdout);

    let done = bench.run(&["check", &file, "--format", "json"]).expect_code(0);
    let problems: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let named =
        |name: &str| problems.iter().find(|one| one["message"].as_str().unwrap().contains(name)).unwrap();
    let problem = named("NO_SUCH_KEY");
    assert_eq!(
        (&problem["severity"], &problem["line"], &problem["column"]),
        (&json!("warning"), &json!(5), &json!(19))
    );
    assert!(on_github(&bench, &["check", &file]).stderr.contains("::warning file=keys.toml,line=6,col=33::"));

    bench.file("secret.txt", "one");
    let run = |command: &str| {
        Done::from(bench.command(&[command, &file]).env("NO_SUCH_KEY", "two").output().unwrap())
    };
    assert!(!run("check").expect_code(0).stdout.contains("warning: `endpoints"));
    let done = bench.run(&["run", &file]).expect_code(4);
    assert!(done.stderr.contains("the environment variable `NO_SUCH_KEY` is not set"), "{}", done.stderr);
}

//! Prompts out of files: what is planned, what is sent, and what is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    time::Duration,
};

use serde_json::Value;

use crate::{
    kit::Bench,
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

/// So many rows, each with a prompt of its own.
fn rows(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, row| {
        let _ = writeln!(text, r#"{{"id": {row}, "prompt": "question {row}", "n": {}}}"#, row % 7 + 1);
        text
    })
}

/// A scenario over `data/prompts.jsonl`.
fn scenario(bench: &Bench, url: &str, dataset: &str, phase: &str) -> String {
    std::fs::create_dir_all(bench.path("data")).unwrap();
    let text = format!(
        "version = 1\nname = \"rows\"\n[endpoints.main]\nurl = \"{url}\"\n[workloads.chat.dataset]\n\
         path = \"data/prompts.jsonl\"\n{dataset}\n[phases.load]\n{phase}\n"
    );
    bench.file("rows.toml", &text)
}

/// The bodies of requests by their numbers.
fn bodies(server: &Server) -> BTreeMap<u64, Value> {
    let numbered = server.served().into_iter().map(|served| {
        let id = served.request.headers.iter().find(|(name, _)| name == "x-request-id").unwrap();
        let (_, number) = id.1.rsplit_once('-').unwrap();
        (number.parse().unwrap(), served.request.body)
    });
    numbered.collect()
}

fn prompt(body: &Value) -> &str {
    body["messages"][0]["content"].as_str().unwrap()
}

#[test]
fn a_request_is_the_same_whatever_the_threads() {
    let bodies: Vec<_> = [("1", 2), ("4", 5)]
        .into_iter()
        .map(|(threads, users)| {
            let (server, bench) = (server(), Bench::new());
            let dataset = "output_tokens_field = \"n\"\nprefix = \"Please: \"";
            let phase = format!("requests = 60\nload.closed = {{ users = {users} }}");
            let file = scenario(&bench, &server.url(), dataset, &phase);
            std::fs::write(bench.path("data/prompts.jsonl"), rows(60)).unwrap();
            bench.run(&["run", &file, "--quiet", "--set", &format!("run.threads={threads}")]).expect_code(0);
            bodies(&server)
        })
        .collect();
    assert_eq!(bodies[0], bodies[1]);
    let prompts: BTreeSet<&str> = bodies[0].values().map(prompt).collect();
    assert_eq!((bodies[0].len(), prompts.len()), (60, 60), "every row once");
    for body in bodies[0].values() {
        let number: u64 = prompt(body).strip_prefix("Please: question ").unwrap().parse().unwrap();
        assert_eq!(
            body["max_tokens"].as_u64().or(body["max_completion_tokens"].as_u64()),
            Some(number % 7 + 1)
        );
    }
}

#[test]
fn a_plan_says_what_is_in_the_file() {
    let bench = Bench::new();
    let file = scenario(
        &bench,
        "sim:rtx_4090",
        "on_bad_row = \"skip\"",
        "requests = 30\nload.closed = { users = 3 }",
    );
    std::fs::write(bench.path("data/prompts.jsonl"), format!("{}oops\n", rows(20))).unwrap();
    let done = bench.run(&["plan", &file]).expect_code(0);
    for part in [
        "chat: 20 rows of data/prompts.jsonl, 1 skipped, shuffled, sha256 ",
        "1 of 21 rows of `data/prompts.jsonl` is skipped: line 21 is no JSON",
        "10 of 30 prompts come again, since `data/prompts.jsonl` has 20 rows",
        "set `workloads.chat.dataset.repeat = true`",
    ] {
        assert!(done.stdout.contains(part), "{part}\n{}", done.stdout);
    }
    let done = bench.run(&["plan", &file, "--set", "workloads.chat.dataset.repeat=true"]).expect_code(0);
    assert!(!done.stdout.contains("come again"), "{}", done.stdout);

    let plan = |arguments: &[&str]| -> Value {
        let done = bench.run(&[&["plan", &file, "--format", "json"], arguments].concat()).expect_code(0);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let before = plan(&[]);
    let content = &before["endpoints"][0]["workload"]["dataset"]["content"];
    assert_eq!((&content["rows"], &content["skipped"]), (&20.into(), &1.into()));
    assert_eq!(content["first_skipped"], "line 21 is no JSON: expected value at column 1");
    assert_eq!(content["sha256"].as_str().unwrap().len(), 64);

    // where the file lies is no part of the experiment, what is in it is
    std::fs::create_dir(bench.path("elsewhere")).unwrap();
    std::fs::copy(bench.path("data/prompts.jsonl"), bench.path("elsewhere/x.jsonl")).unwrap();
    let moved = plan(&["--set", "workloads.chat.dataset.path=elsewhere/x.jsonl"]);
    assert_eq!(moved["experiment"], before["experiment"]);
    let other_field = plan(&["--set", "workloads.chat.dataset.order=file"]);
    assert_ne!(other_field["experiment"], before["experiment"]);
    std::fs::write(bench.path("elsewhere/x.jsonl"), rows(21)).unwrap();
    let changed = plan(&["--set", "workloads.chat.dataset.path=elsewhere/x.jsonl"]);
    assert_ne!(changed["experiment"], before["experiment"]);

    // as one file, it finds its data
    let resolved = bench.run(&["plan", &file, "--resolved"]).expect_code(0);
    let resolved = bench.file("resolved.toml", &resolved.stdout);
    let done = bench.run(&["plan", &resolved, "--format", "json"]).expect_code(0);
    let again: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(again["experiment"], before["experiment"]);
}

#[test]
fn a_difference_shows_another_content() {
    let bench = Bench::new();
    let file = scenario(&bench, "sim:rtx_4090", "", "requests = 4\nload.closed = { users = 1 }");
    let other = std::fs::read_to_string(bench.path(&file)).unwrap().replace("data/prompts", "data/others");
    let other = bench.file("other.toml", &other);
    std::fs::write(bench.path("data/prompts.jsonl"), rows(20)).unwrap();
    std::fs::write(bench.path("data/others.jsonl"), rows(30)).unwrap();
    let done = bench.run(&["plan", &file, "--diff", &other]).expect_code(0);
    let line = done
        .stdout
        .lines()
        .find(|line| line.contains("datasets"))
        .unwrap_or_else(|| panic!("{}", done.stdout));
    assert!(line.contains("chat: 20 rows") && line.contains("chat: 30 rows"), "{line}");
}

#[test]
fn a_run_can_be_run_again_while_the_file_is_the_same() {
    let (server, bench) = (server(), Bench::new());
    // named by an included file, whose folder the path starts at
    std::fs::create_dir_all(bench.path("parts/data")).unwrap();
    std::fs::write(bench.path("parts/data/prompts.csv"), "id,prompt\n1,\"one,\ntwo\"\n2,three\n").unwrap();
    std::fs::write(bench.path("parts/rows.toml"), "[workloads.chat.dataset]\npath = \"data/prompts.csv\"\n")
        .unwrap();
    let file = bench.file(
        "main.toml",
        &format!(
            "version = 1\nname = \"main\"\ninclude = [\"parts/rows.toml\"]\nendpoints.main.url = \"{}\"\n\
             [phases.load]\nrequests = 2\nload.closed = {{ users = 1 }}\n",
            server.url()
        ),
    );
    let done = bench.run(&["run", &file]).expect_code(0);
    assert!(done.stdout.contains("prompts  chat: 2 rows of "), "{}", done.stdout);
    let sent: BTreeSet<String> = bodies(&server).values().map(|body| prompt(body).to_owned()).collect();
    assert_eq!(sent.into_iter().collect::<Vec<_>>(), ["one,\ntwo", "three"]);
    let run = bench.only_run();
    assert!(run.text("report.html").contains("chat: 2 rows of "));
    let folder = run.path().to_str().unwrap().to_owned();

    // from another folder
    let mut command = bench.command(&["rerun", &folder, "--quiet"]);
    let done: crate::kit::Done = command.current_dir(bench.path("parts")).output().unwrap().into();
    done.expect_code(0);
    assert_eq!(server.served().len(), 4);

    std::fs::write(bench.path("parts/data/prompts.csv"), "id,prompt\n1,other\n").unwrap();
    let done = bench.run(&["rerun", &folder]).expect_code(2);
    assert!(done.stderr.contains("is no longer the file that the plan was made with"), "{}", done.stderr);
    assert!(done.stderr.contains("nothing was sent"), "{}", done.stderr);
    std::fs::remove_file(bench.path("parts/data/prompts.csv")).unwrap();
    bench.run(&["rerun", &folder]).expect_code(2);
    let done = bench.run(&["run", &file]).expect_code(2);
    assert!(
        done.stderr.contains("parts/rows.toml:2:8") && done.stderr.contains("there is no such file"),
        "{}",
        done.stderr
    );
    assert_eq!(server.served().len(), 4);
}

#[test]
fn a_probe_asks_what_a_run_would_ask_first() {
    let (server, bench) = (server(), Bench::new());
    let file =
        scenario(&bench, &server.url(), "order = \"file\"", "requests = 3\nload.closed = { users = 1 }");
    std::fs::write(bench.path("data/prompts.jsonl"), rows(3)).unwrap();
    bench.run(&["probe", &file]).expect_code(0);
    assert_eq!(prompt(&server.served()[0].request.body), "question 0");
}

#[test]
fn a_file_that_is_taken_away_stops_the_run() {
    for load in ["closed = { users = 2 }", "open = { rate = 500 }"] {
        let bench = Bench::new();
        let data = bench.path("data/prompts.jsonl");
        let server = {
            let data = data.clone();
            Server::start(move |_, out| {
                // requests are made ahead, and those go out
                shorten(&data);
                stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
                After::KeepOpen
            })
        };
        let file = scenario(&bench, &server.url(), "", &format!("requests = 3000\nload.{load}"));
        std::fs::write(&data, rows(3000)).unwrap();
        let done = bench.run(&["run", &file]).expect_code(4);
        assert!(done.stderr.contains("stopping: prompts cannot be read any more"), "{}", done.stderr);
        assert!(done.stdout.contains("the prompts could not be read any more"), "{}", done.stdout);
        let records = bench.only_run().records();
        let unread = records.iter().filter(|record| record["outcome"] == "not_sent");
        let errors: Vec<&str> = unread.filter_map(|record| record["error"].as_str()).collect();
        assert!(errors.iter().any(|error| error.contains("cannot be read any more")), "{errors:?}");
        assert!(records.len() < 3000, "{} records", records.len());
    }
}

fn shorten(path: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    if file.metadata().unwrap().len() > 20 {
        file.set_len(20).unwrap();
    }
}

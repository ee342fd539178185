//! `scenario rerun`: the plan of a run folder, once more.

use std::time::Duration;

use serde_json::Value;

use crate::{
    kit::{Bench, Done},
    server::{After, Server, stream_tokens},
};

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 4);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, url: &str, run: &str) -> String {
    bench.file(
        "first.toml",
        &format!(
            "version = 1\nname = \"first\"\n[run]\n{run}\n[endpoints.main]\nurl = \"{url}\"\n\
             api_key.env = \"A_KEY\"\n[phases.load]\nrequests = 12\nload.closed = {{ users = 2 }}\n"
        ),
    )
}

fn with_key(bench: &Bench, key: &str, arguments: &[&str]) -> Done {
    bench.command(arguments).env("A_KEY", key).output().unwrap().into()
}

/// Changes the plan in a run folder.
fn change_plan(folder: &std::path::Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("plan.json");
    let mut plan = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut plan);
    std::fs::write(path, plan.to_string()).unwrap();
}

#[test]
fn the_same_requests_go_out_again() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "");
    with_key(&bench, "one", &["run", &file]).expect_code(0);
    let first = bench.only_run();
    // neither the scenario nor the old key is needed
    std::fs::remove_file(bench.path(&file)).unwrap();
    let folder = first.path().to_str().unwrap();
    let done = with_key(&bench, "two", &["rerun", folder]).expect_code(0);
    let name = first.path().file_name().unwrap().to_str().unwrap();
    assert!(done.stdout.contains(&format!("the plan of {name}, run again")), "{}", done.stdout);

    let runs = bench.runs();
    assert_eq!(runs.len(), 2);
    let again = runs.iter().find(|run| run.path() != first.path()).unwrap();
    let (plan, old) = (again.json("plan.json"), first.json("plan.json"));
    assert_eq!(plan["experiment"], old["experiment"]);
    assert_eq!((&plan["rerun_of"], &old["rerun_of"]), (&name.into(), &Value::Null));
    assert_eq!(again.json("summary.json")["rerun_of"], name);
    assert!(again.text("report.html").contains(name));
    let bodies = |range: std::ops::Range<usize>| {
        let mut bodies: Vec<_> =
            server.served()[range].iter().map(|served| served.request.body.to_string()).collect();
        bodies.sort();
        bodies
    };
    assert_eq!(bodies(0..12), bodies(12..24));
    let keys = |key: &str| {
        let header = ("authorization".to_owned(), format!("Bearer {key}"));
        server.served().iter().filter(|served| served.request.headers.contains(&header)).count()
    };
    assert_eq!((keys("one"), keys("two")), (12, 12));

    // its own plan can be shown, and run again in turn
    let shown = bench.run(&["plan", again.path().to_str().unwrap()]).expect_code(0);
    assert!(shown.stdout.contains(&format!("rerun of    {name}\n")), "{}", shown.stdout);
    with_key(&bench, "three", &["rerun", again.path().to_str().unwrap(), "--quiet"]).expect_code(0);
    assert_eq!((bench.runs().len(), keys("three")), (3, 12));
}

#[test]
fn simulated_servers_are_started_as_in_the_plan() {
    let bench = Bench::new();
    let text = "version = 1\nname = \"sims\"\n[endpoints.main]\nurl = \"sim:odd\"\n\
                [sims.odd]\nextends = \"rtx_4090\"\nstep_base = \"1ms\"\nfaults.error_rate = 1\n\
                [phases.load]\nrequests = 4\nload.closed = { users = 1 }\n";
    let file = bench.file("sims.toml", text);
    bench.run(&["run", &file, "--quiet"]).expect_code(1);
    let folder = bench.only_run().folder;
    bench.run(&["rerun", folder.to_str().unwrap(), "--quiet"]).expect_code(1);
    for run in bench.runs() {
        assert!(run.records().iter().all(|record| record["outcome"] == "http_error"));
    }
}

#[test]
fn what_cannot_be_run_again_is_told() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "");
    with_key(&bench, "k", &["run", &file, "--quiet"]).expect_code(0);
    let folder = bench.only_run().folder;
    std::fs::create_dir(bench.path("empty")).unwrap();
    let sent = server.served().len();
    let refused = |run: &str, message: &str| {
        let done = with_key(&bench, "k", &["rerun", run]).expect_code(2);
        assert!(done.stderr.contains(message) && done.stderr.contains("help:"), "{message}: {}", done.stderr);
    };
    refused("nowhere", "there is no folder `nowhere`");
    refused("empty", "`empty` is a folder without a `plan.json`");
    refused(&file, "is a file, and a run is a folder");
    let folder = folder.to_str().unwrap();
    let good = std::fs::read_to_string(bench.path(folder).join("plan.json")).unwrap();
    change_plan(&bench.path(folder), |plan| plan["seed"] = 43.into());
    refused(folder, "would send something else");
    change_plan(&bench.path(folder), |plan| plan["format"] = 99.into());
    refused(folder, "it has format 99");
    std::fs::write(bench.path(folder).join("plan.json"), &good[..good.len() / 2]).unwrap();
    refused(folder, "it is no JSON");
    assert_eq!((server.served().len(), bench.runs().len()), (sent, 1));
}

#[test]
fn permissions_are_asked_for_again() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "ceiling.requests = 10");
    with_key(&bench, "k", &["run", &file, "--quiet", "--ceiling", "requests=12"]).expect_code(0);
    let folder = bench.only_run().folder;
    let folder = folder.to_str().unwrap();
    for (ceiling, flags) in [(10, &[][..]), (11, &["--ceiling", "requests=11"])] {
        let done = with_key(&bench, "k", &[&["rerun", folder], flags].concat()).expect_code(2);
        let message = format!("the plan sends 12 requests, and the ceiling is {ceiling}");
        assert!(done.stderr.contains(&message), "{}", done.stderr);
    }
    let done = with_key(&bench, "k", &["rerun", folder, "--ceiling", "requests=0"]).expect_code(2);
    assert!(done.stderr.contains("must be 1 or more"), "{}", done.stderr);
    // again, and what it leaves behind asks for it in turn
    with_key(&bench, "k", &["rerun", folder, "--quiet", "--ceiling", "requests=12"]).expect_code(0);
    let again = bench.runs().into_iter().find(|run| run.json("plan.json")["rerun_of"].is_string()).unwrap();
    let done = with_key(&bench, "k", &["rerun", again.path().to_str().unwrap()]).expect_code(2);
    assert!(done.stderr.contains("12 requests, and the ceiling is 10"), "{}", done.stderr);

    // a plan that says of itself that it may go beyond the ceiling of the program
    change_plan(&bench.path(folder), |plan| {
        plan["limits"].as_object_mut().unwrap().remove("without_flags");
        plan["limits"]["ceiling"]["requests"] = 5_000_000.into();
        let steps = plan["steps"].as_array_mut().unwrap();
        steps[1]["expected"]["requests"] = 2e6.into();
        // a guess would refuse nothing
        steps[1]["expected"]["assumed"] = false.into();
    });
    let done = with_key(&bench, "k", &["rerun", folder]).expect_code(2);
    assert!(done.stderr.contains("2,000,000 requests, and the ceiling is 1,000,000"), "{}", done.stderr);
}

#[test]
fn hosts_that_the_scenario_allows_stay_allowed() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "allow_hosts = [\"api.example.com\"]\nceiling.requests = 20");
    let flags =
        ["--allow-host", "b.example.com", "--allow-host", "API.example.com", "--ceiling", "requests=15"];
    with_key(&bench, "k", &[&["run", &file, "--quiet"], &flags[..]].concat()).expect_code(0);
    let first = bench.only_run().folder;
    let first = first.to_str().unwrap();
    let limits = |flags: &[&str]| {
        let before = bench.runs();
        with_key(&bench, "k", &[&["rerun", first, "--quiet"], flags].concat()).expect_code(0);
        let new = |run: &crate::kit::Run| before.iter().all(|old| old.path() != run.path());
        let limits = bench.runs().into_iter().find(new).unwrap().json("plan.json")["limits"].take();
        (limits["allow_hosts"].clone(), limits["ceiling"]["requests"].clone())
    };
    // what a flag lowered stays low
    assert_eq!(limits(&[]), (serde_json::json!(["api.example.com"]), 15.into()));
    let both = serde_json::json!(["api.example.com", "c.example.com"]);
    assert_eq!(limits(&["--allow-host=c.example.com", "--ceiling=requests=18"]), (both, 18.into()));

    change_plan(&bench.path(first), |plan| {
        plan["endpoints"][0]["address"]["url"] = "http://b.example.com/v1".into();
    });
    let done = with_key(&bench, "k", &["rerun", first]).expect_code(2);
    assert!(done.stderr.contains("leads to the public host `b.example.com`"), "{}", done.stderr);
}

#[test]
fn one_of_several_repeats_is_run_once_more() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "repeats = 2");
    with_key(&bench, "k", &["run", &file]).expect_code(0);
    assert_eq!(server.served().len(), 24);
    let last = bench.runs().pop().unwrap();
    let done = with_key(&bench, "k", &["rerun", last.path().to_str().unwrap()]).expect_code(0);
    assert!(!done.stderr.contains("repeat"), "{}", done.stderr);
    assert_eq!(server.served().len(), 36);
    let runs = bench.runs();
    assert_eq!(runs.iter().filter(|run| run.json("plan.json")["rerun_of"].is_string()).count(), 1);
}

#[test]
fn a_secret_in_a_file_is_found_from_another_folder() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server.url(), "");
    let text = std::fs::read_to_string(bench.path(&file)).unwrap();
    bench.file(&file, &text.replace("api_key.env = \"A_KEY\"", "api_key.file = \"key.txt\""));
    bench.file("key.txt", "one");
    let planned = bench.run(&["plan", &file, "--format", "json"]).expect_code(0).stdout;
    bench.run(&["run", &file, "--quiet"]).expect_code(0);
    let run = bench.only_run();
    let planned: Value = serde_json::from_str(&planned).unwrap();
    assert_eq!(run.json("plan.json")["experiment"], planned["experiment"]);
    let elsewhere = bench.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let folder = std::path::absolute(run.path()).unwrap();
    let mut command = bench.command(&["rerun", folder.to_str().unwrap(), "--quiet"]);
    Done::from(command.current_dir(elsewhere).output().unwrap()).expect_code(0);
    let header = ("authorization".to_owned(), "Bearer one".to_owned());
    assert_eq!(server.served().iter().filter(|served| served.request.headers.contains(&header)).count(), 24);
}

//! Headers of an endpoint go with everything that is sent to it, and their secrets stay where they are.

use std::time::Duration;

use crate::{
    kit::{Bench, Done},
    server::{After, Headers, Server, stream_tokens},
};

const SECRET: &str = "sk-test-secret";

fn server() -> Server {
    Server::start(|_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, server: &Server) -> String {
    bench.file("key.txt", &format!("{SECRET}-from-a-file\n"));
    let key = bench.path("key.txt");
    bench.file(
        "headers.toml",
        &format!(
            r#"
            version = 1
            name = "headers"
            [endpoints.main]
            url = "{}"
            [endpoints.main.headers]
            X-Team = "speech"
            Authorization = {{ env = "TEST_TOKEN" }}
            x-api-key = {{ file = "{}" }}
            [phases.load]
            requests = 10
            load.closed = {{ users = 1 }}
            "#,
            server.url(),
            key.display()
        ),
    )
}

fn run(bench: &Bench, arguments: &[&str]) -> Done {
    bench.command(arguments).env("TEST_TOKEN", format!("Token {SECRET}")).output().unwrap().into()
}

#[track_caller]
fn carries_all(headers: &Headers) {
    for (name, value) in [
        ("x-team", "speech"),
        ("authorization", "Token sk-test-secret"),
        ("x-api-key", "sk-test-secret-from-a-file"),
    ] {
        let values: Vec<_> = headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        assert_eq!(values, [value], "{name}");
    }
}

#[test]
fn they_go_with_readiness_and_requests_and_into_no_file() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server);
    let done = run(&bench, &["run", &file]).expect_code(0);
    let (looks, served) = (server.looks(), server.served());
    assert!(!looks.is_empty() && served.len() == 10);
    for headers in looks.iter().chain(served.iter().map(|served| &served.request.headers)) {
        carries_all(headers);
    }

    let run = bench.only_run();
    let headers = &run.json("plan.json")["endpoints"][0]["headers"];
    assert_eq!(headers["x-team"], "speech");
    assert_eq!(headers["authorization"]["env"], "TEST_TOKEN");
    for entry in std::fs::read_dir(run.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{}", path.display());
        }
    }
    assert!(!format!("{}{}", done.stdout, done.stderr).contains(SECRET));
}

#[test]
fn they_go_with_a_probe() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server);
    let done = run(&bench, &["probe", &file]).expect_code(0);
    carries_all(&server.served()[0].request.headers);
    assert!(!format!("{}{}", done.stdout, done.stderr).contains(SECRET));
}

#[test]
fn a_secret_that_is_missing_is_told_before_anything_is_sent() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server);
    let done = bench.run(&["run", &file]).expect_code(4);
    assert!(done.stderr.contains("the environment variable `TEST_TOKEN` is not set"), "{}", done.stderr);
    assert!(server.looks().is_empty() && server.served().is_empty());
}

#[test]
fn the_plan_names_them() {
    let server = server();
    let bench = Bench::new();
    let file = scenario(&bench, &server);
    let done = bench.run(&["plan", &file]).expect_code(0);
    assert!(done.stdout.contains("authorization, x-api-key, x-team"), "{}", done.stdout);
}

//! `scenario init`: what it finds, what it writes, and that what it writes can be run.

use std::io::{BufRead as _, BufReader};

use scenario::config::Model;

use crate::{
    kit::Bench,
    server::{After, Out, Server, chat_finish, chat_text},
};

/// A server that has one path, and answers requests for anything else with 404.
fn server(path: &'static str, models: impl Fn(&mut Out<'_>) + Send + Sync + 'static) -> Server {
    Server::with_models("127.0.0.1:0", models, move |request, out| {
        assert_eq!(request.body["max_tokens"], 1, "one token is enough to know");
        if request.path != path {
            out.answer("404 Not Found", "text/plain", "nothing here");
        } else if path.ends_with("/chat/completions") {
            out.stream_head();
            out.event(&chat_text("a"));
            out.event(&chat_finish("length"));
            out.end_chunks();
        } else {
            out.answer("200 OK", "application/json", r#"{"choices":[{"text":"a"}]}"#);
        }
        After::KeepOpen
    })
}

fn two_models(out: &mut Out<'_>) {
    out.answer("200 OK", "application/json", r#"{"data":[{"id":"first"},{"id":"second"}]}"#);
}

fn no_models(out: &mut Out<'_>) {
    out.answer("404 Not Found", "text/plain", "");
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in {text}");
    }
}

#[test]
fn the_protocol_and_the_place_are_found() {
    for (path, protocol) in [
        ("/v1/chat/completions", "openai_chat"),
        ("/v1/completions", "openai_completions"),
        ("/chat/completions", "openai_chat"),
    ] {
        let server = server(path, two_models);
        let bench = Bench::new();
        let root = format!("http://{}", server.address);
        let done = bench.run(&["init", &root]).expect_code(0);
        let base = if path.starts_with("/v1/") { format!("{root}/v1") } else { root };
        says(&done.stdout, &[&format!("found {protocol} at {base}, model `first` and 1 more")]);
        says(&done.stdout, &["\n  scenario check scenario.toml\n  scenario run scenario.toml"]);
        let text = std::fs::read_to_string(bench.path("scenario.toml")).unwrap();
        says(&text, &[&format!("url = \"{base}\""), &format!("protocol = \"{protocol}\"")]);
        says(&text, &["model = \"first\"", "others: \"second\""]);
        let done = bench.run(&["check", "scenario.toml"]).expect_code(0);
        assert!(!done.stdout.contains("warning"), "{}", done.stdout);
    }
}

#[test]
fn a_server_without_a_list_of_models_has_a_name_to_fill_in() {
    let server = server("/v1/chat/completions", no_models);
    let bench = Bench::new();
    let done = bench.run(&["init", &server.url(), "--out", "-"]).expect_code(0);
    says(&done.stdout, &["model = \"default\" # the server lists none"]);
    assert!(!bench.path("scenario.toml").exists());
    bench.file("piped.toml", &done.stdout);
    bench.run(&["check", "piped.toml"]).expect_code(0);
}

#[test]
fn nothing_is_overwritten() {
    let server = server("/v1/chat/completions", two_models);
    let bench = Bench::new();
    bench.file("scenario.toml", "mine");
    let done = bench.run(&["init", &server.url()]).expect_code(2);
    says(&done.stderr, &["`scenario.toml` exists", "--out"]);
    assert_eq!(std::fs::read_to_string(bench.path("scenario.toml")).unwrap(), "mine");
    assert!(server.served().is_empty(), "nothing was sent");
    bench.run(&["init", &server.url(), "--out", "other.toml"]).expect_code(0);
    bench.run(&["check", "other.toml"]).expect_code(0);
}

#[test]
fn what_was_tried_is_told() {
    let bench = Bench::new();
    let done = bench.run(&["init", "http://127.0.0.1:9"]).expect_code(4);
    says(&done.stderr, &["GET http://127.0.0.1:9/models", "GET http://127.0.0.1:9/v1/models", "--offline"]);
    let server = server("/elsewhere", no_models);
    let root = format!("http://{}", server.address);
    let done = bench.run(&["init", &root]).expect_code(4);
    for path in ["/models", "/v1/models", "/chat/completions", "/v1/completions"] {
        says(&done.stderr, &[&format!("{root}{path}`: ")]);
    }
    assert!(!bench.path("scenario.toml").exists());
    bench.run(&["init", "http://127.0.0.1:9/v1", "--offline"]).expect_code(0);
    let text = std::fs::read_to_string(bench.path("scenario.toml")).unwrap();
    let input = scenario::config::Input { name: "scenario.toml", text: &text, platform: None, sets: &[] };
    let scenario =
        scenario::config::load(&input, &scenario::machine::Machine::default(), &|_| None, &|path| {
            std::fs::read_to_string(path)
        })
        .unwrap();
    assert_eq!(scenario[0].endpoints["main"].model, Model::Auto);
}

#[test]
fn no_url_is_wrong_usage() {
    let bench = Bench::new();
    for url in ["ftp://127.0.0.1", "127.0.0.1:80", "sim:rtx_4090"] {
        let done = bench.run(&["init", url]).expect_code(2);
        assert!(!done.stderr.is_empty() && done.stdout.is_empty(), "{url}");
        assert!(!bench.path("scenario.toml").exists());
    }
}

#[test]
fn the_file_runs() {
    let bench = Bench::new();
    // killed when dropped
    let mut sim = bench.start(&["sim", "rtx_4090", "--port", "0", "--set", "step_base=1ms"]);
    let mut line = String::new();
    BufReader::new(sim.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().trim_end_matches("/v1").to_owned();
    bench.run(&["init", &url]).expect_code(0);
    let done = bench.run(&[
        "run",
        "scenario.toml",
        "--set",
        "phases.users.requests=240",
        "--set",
        "phases.arrivals.duration=20s",
        "--set",
        "phases.arrivals.load.open.rate=30",
    ]);
    let done = done.expect_code(0);
    says(&done.stdout, &["5 of 5 targets met"]);
    assert!(bench.only_run().records().len() > 65 + 29);
}

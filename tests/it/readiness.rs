//! What is said of servers that are not ready, and how to mend it.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::{
    kit::{Bench, Done, wait},
    server::{After, Out, Server, stream_tokens},
};

fn server(models: impl Fn(&mut Out<'_>) + Send + Sync + 'static) -> Server {
    Server::with_models("127.0.0.1:0", models, |_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    })
}

fn scenario(bench: &Bench, name: &str, url: &str, endpoint: &str, timeout: &str) -> String {
    bench.file(
        &format!("{name}.toml"),
        &format!(
            r#"
            version = 1
            name = "{name}"
            run = {{ ready_timeout = "{timeout}" }}
            [endpoints.main]
            url = "{url}"
            {endpoint}
            [phases.load]
            requests = 4
            load.closed = {{ users = 1 }}
            "#
        ),
    )
}

/// Runs against a server that answers readiness with a status.
fn answering(status: &'static str, body: &'static str, endpoint: &str) -> Done {
    let server = server(move |out| out.answer(status, "text/plain", body));
    let bench = Bench::new();
    let file = scenario(&bench, "answering", &server.url(), endpoint, "700ms");
    let done = bench.command(&["run", &file]).env("SOME_KEY", "wrong").output().unwrap();
    Done::from(done)
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` in {text}");
    }
}

#[test]
fn a_url_without_a_path_probably_lacks_one() {
    let server = server(|out| out.answer("404 Not Found", "text/plain", ""));
    let bench = Bench::new();
    for (url, lacks) in [(server.url().replace("/v1", ""), true), (server.url(), false)] {
        let file = scenario(&bench, "answering", &url, "", "700ms");
        let done = bench.run(&["run", &file]).expect_code(4);
        says(&done.stderr, &["answered 404 Not Found", "endpoints.main.model = \"NAME\""]);
        let help =
            format!("help: `endpoints.main.url` probably lacks `/v1`: write `{}`; or name", server.url());
        assert_eq!(done.stderr.contains(&help), lacks, "{}", done.stderr);
    }
}

#[test]
fn a_server_without_a_list_of_models_is_ready_where_the_model_is_named() {
    for status in ["404 Not Found", "405 Method Not Allowed", "200 OK"] {
        answering(status, "no json", "model = \"named\"").expect_code(0);
        let done = answering(status, "no json", "").expect_code(4);
        says(&done.stderr, &["`main`", status, "help:", "endpoints.main.model"]);
    }
    let done = answering("200 OK", r#"{"data":[]}"#, "").expect_code(4);
    says(&done.stderr, &["an empty list", "endpoints.main.model"]);
}

#[test]
fn every_endpoint_that_is_not_ready_is_an_error_of_its_own() {
    let bench = Bench::new();
    let others = "api_key.env = \"NO_KEY_1\"\n[endpoints.second]\nurl = \"http://127.0.0.1:9/v1\"\napi_key.env = \"NO_KEY_2\"";
    let file = scenario(&bench, "several", "http://127.0.0.1:9/v1", others, "700ms");
    let done = bench.run(&["run", &file]).expect_code(4);
    let starts =
        ["error: endpoint `main`: the environment variable `NO_KEY_1`", "error: endpoint `second`: "];
    for start in starts {
        assert!(done.stderr.lines().any(|line| line.starts_with(start)), "{start}\n{}", done.stderr);
    }
    let unmarked = |line: &&str| !line.starts_with("error: ") && !line.starts_with(' ');
    assert_eq!(done.stderr.lines().find(unmarked), None);
}

#[test]
fn a_key_is_asked_for() {
    let done = answering("401 Unauthorized", "", "model = \"m\"").expect_code(4);
    says(&done.stderr, &["401 Unauthorized", "help: set `endpoints.main.api_key"]);
    let done = answering("401 Unauthorized", "", "api_key = { env = \"SOME_KEY\" }").expect_code(4);
    says(&done.stderr, &["the key is not accepted", "endpoints.main.api_key"]);
    let done = answering("401 Unauthorized", "", "headers = { x-team = \"a\" }").expect_code(4);
    says(&done.stderr, &["help: correct `endpoints.main.headers`, or set `endpoints.main.api_key"]);
}

#[test]
fn a_redirect_is_told_before_anything_is_sent() {
    let server = server(|out| {
        out.write("HTTP/1.1 308 Permanent Redirect\r\nlocation: /api/v1/models\r\ncontent-length: 0\r\n\r\n");
    });
    let bench = Bench::new();
    let file = scenario(&bench, "redirect", &server.url(), "model = \"m\"", "700ms");
    let done = bench.run(&["run", &file]).expect_code(4);
    says(&done.stderr, &["308 Permanent Redirect", "/api/v1/models", "endpoints.main.url"]);
    assert!(server.served().is_empty());
}

#[test]
fn a_server_that_is_still_loading_is_waited_for() {
    let looks = AtomicU32::new(0);
    let server = server(move |out| match looks.fetch_add(1, Ordering::SeqCst) {
        0..3 => out.answer("503 Service Unavailable", "application/json", r#"{"error":"Loading model"}"#),
        _ => out.answer("200 OK", "application/json", r#"{"data":[{"id":"m"}]}"#),
    });
    let bench = Bench::new();
    let file = scenario(&bench, "loading", &server.url(), "", "30s");
    bench.run(&["run", &file]).expect_code(0);
    assert_eq!(server.served().len(), 4);
}

#[test]
fn a_server_that_accepts_and_is_silent_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let bench = Bench::new();
    let file = scenario(&bench, "silent", &url, "", "500ms");
    let begin = std::time::Instant::now();
    let done = bench.run(&["run", &file]).expect_code(4);
    // one look may take 5 s, but not where less is allowed
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    says(&done.stderr, &[&url, "within 500ms", "timed out", "ready_timeout"]);
}

#[test]
fn all_endpoints_that_are_not_ready_are_named() {
    let bench = Bench::new();
    let file = bench.file(
        "two.toml",
        r#"
        version = 1
        name = "two"
        run = { ready_timeout = "300ms" }
        [endpoints.left]
        url = "http://127.0.0.1:9/v1"
        [endpoints.right]
        url = "https://127.0.0.1:9/v1"
        [phases.load]
        requests = 4
        load.closed = { users = 1 }
        "#,
    );
    let done = bench.run(&["run", &file]).expect_code(4);
    says(
        &done.stderr,
        &["`left`", "http://127.0.0.1:9/v1/models", "`right`", "https://127.0.0.1:9/v1/models"],
    );
}

#[test]
fn an_address_of_version_6() {
    // where the machine has no such address there is nothing to connect to
    if TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let models = |out: &mut Out<'_>| out.answer("200 OK", "application/json", r#"{"data":[{"id":"m"}]}"#);
    let server = Server::with_models("[::1]:0", models, |_, out| {
        stream_tokens(out, Duration::from_millis(1), Duration::from_millis(1), 2);
        After::KeepOpen
    });
    let bench = Bench::new();
    let file = scenario(&bench, "six", &server.url(), "", "5s");
    bench.run(&["run", &file]).expect_code(0);
    let host = format!("[::1]:{}", server.address.port());
    for served in server.served() {
        assert!(served.request.headers.contains(&("host".to_owned(), host.clone())));
    }
}

#[test]
fn an_interrupt_while_waiting_ends_it_at_once() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let server = server(move |out| {
        counted.fetch_add(1, Ordering::SeqCst);
        out.answer("503 Service Unavailable", "text/plain", "loading");
    });
    let bench = Bench::new();
    let file = scenario(&bench, "loading", &server.url(), "", "5m");
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(30), || (looks.load(Ordering::SeqCst) > 0).then_some(())).expect("a look");
    running.signal(Signal::SIGINT);
    let done = running.finish().expect_code(130);
    says(&done.stderr, &["nothing was sent"]);
    assert!(bench.runs().is_empty());
}

/// The children of a process, as Linux lists them for each of its threads.
#[cfg(target_os = "linux")]
fn children(process: u32) -> String {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_while_simulated_servers_start_ends_it_at_once() {
    use std::fmt::Write as _;

    let bench = Bench::new();
    // so many that starting them takes a while on any machine
    let mut text = "version = 1\nname = \"many\"\n[phases.load]\nload.closed = { users = 1 }\n".to_owned();
    for number in 0..200 {
        let _ = write!(text, "[sims.s{number}]\n[endpoints.e{number}]\nurl = \"sim:s{number}\"\n");
    }
    let file = bench.file("many.toml", &text);
    let running = bench.start(&["run", &file]);
    wait(Duration::from_secs(30), || (!children(running.child.id()).is_empty()).then_some(()))
        .expect("a child");
    running.signal(Signal::SIGINT);
    let done = running.finish().expect_code(130);
    says(&done.stderr, &["stopped before the simulated servers were up; nothing was sent"]);
    assert!(bench.runs().is_empty());
}

//! Alerts: told while a run goes on, in its files, and to a webhook.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    kit::{Bench, Run},
    server::{After, Server, stream_tokens},
};

/// A server whose answers are failures while a function of its time says so.
fn server(fails: impl Fn(Duration) -> bool + Send + Sync + 'static) -> Server {
    let begun = OnceLock::new();
    Server::start(move |_, out| {
        let begun: &Instant = begun.get_or_init(Instant::now);
        if fails(begun.elapsed()) {
            std::thread::sleep(Duration::from_millis(20));
            out.answer("500 Internal Server Error", "application/json", r#"{"error":{"message":"no"}}"#);
        } else {
            stream_tokens(out, Duration::from_millis(10), Duration::from_millis(1), 4);
        }
        After::KeepOpen
    })
}

/// What was sent to a webhook.
type Received = Arc<Mutex<Vec<Value>>>;

/// A webhook that refuses its first message once.
fn webhook() -> (Server, Received) {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let server = Server::start(move |request, out| {
        if request.number == 0 {
            out.answer("503 Service Unavailable", "text/plain", "later");
        } else {
            kept.lock().unwrap().push(request.body.clone());
            out.answer("204 No Content", "text/plain", "");
        }
        After::KeepOpen
    });
    (server, received)
}

fn scenario(server: &Server, more: &str) -> String {
    format!(
        "version = 1\nname = \"alerted\"\n[endpoints.main]\nurl = \"{}\"\nmodel = \"scripted\"\n{more}\n",
        server.url()
    )
}

/// Alerts of a run as its diary has them: name, state, nanosecond.
fn told(run: &Run) -> Vec<(String, String, u64)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let lines = run.diary("alert");
    lines
        .iter()
        .map(|line| (text(line, "alert"), text(line, "state"), line["at_ns"].as_u64().unwrap()))
        .collect()
}

#[test]
fn an_alert_fires_once_clears_and_is_told_everywhere() {
    // two stretches of failures, the second within the cooldown
    let failing =
        |at: Duration| (1_500..2_800).contains(&at.as_millis()) || (6_000..7_000).contains(&at.as_millis());
    let (server, (hook, received)) = (server(failing), webhook());
    let bench = Bench::new();
    let file = bench.file(
        "alerted.toml",
        &scenario(
            &server,
            &format!(
                "[phases.load]\nduration = \"9s\"\nload.closed = {{ users = 2 }}\n\
                 [alerts.failing]\nwhen = \"error_rate > 20%\"\nwindow = \"2s\"\n\
                 [alerting]\ndefaults = false\n\
                 [alerting.webhook]\nurl = \"http://{}/alerts\"\n\
                 headers.authorization = {{ env = \"HOOK_TOKEN\" }}\n",
                hook.address
            ),
        ),
    );
    let done = bench.command(&["run", &file]).env("HOOK_TOKEN", "Bearer a-token-1234567").output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    let run = bench.only_run();

    let lines = told(&run);
    let states: Vec<(&str, &str)> =
        lines.iter().map(|(name, state, _)| (name.as_str(), state.as_str())).collect();
    assert_eq!(states, [("failing", "firing"), ("failing", "cleared")], "{stderr}");
    assert!(stderr.contains("alert `failing` fires in `load`: error_rate is "), "{stderr}");
    assert!(stderr.contains("alert `failing` in `load` is over after "), "{stderr}");

    let received = received.lock().unwrap().clone();
    let [fired, cleared] = &received[..] else { panic!("{received:?}\n{stderr}") };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text(fired, "state"), text(cleared, "state")), ("firing".to_owned(), "cleared".to_owned()));
    for message in &received {
        let name = run.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(
            (text(message, "event"), text(message, "alert")),
            ("alert".to_owned(), "failing".to_owned())
        );
        assert_eq!((text(message, "run"), text(message, "phase")), (name.to_owned(), "load".to_owned()));
        assert_eq!(
            (text(message, "scenario"), text(message, "unit")),
            ("alerted".to_owned(), "share".to_owned())
        );
        assert_eq!(message["threshold"], 0.2);
        let stamp = &time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(&text(message, "at"), stamp).is_ok(), "{message}");
    }
    assert!(fired["value"].as_f64().is_some_and(|value| value > 0.2));
    assert!(cleared["worst"].as_f64() >= fired["value"].as_f64());
    // refused once, and so sent twice
    let posts = hook.served();
    assert_eq!(posts.len(), 3);
    assert_eq!(posts[0].request.body, posts[1].request.body);
    for post in &posts {
        let has =
            |name: &str, value: &str| post.request.headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("authorization", "Bearer a-token-1234567") && has("content-type", "application/json"));
        assert_eq!(post.request.path, "/alerts");
    }

    let summary = run.json("summary.json");
    let alert = &summary["alerts"][0];
    assert_eq!((&alert["name"], &alert["times"]), (&"failing".into(), &1.into()));
    assert_eq!((&alert["severity"], &alert["firing_at_end"]), (&"warn".into(), &false.into()));
    assert!(alert["worst"].as_f64().is_some_and(|worst| worst > 0.2), "{alert}");
    assert!(run.text("report.html").contains("<h2 id=\"h-alerts\">Alerts</h2>"));
    assert!(String::from_utf8_lossy(&done.stdout).contains("alerts  1 fired while it ran"));
    for name in ["plan.json", "events.jsonl", "summary.json", "report.html", "system-info.json"] {
        assert!(!run.text(name).contains("a-token-1234567"), "{name}");
    }

    // and all of it follows from the diary
    std::fs::remove_file(run.path().join("summary.json")).unwrap();
    bench.run(&["report", run.path().to_str().unwrap(), "--quiet"]).expect_code(0);
    assert_eq!(run.json("summary.json")["alerts"], summary["alerts"]);
}

/// A scenario whose alert fires as soon as ten requests have ended.
fn at_once(server: &Server, hook: &Server, severity: &str) -> String {
    let more = format!(
        "[phases.load]\nrequests = 100\nload.closed = {{ users = 2 }}\n\
         [alerts.always]\nwhen = \"error_rate >= 0%\"\nseverity = \"{severity}\"\n\
         [alerting]\ndefaults = false\nwebhook.url = \"http://{}/alerts\"\n",
        hook.address
    );
    scenario(server, &more)
}

#[test]
fn a_saved_run_sends_nothing_to_the_webhook_of_its_plan_unless_it_may() {
    let (server, (hook, received)) = (server(|_| false), webhook());
    let bench = Bench::new();
    let file = bench.file("once.toml", &at_once(&server, &hook, "fail"));
    // what is to fail the run does, and the grade is what targets make it
    bench.run(&["run", &file, "--quiet"]).expect_code(1);
    let run = bench.only_run();
    let summary = run.json("summary.json");
    assert_eq!((&summary["verdict"], &summary["performance_grade"]), (&"FAIL".into(), &"UNGRADED".into()));
    assert!(summary["reason"].as_str().unwrap().contains("alert `always`"), "{}", summary["reason"]);
    let states: Vec<String> = told(&run).into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, ["firing", "ended"]);
    assert_eq!(received.lock().unwrap().len(), 2);

    let folder = run.path().to_str().unwrap();
    let done = bench.run(&["rerun", folder]).expect_code(1);
    assert!(done.stderr.contains("alerts are not sent to http://"), "{}", done.stderr);
    assert!(done.stderr.contains("add `--allow-webhook`"), "{}", done.stderr);
    assert_eq!(received.lock().unwrap().len(), 2);
    bench.run(&["rerun", folder, "--allow-webhook", "--quiet"]).expect_code(1);
    assert_eq!(received.lock().unwrap().len(), 4);
}

#[test]
fn a_webhook_may_have_a_query_and_one_that_is_no_url_is_told_before_anything_is_sent() {
    let (server, (hook, received)) = (server(|_| false), webhook());
    let bench = Bench::new();
    let text = at_once(&server, &hook, "warn");
    let written = format!("\"http://{}/alerts\"", hook.address);
    let file = bench.file("query.toml", &text.replace(&written, "{ env = \"WEBHOOK_URL\" }"));
    let run = |url: &str| bench.command(&["run", &file]).env("WEBHOOK_URL", url).output().unwrap();
    let done = run("hooks.example.org/a-secret-1234567");
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && stderr.contains("`alerting.webhook.url`"), "{stderr}");
    assert!(!stderr.contains("a-secret-1234567"), "{stderr}");
    assert!(server.served().is_empty() && hook.served().is_empty());

    let done = run(&format!("http://{}/invoke?sig=a-secret-1234567", hook.address));
    let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && !stderr.contains("do not reach"), "{stderr}");
    assert_eq!(received.lock().unwrap().len(), 2);
    assert!(hook.served().iter().all(|post| post.request.path == "/invoke?sig=a-secret-1234567"));
}

#[test]
fn a_webhook_that_hangs_holds_up_nothing_for_long() {
    let server = server(|_| false);
    let hook = Server::start(|_, _| {
        std::thread::sleep(Duration::from_secs(120));
        After::Close
    });
    let bench = Bench::new();
    let file = bench.file("hangs.toml", &at_once(&server, &hook, "info"));
    // `finish` waits a minute, which is half of what the webhook takes
    let done = bench.start(&["run", &file]).finish().expect_code(0);
    assert!(done.stderr.contains("alerts that are still on their way"), "{}", done.stderr);
    assert_eq!(told(&bench.only_run()).len(), 2);
}

#[test]
fn a_webhook_that_is_not_there_is_told_once() {
    let server = server(|_| false);
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hook = Server::start(|_, _| After::Close);
    let bench = Bench::new();
    let text = at_once(&server, &hook, "warn").replace(&hook.address.to_string(), &address.to_string());
    let file = bench.file("nobody.toml", &text);
    let done = bench.run(&["run", &file]).expect_code(0);
    assert_eq!(done.stderr.matches("alerts do not reach `alerting.webhook`").count(), 1, "{}", done.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn the_machine_is_watched_also_where_nothing_is_sent() {
    let server = server(|_| false);
    let bench = Bench::new();
    let file = bench.file(
        "resting.toml",
        &scenario(
            &server,
            "[phases.rest]\npause = \"3s\"\n[phases.load]\nrequests = 20\nload.closed = { users = 2 }\n\
             [alerts.used]\nwhen = \"system.memory.mean > 0%\"\nwindow = \"1s\"\n",
        ),
    );
    bench.run(&["run", &file]).expect_code(0);
    let run = bench.only_run();
    let load = run.diary("step_started").last().unwrap()["at_ns"].as_u64().unwrap();
    let lines = told(&run);
    let used: Vec<_> = lines.iter().filter(|(name, ..)| name == "used").collect();
    assert_eq!((used[0].1.as_str(), used.len()), ("firing", 2), "{lines:?}");
    assert!(used[0].2 < load, "{lines:?}");
    assert_eq!(used[1].1, "ended");
}

//! Pages that are fetched, from servers in this process.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use http::HeaderMap;

use super::{
    super::sensor::{Manner, asked, find},
    readings, recorded,
};
use crate::{
    catalog::Quantity,
    config::{Faults, MetricsPages, Sim},
    record::{Class, Sample, Subject},
    sim,
    telemetry::{Sensor, Server, cost::Aside, servers::together},
};

/// A server that answers every request with what `answer` makes of its head; until it is dropped.
struct Web {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Web {
    fn start(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                if ends.load(SeqCst) {
                    return;
                }
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    head.push(byte[0]);
                }
                match answer(&String::from_utf8_lossy(&head)) {
                    Some(answer) => drop(stream.write_all(answer.as_bytes())),
                    // never answered
                    None => held.push(stream),
                }
            }
        });
        Self { address, over }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.over.store(true, SeqCst);
        // wakes the thread up
        let _ = TcpStream::connect(self.address);
    }
}

fn page(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
}

fn pages_of(endpoint: &str, url: String, pages: MetricsPages) -> Server {
    Server { endpoint: endpoint.to_owned(), url, pid: None, pages, headers: HeaderMap::new(), tls: None }
}

fn manner(interval: Duration, patient: bool) -> Manner<'static> {
    Manner { allow_hosts: &[], interval, patient }
}

fn sensors(endpoints: &[Server]) -> Vec<Box<dyn Sensor>> {
    find(&together(endpoints), manner(Duration::ZERO, false), &Aside::default()).0
}

/// When the tests' runs are, in nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// Reads until there is something that is wanted.
fn until(sensor: &mut dyn Sensor, what: impl Fn(&[Sample], &[String]) -> bool) -> (Vec<Sample>, Vec<String>) {
    let begun = Instant::now();
    let (mut samples, mut missing) = (Vec::new(), Vec::new());
    while begun.elapsed() < Duration::from_secs(60) {
        samples.extend(sensor.read(HOUR + begun.elapsed().as_nanos() as u64).expect("it goes on"));
        missing.extend(sensor.missing());
        if what(&samples, &missing) {
            return (samples, missing);
        }
        thread::yield_now();
    }
    panic!("{samples:?} {missing:?}");
}

#[test]
fn a_server_that_nobody_named_a_page_of_is_looked_at() {
    let web = Web::start(|head| {
        Some(if head.starts_with("GET /metrics ") { page(&recorded("llamacpp")) } else { page("no") })
    });
    let mut sensors = sensors(&[pages_of("main", web.url("/v1"), MetricsPages::Auto)]);
    let (samples, missing) = until(&mut *sensors[0], |samples, _| samples.len() >= 4);
    assert!(readings(&samples).starts_with("server of `main` · sampled · server.queue_length = 2"));
    assert_eq!((samples[0].class, samples[1].class), (Class::Sampled, Class::Counter));
    assert!(missing.is_empty());
    let times: Vec<u64> = samples.iter().map(|sample| sample.at_ns).collect();
    assert!(times.is_sorted() && times[0] >= HOUR - 60_000_000_000 && times[0] < times[2], "{times:?}");
}

#[test]
fn who_has_no_such_page_is_not_asked_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let web = Web::start(move |_| {
        counted.fetch_add(1, SeqCst);
        Some(page("<html>a shop</html>"))
    });
    let other = Web::start(|_| Some(page(&recorded("vllm_v0"))));
    let mut sensors = sensors(&[
        pages_of("shop", web.url("/v1"), MetricsPages::Auto),
        pages_of("main", other.url(""), MetricsPages::Auto),
    ]);
    // two pages of the other one, and all that while nothing of this one
    until(&mut *sensors[1], |samples, _| samples.len() >= 4);
    assert_eq!((sensors[0].read(0), sensors[0].missing()), (Ok(Vec::new()), Vec::new()));
    assert!(asked.load(SeqCst) <= 1);
    assert!(self::sensors(&[pages_of("off", web.url("/v1"), MetricsPages::Off)]).is_empty());
}

#[test]
fn a_page_that_was_named_is_missed() {
    let there = Arc::new(AtomicBool::new(false));
    let is_there = Arc::clone(&there);
    let web =
        Web::start(move |_| {
            let page = is_there.load(SeqCst).then(|| page(&recorded("dcgm")));
            Some(page.unwrap_or_else(|| {
                "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n".to_owned()
            }))
        });
    let url = web.url("/metrics");
    let mut sensors = sensors(&[pages_of("main", web.url("/v1"), MetricsPages::At(vec![url.clone()]))]);
    let (samples, missing) = until(&mut *sensors[0], |_, missing| !missing.is_empty());
    assert_eq!((samples.len(), missing), (0, vec![format!("`GET {url}`: answered 503 Service Unavailable")]));
    // it comes up later
    there.store(true, SeqCst);
    let (samples, _) = until(&mut *sensors[0], |samples, _| !samples.is_empty());
    assert_eq!(samples[0].subject, Subject::Gpu(format!("{}/node-7/0", web.address)));
}

/// Counters of two servers in one series would fall and rise from page to page.
#[test]
fn of_two_servers_behind_one_endpoint_the_first_tells() {
    let webs = [1, 2]
        .map(|server| Web::start(move |_| Some(page(&format!("vllm:num_requests_running {server}\n")))));
    let urls = webs.each_ref().map(|web| web.url("/metrics"));
    let main = pages_of("main", webs[0].url("/v1"), MetricsPages::At(urls.to_vec()));
    let mut sensors = sensors(&[main]);
    let (mut samples, mut notes) = (Vec::new(), Vec::new());
    while notes.is_empty() || samples.len() < 3 {
        for sensor in &mut sensors {
            samples.extend(sensor.read(HOUR).expect("it goes on"));
            notes.extend(sensor.missing());
        }
    }
    let running: std::collections::BTreeSet<u64> =
        samples.iter().map(|sample| sample.readings[&Quantity::ServerRunning] as u64).collect();
    assert_eq!(running.len(), 1, "{running:?}");
    let other = if running.contains(&1) { &urls[1] } else { &urls[0] };
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with(&format!("`{other}` is left out, since")), "{notes:?}");
}

/// Some servers say nothing of their own before the first request.
#[test]
fn a_page_that_says_nothing_yet_is_looked_at_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let web = Web::start(move |_| {
        let early = count.fetch_add(1, SeqCst) < 1;
        Some(page(&if early { "process_open_fds 7\n".to_owned() } else { recorded("tgi") }))
    });
    let mut sensors = sensors(&[pages_of("main", web.url("/v1"), MetricsPages::Auto)]);
    let (samples, missing) = until(&mut *sensors[0], |samples, _| !samples.is_empty());
    assert_eq!((samples[0].subject.clone(), missing), (Subject::Server(vec!["main".to_owned()]), Vec::new()));
    assert!(!sensors[0].found(), "nobody had missed it");
}

/// While a server is only monitored, its page is missed and looked for again, though nobody named it.
#[test]
fn a_page_that_is_waited_for_is_told_of_and_taken_when_it_comes() {
    let there = Arc::new(AtomicBool::new(false));
    let is_there = Arc::clone(&there);
    let web = Web::start(move |_| {
        let text = if is_there.load(SeqCst) { recorded("tgi") } else { "<html>starting</html>".to_owned() };
        Some(page(&text))
    });
    let main = pages_of("main", web.url("/v1"), MetricsPages::Auto);
    let mut sensors = find(&together(&[main]), manner(Duration::ZERO, true), &Aside::default()).0;
    let (samples, missing) = until(&mut *sensors[0], |_, missing| !missing.is_empty());
    let url = web.url("/metrics");
    assert_eq!((samples.len(), missing), (0, vec![format!("`GET {url}`: is no page of a known server")]));
    there.store(true, SeqCst);
    let (samples, missing) = until(&mut *sensors[0], |samples, _| !samples.is_empty());
    assert_eq!(samples[0].subject, Subject::Server(vec!["main".to_owned()]));
    assert!(missing.is_empty() && sensors[0].found() && !sensors[0].found(), "{missing:?}");
}

#[test]
fn a_page_that_does_not_come_holds_up_no_other() {
    let slow = Web::start(|_| None);
    let large = Web::start(|_| Some(page(&"a 1\n".repeat(3 << 20))));
    let quick = Web::start(|_| Some(page(&recorded("tgi"))));
    let named = |web: &Web| MetricsPages::At(vec![web.url("/metrics")]);
    let mut sensors = sensors(&[
        pages_of("slow", slow.url(""), named(&slow)),
        pages_of("large", large.url(""), named(&large)),
        pages_of("quick", quick.url(""), named(&quick)),
    ]);
    let (samples, _) = until(&mut *sensors[2], |samples, _| !samples.is_empty());
    assert_eq!(samples[0].subject, Subject::Server(vec!["quick".to_owned()]));
    let begun = Instant::now();
    assert_eq!(sensors[0].read(0), Ok(Vec::new()));
    assert!(begun.elapsed() < Duration::from_secs(2), "what is not there is not waited for");
    let (_, missing) = until(&mut *sensors[1], |_, missing| !missing.is_empty());
    assert!(
        missing[0].ends_with("has more than 8.00 MiB") || missing[0].ends_with("has more than 8.0 MiB"),
        "{missing:?}"
    );
}

#[test]
fn a_page_of_two_endpoints_is_fetched_once_and_secrets_stay_where_they_belong() {
    let page = "http://gpu-box:9400/metrics".to_owned();
    let mut one = pages_of("one", "http://Gpu-Box:8000/v1".to_owned(), MetricsPages::Auto);
    one.headers.insert("authorization", "Bearer a".parse().expect("a value"));
    let own = "http://gpu-box:8000/metrics".to_owned();
    let two = Server {
        endpoint: "two".to_owned(),
        pages: MetricsPages::At(vec![page.clone(), own.clone()]),
        ..one.clone()
    };
    let three = pages_of("three", "http://gpu-box:8000/team/v1".to_owned(), MetricsPages::Auto);
    let all = [two.clone(), Server { endpoint: "again".to_owned(), ..two }, one, three];
    let all = asked(&together(&all));
    let shown: Vec<_> = all
        .iter()
        .map(|asked| (asked.url.as_str(), asked.endpoints.join(" "), asked.named, asked.headers.len()))
        .collect();
    assert_eq!(
        shown,
        [
            (page.as_str(), "two again one".to_owned(), true, 0),
            (own.as_str(), "two again one".to_owned(), true, 1),
            ("http://gpu-box:8000/team/metrics", "three".to_owned(), false, 0),
        ]
    );
}

#[test]
fn the_first_page_is_waited_for_and_the_last_ones_are_those_that_say_the_same() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    // it still counts what has ended while its first four pages are made
    let web = Web::start(move |_| {
        let count = counted.fetch_add(1, SeqCst).min(3);
        Some(page(&format!("llamacpp:tokens_predicted_total {count}\n")))
    });
    let cost = Aside::default();
    let servers = [pages_of("main", web.url("/v1"), MetricsPages::Auto)];
    let mut sensors = find(&together(&servers), manner(Duration::from_secs(3600), false), &cost).0;
    let made = |samples: Vec<Sample>| -> Vec<f64> {
        samples.iter().map(|sample| sample.readings[&Quantity::ServerGenerationTokens]).collect()
    };
    assert_eq!(made(sensors[0].read(HOUR).expect("a page")), [0.0]);
    // the next one would come in an hour
    let begun = Instant::now();
    let last = sensors[0].read_last(HOUR, begun + Duration::from_secs(60)).expect("pages");
    assert!(last.iter().all(|sample| sample.at_ns >= HOUR), "{last:?}");
    assert_eq!(made(last), [1.0, 2.0, 3.0, 3.0]);
    assert!(begun.elapsed() < Duration::from_secs(60), "who fetches has ended");
    assert!(!cfg!(unix) || cost.ns() > 0, "and it was not for nothing");
}

#[test]
fn a_page_on_a_public_host_is_not_fetched() {
    let named = MetricsPages::At(vec!["http://203.0.113.9/metrics".to_owned()]);
    let mut sensors = sensors(&[pages_of("main", "http://127.0.0.1:9".to_owned(), named)]);
    let (_, missing) = until(&mut *sensors[0], |_, missing| !missing.is_empty());
    assert!(missing[0].contains("leads to the public address 203.0.113.9"), "{missing:?}");
}

/// The simulated server tells of itself as vLLM does.
#[test]
fn a_simulated_server_is_read_like_a_real_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    thread::spawn(move || {
        runtime.block_on(async {
            let settings = Sim {
                prefill_tokens_per_second: 100_000.0,
                step_base_s: 0.001,
                step_per_sequence_s: 0.000_1,
                max_batch: 4,
                kv_cache_tokens: None,
                jitter: 0.0,
                overhead_s: 0.0,
                faults: Faults::default(),
            };
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            sim::serve(listener, settings, "small".to_owned(), 1).await
        })
    });
    let body = r#"{"prompt":"twelve chars","max_tokens":7}"#;
    let mut stream = TcpStream::connect(address).expect("a server");
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
    stream.read_to_end(&mut Vec::new()).expect("an answer");
    let mut sensors = sensors(&[pages_of("main", format!("http://{address}/v1"), MetricsPages::Auto)]);
    let (samples, missing) = until(&mut *sensors[0], |samples, _| !samples.is_empty());
    assert!(missing.is_empty());
    let value = |quantity| samples.iter().find_map(|sample| sample.readings.get(&quantity).copied());
    for (quantity, expected) in [
        (Quantity::ServerRunning, 0.0),
        (Quantity::ServerQueueLength, 0.0),
        (Quantity::ServerKvCacheUsage, 0.0),
        (Quantity::ServerPreemptions, 0.0),
        (Quantity::ServerPromptTokens, 3.0),
        (Quantity::ServerGenerationTokens, 7.0),
        (Quantity::ServerRequests, 1.0),
    ] {
        assert_eq!(value(quantity), Some(expected), "{quantity:?}");
    }
}

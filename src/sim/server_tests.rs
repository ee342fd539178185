use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::*;
use crate::config::Faults;

/// After which a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Steps of a millisecond or so, four places.
fn settings() -> Sim {
    Sim {
        prefill_tokens_per_second: 100_000.0,
        step_base_s: 0.001,
        step_per_sequence_s: 0.000_1,
        max_batch: 4,
        kv_cache_tokens: None,
        jitter: 0.0,
        overhead_s: 0.0,
        faults: Faults::default(),
    }
}

fn with(faults: Faults) -> Sim {
    Sim { faults, ..settings() }
}

async fn start(settings: Sim) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve(listener, settings, "small".to_owned(), 42));
    address
}

/// A connection with one request on it.
struct Exchange {
    stream: TcpStream,
    data: Vec<u8>,
}

/// A whole response.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
    /// Whether the body ended as HTTP says, rather than with the connection.
    whole: bool,
}

impl Exchange {
    async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("a request sent");
        Self { stream, data: Vec::new() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.data.clone()).expect("text")
    }

    /// Reads once.
    async fn read(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.data);
        timeout(PATIENCE, read).await.expect("the server to say something")
    }

    /// Reads until `needle` has come.
    async fn until(&mut self, needle: &str) {
        while !self.text().contains(needle) {
            assert_ne!(
                self.stream.read_buf(&mut self.data).await.expect("an open connection"),
                0,
                "{needle}"
            );
        }
    }

    async fn reply(mut self) -> Reply {
        // a connection that is cut may end as an error as well as an end
        while self.read().await.is_ok_and(|read| read > 0) {}
        let text = self.text();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (body, whole) = if head.contains("transfer-encoding: chunked") {
            unchunk(body)
        } else {
            (body.to_owned(), head.contains(&format!("content-length: {}", body.len())))
        };
        Reply { status, head: head.to_owned(), body, whole }
    }
}

/// The content of a chunked body, and whether it has its end.
fn unchunk(mut body: &str) -> (String, bool) {
    let mut content = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return (content, true);
        }
        content += &rest[..size];
        body = &rest[size + 2..];
    }
    (content, false)
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The data of every event of a stream.
    fn events(&self) -> Vec<&str> {
        assert!(self.head.contains("content-type: text/event-stream"), "{}", self.head);
        let events = self.body.strip_suffix("\n\n").expect("a complete last event");
        events.split("\n\n").map(|event| event.strip_prefix("data: ").expect("data")).collect()
    }

    /// The same as JSON, without the `[DONE]` that must be at the end.
    fn objects(&self) -> Vec<Value> {
        let mut events = self.events();
        assert_eq!(events.pop(), Some("[DONE]"));
        events.into_iter().map(|event| serde_json::from_str(event).expect("JSON")).collect()
    }
}

async fn get_text(address: SocketAddr, path: &str) -> Reply {
    Exchange::send(address, "GET", path, "").await.reply().await
}

fn chat_body(more: &str) -> String {
    format!(r#"{{"model":"asked","messages":[{{"role":"user","content":"twelve chars"}}]{more}}}"#)
}

async fn ask_chat(address: SocketAddr, more: &str) -> Reply {
    Exchange::send(address, "POST", "/v1/chat/completions", &chat_body(more)).await.reply().await
}

async fn ask_completion(address: SocketAddr, more: &str) -> Reply {
    let body = format!(r#"{{"prompt":"twelve chars"{more}}}"#);
    Exchange::send(address, "POST", "/v1/completions", &body).await.reply().await
}

/// Reads `/metrics` until it has this line, given without the labels that all have; progress is the server's, so nothing here
/// depends on its speed.
async fn metrics_say(address: SocketAddr, line: &str) {
    let plain =
        |own: &str| own.replace(r#"engine="0",model_name="small""#, "").replace("{,", "{").replace("{}", "");
    let said =
        async { while !get_text(address, "/metrics").await.body.lines().any(|own| plain(own) == line) {} };
    timeout(PATIENCE, said).await.expect("the server to get there");
}

#[tokio::test]
async fn a_chat_is_streamed() {
    let address = start(settings()).await;
    let reply =
        ask_chat(address, r#","stream":true,"max_tokens":3,"stream_options":{"include_usage":true}"#).await;
    assert_eq!((reply.status, reply.whole), (200, true));
    assert!(
        reply.head.contains(concat!("server: scenario-sim/", env!("CARGO_PKG_VERSION"))),
        "{}",
        reply.head
    );
    let objects = reply.objects();
    assert_eq!(objects.len(), 6);
    for object in &objects {
        assert_eq!(object["object"], "chat.completion.chunk");
        assert_eq!(object["id"], "chatcmpl-sim-2a-0");
        assert_eq!(object["model"], "asked");
        assert!(object["created"].as_u64() > Some(1_600_000_000));
    }
    let choices: Vec<String> = objects.iter().map(|object| object["choices"].to_string()).collect();
    insta::assert_snapshot!(choices.join("\n"), @r#"
    [{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]
    [{"index":0,"delta":{"content":"again"},"finish_reason":null}]
    [{"index":0,"delta":{"content":" in"},"finish_reason":null}]
    [{"index":0,"delta":{"content":" is"},"finish_reason":null}]
    [{"index":0,"delta":{},"finish_reason":"length"}]
    []
    "#);
    assert_eq!(objects[5]["usage"], json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}));
}

#[tokio::test]
async fn a_completion_is_streamed() {
    let address = start(settings()).await;
    let reply = ask_completion(address, r#","stream":true,"max_tokens":2,"model":"a \"ü\" }""#).await;
    assert_eq!((reply.status, reply.whole), (200, true));
    let objects = reply.objects();
    assert!(objects.iter().all(|o| o["object"] == "text_completion" && o["model"] == "a \"ü\" }"));
    assert!(objects.iter().all(|o| o.get("usage").is_none()), "it was not asked for");
    let choices: Vec<String> = objects.iter().map(|object| object["choices"].to_string()).collect();
    insta::assert_snapshot!(choices.join("\n"), @r#"
    [{"index":0,"text":"again","logprobs":null,"finish_reason":null}]
    [{"index":0,"text":" in","logprobs":null,"finish_reason":null}]
    [{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]
    "#);
}

async fn ask_several(address: SocketAddr, prompts: &[&str], more: &str) -> Reply {
    let body = format!(r#"{{"prompt":{prompts:?}{more}}}"#);
    Exchange::send(address, "POST", "/v1/completions", &body).await.reply().await
}

#[tokio::test]
async fn several_prompts_are_answered_side_by_side() {
    let address = start(settings()).await;
    let more = r#","stream":true,"max_tokens":3,"stream_options":{"include_usage":true}"#;
    let reply = ask_several(address, &["four", "twelve chars"], more).await;
    assert_eq!((reply.status, reply.whole), (200, true));
    let objects = reply.objects();
    let choices: Vec<String> = objects.iter().map(|object| object["choices"].to_string()).collect();
    insta::assert_snapshot!(choices.join("\n"), @r#"
    [{"index":0,"text":"again","logprobs":null,"finish_reason":null}]
    [{"index":1,"text":"on","logprobs":null,"finish_reason":null}]
    [{"index":0,"text":" in","logprobs":null,"finish_reason":null}]
    [{"index":1,"text":" rate","logprobs":null,"finish_reason":null}]
    [{"index":0,"text":" is","logprobs":null,"finish_reason":null}]
    [{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]
    [{"index":1,"text":" a","logprobs":null,"finish_reason":null}]
    [{"index":1,"text":"","logprobs":null,"finish_reason":"length"}]
    []
    "#);
    assert!(objects.iter().all(|object| object["id"] == "cmpl-sim-2a-0"));
    let usage = json!({"prompt_tokens": 1 + 3, "completion_tokens": 2 * 3, "total_tokens": 10});
    assert_eq!(objects[objects.len() - 1]["usage"], usage);
    // the words of a prompt are those of a request with its number
    assert_eq!(ask_completion(address, r#","max_tokens":1"#).await.json()["id"], "cmpl-sim-2a-2");
    metrics_say(address, "vllm:request_success_total{finished_reason=\"length\"} 3").await;
}

#[tokio::test]
async fn several_prompts_are_answered_whole() {
    let address = start(settings()).await;
    // more prompts than places: the last waits for one
    let answer = ask_several(address, &["a", "b", "c", "d", "e"], r#","max_tokens":2"#).await.json();
    let choices = answer["choices"].as_array().expect("choices");
    let indices: Vec<_> = choices.iter().map(|choice| choice["index"].as_u64()).collect();
    assert_eq!(indices, (0..5).map(Some).collect::<Vec<_>>());
    let words = |choice: &Value| choice["text"].as_str().map(|text| text.split(' ').count());
    assert!(choices.iter().all(|choice| words(choice) == Some(2)), "{choices:?}");
    assert_eq!(answer["usage"], json!({"prompt_tokens": 5, "completion_tokens": 10, "total_tokens": 15}));
}

#[tokio::test]
async fn several_prompts_are_refused_and_cancelled_together() {
    let faults = Faults { overload_queue: Some(0), ..Faults::default() };
    let address = start(Sim { max_batch: 2, ..with(faults) }).await;
    let reply = ask_several(address, &["a", "b", "c"], "").await;
    assert_eq!((reply.status, reply.whole), (503, true));
    metrics_say(address, "vllm:request_success_total{finished_reason=\"abort\"} 2").await;
    let long = r#"{"prompt":["a","b"],"stream":true,"max_tokens":1000000}"#;
    let mut gone = Exchange::send(address, "POST", "/v1/completions", long).await;
    gone.until("\"index\":1").await;
    drop(gone);
    metrics_say(address, "vllm:request_success_total{finished_reason=\"abort\"} 4").await;
}

#[tokio::test]
async fn answers_are_given_whole() {
    let address = start(settings()).await;
    let chat = ask_chat(address, r#","max_completion_tokens":4"#).await;
    assert_eq!((chat.status, chat.whole), (200, true));
    let mut chat = chat.json();
    chat["created"] = 0.into();
    insta::assert_snapshot!(chat, @r#"{"id":"chatcmpl-sim-2a-0","object":"chat.completion","created":0,"model":"asked","choices":[{"index":0,"message":{"role":"assistant","content":"again in is with"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#);
    let mut completion = ask_completion(address, "").await.json();
    completion["created"] = 0.into();
    insta::assert_snapshot!(completion, @r#"{"id":"cmpl-sim-2a-1","object":"text_completion","created":0,"model":"small","choices":[{"index":0,"text":"on rate a until runs a for load at it short fast keeps it until at","logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":16,"total_tokens":19}}"#);
}

#[tokio::test]
async fn the_same_request_has_the_same_words_in_every_form() {
    let mut texts = Vec::new();
    for more in ["", r#","stream":true"#] {
        let chat = ask_chat(start(settings()).await, more).await;
        let completion = ask_completion(start(settings()).await, more).await;
        if more.is_empty() {
            texts.push(chat.json()["choices"][0]["message"]["content"].as_str().map(str::to_owned));
            texts.push(completion.json()["choices"][0]["text"].as_str().map(str::to_owned));
        } else {
            let join = |reply: &Reply, pointer: &str| {
                let objects = reply.objects();
                Some(objects.iter().filter_map(|o| o.pointer(pointer)?.as_str()).collect::<String>())
            };
            texts.push(join(&chat, "/choices/0/delta/content"));
            texts.push(join(&completion, "/choices/0/text"));
        }
    }
    assert_eq!(texts[0].as_ref().map(|text| text.split(' ').count()), Some(16));
    assert!(texts.iter().all(|text| text == &texts[0]), "{texts:?}");
}

#[tokio::test]
async fn what_is_not_a_request_is_refused() {
    let address = start(settings()).await;
    for (method, path, body, status) in [
        ("POST", "/v1/chat/completions", "{", 400),
        ("POST", "/v1/completions", "{}", 400),
        ("POST", "/v1/completions", r#"{"prompt":"a","max_tokens":0}"#, 400),
        ("GET", "/v1/completions", "", 405),
        ("POST", "/chat/completions", "{}", 404),
    ] {
        let reply = Exchange::send(address, method, path, body).await.reply().await;
        assert_eq!(reply.status, status, "{path} {body}");
        assert!(reply.head.contains("server: scenario-sim/"), "{}", reply.head);
        let error = &reply.json()["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].is_string() && error.get("param").is_some() && error.get("code").is_some());
    }
    metrics_say(address, "vllm:request_success_total{finished_reason=\"length\"} 0").await;
}

#[tokio::test]
async fn models_and_health() {
    let address = start(settings()).await;
    let models = get_text(address, "/v1/models").await.json();
    assert_eq!(models["object"], "list");
    assert_eq!(models["data"][0]["id"], "small");
    assert_eq!(get_text(address, "/health").await.status, 200);
}

#[tokio::test]
async fn metrics_count() {
    let address = start(settings()).await;
    ask_chat(address, r#","max_tokens":5"#).await;
    ask_completion(address, r#","max_tokens":7,"stream":true"#).await;
    metrics_say(address, "vllm:num_requests_running 0").await;
    let metrics = get_text(address, "/metrics").await;
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"));
    insta::assert_snapshot!(metrics.body, @r#"
    # HELP vllm:num_requests_running Requests in the batch.
    # TYPE vllm:num_requests_running gauge
    vllm:num_requests_running{engine="0",model_name="small"} 0
    # HELP vllm:num_requests_waiting Requests that wait for a place.
    # TYPE vllm:num_requests_waiting gauge
    vllm:num_requests_waiting{engine="0",model_name="small"} 0
    # HELP vllm:kv_cache_usage_perc Share of the key-value cache in use; 0 without a limit.
    # TYPE vllm:kv_cache_usage_perc gauge
    vllm:kv_cache_usage_perc{engine="0",model_name="small"} 0
    # HELP vllm:num_preemptions_total Times that a request lost its place and its room in the cache.
    # TYPE vllm:num_preemptions_total counter
    vllm:num_preemptions_total{engine="0",model_name="small"} 0
    # HELP vllm:prompt_tokens_total Prompt tokens of requests that got a place.
    # TYPE vllm:prompt_tokens_total counter
    vllm:prompt_tokens_total{engine="0",model_name="small"} 6
    # HELP vllm:generation_tokens_total Tokens generated.
    # TYPE vllm:generation_tokens_total counter
    vllm:generation_tokens_total{engine="0",model_name="small"} 12
    # HELP vllm:request_success_total Requests that ended, by their end.
    # TYPE vllm:request_success_total counter
    vllm:request_success_total{engine="0",model_name="small",finished_reason="length"} 2
    vllm:request_success_total{engine="0",model_name="small",finished_reason="abort"} 0
    vllm:request_success_total{engine="0",model_name="small",finished_reason="error"} 0
    # HELP scenario_sim_faults_total Requests that went wrong, by fault.
    # TYPE scenario_sim_faults_total counter
    scenario_sim_faults_total{fault="error"} 0
    scenario_sim_faults_total{fault="overloaded"} 0
    scenario_sim_faults_total{fault="error_in_stream"} 0
    scenario_sim_faults_total{fault="cut"} 0
    scenario_sim_faults_total{fault="stalled"} 0
    scenario_sim_faults_total{fault="too_long"} 0
    "#);
}

#[tokio::test]
async fn an_error_before_the_answer() {
    let address = start(with(Faults { error_rate: 1.0, ..Faults::default() })).await;
    for more in ["", r#","stream":true"#] {
        let reply = ask_chat(address, more).await;
        assert_eq!((reply.status, reply.whole), (500, true));
        assert_eq!(reply.json()["error"]["type"], "server_error");
    }
    metrics_say(address, "scenario_sim_faults_total{fault=\"error\"} 2").await;
}

#[tokio::test]
async fn an_overloaded_server() {
    let faults = Faults { overload_queue: Some(0), ..Faults::default() };
    let address = start(Sim { max_batch: 1, ..with(faults) }).await;
    let long = chat_body(r#","stream":true,"max_tokens":1000000"#);
    let mut first = Exchange::send(address, "POST", "/v1/chat/completions", &long).await;
    first.until("assistant").await;
    let reply = ask_chat(address, "").await;
    assert_eq!((reply.status, reply.whole), (503, true));
    assert_eq!(reply.json()["error"]["code"], "overloaded");
    assert!(reply.head.contains("retry-after: 1"));
}

#[tokio::test]
async fn what_never_fits_into_memory_is_refused() {
    let address = start(Sim { kv_cache_tokens: Some(64), ..settings() }).await;
    // three tokens of prompt
    assert_eq!(ask_chat(address, r#","max_tokens":61"#).await.status, 200);
    let whole = ask_chat(address, r#","max_tokens":62"#).await;
    let streamed = ask_chat(address, r#","max_tokens":62,"stream":true"#).await;
    assert_eq!(whole.json(), streamed.json());
    for reply in [&whole, &streamed] {
        assert_eq!((reply.status, reply.whole), (400, true));
    }
    insta::assert_snapshot!(whole.json(), @r#"{"error":{"message":"prompt and answer together have more tokens than the key-value cache of the simulated server holds","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#);
    metrics_say(address, "scenario_sim_faults_total{fault=\"too_long\"} 2").await;
}

#[tokio::test]
async fn memory_that_is_full_preempts() {
    let address = start(Sim { kv_cache_tokens: Some(1024), ..settings() }).await;
    let body = chat_body(r#","stream":true,"max_tokens":1000"#);
    let mut first = Exchange::send(address, "POST", "/v1/chat/completions", &body).await;
    first.until("assistant").await;
    // both have tokens for most of the memory in the end, and the second gives way to the first
    let second = ask_chat(address, r#","stream":true,"max_tokens":1000"#).await;
    assert_eq!((second.status, second.whole), (200, true));
    assert_eq!(second.events().len(), 1 + 1000 + 2, "the role, every token, the end");
    metrics_say(address, "vllm:num_preemptions_total 1").await;
    metrics_say(address, "vllm:kv_cache_usage_perc 0").await;
}

#[tokio::test]
async fn an_error_inside_a_stream() {
    let address = start(with(Faults { mid_stream_error_rate: 1.0, ..Faults::default() })).await;
    let reply = ask_chat(address, r#","stream":true,"max_tokens":8"#).await;
    assert_eq!((reply.status, reply.whole), (200, true));
    let events = reply.events();
    assert_eq!(events.len(), 6, "the role, four tokens, the error, and no more");
    let error: Value = serde_json::from_str(events[5]).expect("JSON");
    assert_eq!(error["error"]["type"], "server_error");
    assert_eq!(ask_chat(address, "").await.status, 200, "an answer that is not a stream has no middle");
}

#[tokio::test]
async fn a_stream_that_is_cut() {
    let address = start(with(Faults { cut_rate: 1.0, ..Faults::default() })).await;
    let reply = ask_completion(address, r#","stream":true,"max_tokens":8"#).await;
    assert_eq!((reply.status, reply.whole), (200, false));
    assert_eq!(reply.events().len(), 4);
    metrics_say(address, "scenario_sim_faults_total{fault=\"cut\"} 1").await;
}

#[tokio::test]
async fn a_stream_that_stalls() {
    let address = start(with(Faults { stall_rate: 1.0, ..Faults::default() })).await;
    let body = chat_body(r#","stream":true,"max_tokens":4"#);
    let mut exchange = Exchange::send(address, "POST", "/v1/chat/completions", &body).await;
    metrics_say(address, "scenario_sim_faults_total{fault=\"stalled\"} 1").await;
    while exchange.text().matches("data: ").count() < 3 {
        assert_ne!(exchange.read().await.expect("an open connection"), 0);
    }
    let more = exchange.stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(more, Err(io::ErrorKind::WouldBlock), "nothing more, and no end");
    // who stalls does not hold a place
    metrics_say(address, "vllm:num_requests_running 0").await;
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let address = start(Sim { max_batch: 1, ..settings() }).await;
    let long = chat_body(r#","stream":true,"max_tokens":1000000"#);
    let mut running = Exchange::send(address, "POST", "/v1/chat/completions", &long).await;
    running.until("assistant").await;
    let waiting = Exchange::send(address, "POST", "/v1/chat/completions", &chat_body("")).await;
    metrics_say(address, "vllm:num_requests_waiting 1").await;
    drop(waiting);
    metrics_say(address, "vllm:num_requests_waiting 0").await;
    drop(running);
    assert_eq!(ask_chat(address, "").await.status, 200);
    metrics_say(address, "vllm:request_success_total{finished_reason=\"abort\"} 2").await;
}

#[tokio::test]
async fn a_client_may_leave_before_the_server_has_answered_at_all() {
    let address = start(Sim { overhead_s: 3600.0, ..settings() }).await;
    drop(Exchange::send(address, "POST", "/v1/chat/completions", &chat_body("")).await);
    metrics_say(address, "vllm:request_success_total{finished_reason=\"abort\"} 1").await;
}

#[tokio::test]
async fn nothing_comes_before_its_time() {
    let address = start(Sim { overhead_s: 0.020, step_base_s: 0.005, ..settings() }).await;
    let asked = Instant::now();
    let body = chat_body(r#","stream":true,"max_tokens":10"#);
    let mut exchange = Exchange::send(address, "POST", "/v1/chat/completions", &body).await;
    exchange.until("assistant").await;
    assert!(asked.elapsed().as_secs_f64() >= 0.020);
    exchange.until("[DONE]").await;
    // ten steps of 5.1 ms
    assert!(asked.elapsed().as_secs_f64() >= 0.071);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let address = start(settings()).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let body = chat_body(r#","stream":true,"max_tokens":2"#);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for number in 0..3 {
        stream.write_all(request.as_bytes()).await.expect("an open connection");
        let mut exchange = Exchange { stream, data: Vec::new() };
        exchange.until("0\r\n\r\n").await;
        assert!(exchange.text().contains(&format!("chatcmpl-sim-2a-{number}")));
        stream = exchange.stream;
    }
}

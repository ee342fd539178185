//! A scripted HTTP server: a thread per connection, plain sockets, no code of the crate. It stamps its own writes.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

/// What a connection does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    KeepOpen,
    Close,
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Request {
    /// 0, 1, … in the order of arrival, not counting `GET`.
    pub number: u64,
    pub id: String,
    pub path: String,
    pub headers: Headers,
    pub body: Value,
}

/// A request with the times of its answer.
#[derive(Debug, Clone)]
pub struct Served {
    pub request: Request,
    pub received: Instant,
    /// Just before each write.
    pub writes: Vec<Instant>,
    /// What the connection took of them.
    pub bytes: u64,
}

/// The way out to the client.
pub struct Out<'a> {
    stream: &'a TcpStream,
    writes: Vec<Instant>,
    bytes: u64,
}

impl<'a> Out<'a> {
    fn new(stream: &'a TcpStream) -> Self {
        Self { stream, writes: Vec::new(), bytes: 0 }
    }

    /// `false` where the client went away, which is the client's business.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        self.writes.push(Instant::now());
        let taken = self.stream.write_all(bytes).is_ok();
        self.bytes += if taken { bytes.len() as u64 } else { 0 };
        taken
    }

    /// One piece of a chunked body.
    pub fn chunk(&mut self, text: &str) {
        self.write(format!("{:x}\r\n{text}\r\n", text.len()));
    }

    /// A server-sent event as a piece of a chunked body.
    pub fn event(&mut self, data: &str) {
        self.chunk(&format!("data: {data}\n\n"));
    }

    pub fn end_chunks(&mut self) {
        self.write("0\r\n\r\n");
    }

    pub fn stream_head(&mut self) {
        self.write(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        );
    }

    /// A whole answer.
    pub fn answer(&mut self, status: &str, content_type: &str, body: &str) {
        let length = body.len();
        self.write(format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
    }
}

/// The server. Its threads end with the process.
pub struct Server {
    pub address: SocketAddr,
    served: Arc<Mutex<Vec<Served>>>,
    looks: Arc<Mutex<Vec<Headers>>>,
}

/// Names in lower case, with their values.
pub type Headers = Vec<(String, String)>;

/// What answers a `POST`.
type Script = dyn Fn(&Request, &mut Out<'_>) -> After + Send + Sync;

/// What answers a `GET` of a path.
type Models = dyn Fn(&str, &mut Out<'_>) + Send + Sync;

impl Server {
    pub fn start(script: impl Fn(&Request, &mut Out<'_>) -> After + Send + Sync + 'static) -> Self {
        Self::with_models("127.0.0.1:0", list_models, script)
    }

    /// One that tells of itself on its page for Prometheus.
    pub fn with_metrics(
        page: impl Fn() -> String + Send + Sync + 'static,
        script: impl Fn(&Request, &mut Out<'_>) -> After + Send + Sync + 'static,
    ) -> Self {
        let looked = move |path: &str, out: &mut Out<'_>| match path {
            "/metrics" => out.answer("200 OK", "text/plain; version=0.0.4", &page()),
            _ => list_models(out),
        };
        Self::listening("127.0.0.1:0", looked, script)
    }

    pub fn with_models(
        address: &str,
        models: impl Fn(&mut Out<'_>) + Send + Sync + 'static,
        script: impl Fn(&Request, &mut Out<'_>) -> After + Send + Sync + 'static,
    ) -> Self {
        Self::listening(address, move |_, out| models(out), script)
    }

    fn listening(
        address: &str,
        models: impl Fn(&str, &mut Out<'_>) + Send + Sync + 'static,
        script: impl Fn(&Request, &mut Out<'_>) -> After + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let (script, models) = (Arc::new(script), Arc::new(models));
        let numbers = Arc::new(AtomicU64::new(0));
        let looks = Arc::new(Mutex::new(Vec::new()));
        let (log, looked) = (Arc::clone(&served), Arc::clone(&looks));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, models) = (Arc::clone(&script), Arc::clone(&models));
                let (numbers, log, looked) = (Arc::clone(&numbers), Arc::clone(&log), Arc::clone(&looked));
                std::thread::spawn(move || {
                    let _ = serve(&stream, &*script, &*models, &numbers, &log, &looked);
                });
            }
        });
        Self { address, served, looks }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn served(&self) -> Vec<Served> {
        self.served.lock().unwrap().clone()
    }

    /// The headers of every `GET`.
    pub fn looks(&self) -> Vec<Headers> {
        self.looks.lock().unwrap().clone()
    }
}

fn serve(
    stream: &TcpStream,
    script: &Script,
    models: &Models,
    numbers: &AtomicU64,
    log: &Mutex<Vec<Served>>,
    looks: &Mutex<Vec<Headers>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut parts = line.split_whitespace();
        let (method, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let find =
            |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        if method == "GET" {
            looks.lock().unwrap().push(headers);
            models(path, &mut Out::new(stream));
            continue;
        }
        let mut body = vec![0; find("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let received = Instant::now();
        let request = Request {
            number: numbers.fetch_add(1, Ordering::SeqCst),
            id: find("x-request-id"),
            path: path.to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            headers,
        };
        let mut out = Out::new(stream);
        let after = script(&request, &mut out);
        let Out { writes, bytes, .. } = out;
        log.lock().unwrap().push(Served { request, received, writes, bytes });
        if after == After::Close {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// A list of one model.
fn list_models(out: &mut Out<'_>) {
    let list = r#"{"object":"list","data":[{"id":"scripted","object":"model"}]}"#;
    out.answer("200 OK", "application/json", list);
}

/// The JSON of a chat event with some text.
pub fn chat_text(text: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":null}}]}}"#
    )
}

/// The JSON of the last chat event.
pub fn chat_finish(reason: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

/// The JSON of a usage event.
pub fn usage(input: u64, output: u64) -> String {
    format!(
        r#"{{"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{}}}}}"#,
        input + output
    )
}

/// A well-behaved stream: the first token after `ttft`, then one every `gap`, on an absolute schedule.
pub fn stream_tokens(out: &mut Out<'_>, ttft: Duration, gap: Duration, tokens: u32) {
    let begin = Instant::now();
    out.stream_head();
    for token in 0..tokens {
        let at = begin + ttft + gap * token;
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        out.event(&chat_text("word "));
    }
    out.event(&chat_finish("length"));
    out.event(&usage(7, u64::from(tokens)));
    out.event("[DONE]");
    out.end_chunks();
}

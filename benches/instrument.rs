//! What the instrument costs and how right it is, against a server that stamps every chunk it writes.
//!
//! `cargo bench --bench instrument` prints a table, `cargo bench --bench instrument -- --json` JSON; names of parts
//! (`stamps`, `cpu`, `fast`, `mm1`) run only those. The server is the null server in a process of its own. Floor is a bare
//! loop of `epoll` and `recvmsg` over the same streams in the same run.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

use std::{
    collections::HashMap,
    io::{self, BufRead as _, BufReader, IoSliceMut, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use nix::sys::{
    resource::{UsageWho, getrusage},
    socket::{MsgFlags, recvmsg},
};
use scenario::{
    catalog::Protocol,
    engine,
    protocol::{Answer, Ending, Flow},
    record::ChunkTimes,
    wire::{Clock, Limits, Origin, Pool, Request, Timing},
};

#[path = "instrument/mm1.rs"]
mod mm1;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "serve") {
        return serve();
    }
    let wanted = |part: &str| {
        let parts: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
        parts.is_empty() || parts.iter().any(|argument| *argument == part)
    };
    let json = arguments.iter().any(|argument| argument == "--json");
    let mut results = Vec::new();
    let mut tell = |name: String, figures: Vec<(&'static str, f64, &'static str)>| {
        if !json {
            let figures: Vec<_> =
                figures.iter().map(|(name, value, unit)| format!("{name} {value:.4} {unit}")).collect();
            println!("{name:<28} {}", figures.join("  "));
        }
        let figures: serde_json::Map<_, _> =
            figures.into_iter().map(|(name, value, _)| (name.to_owned(), value.into())).collect();
        results.push(serde_json::json!({ "name": name, "figures": figures }));
    };
    let server = Server::start();
    if wanted("stamps") {
        for (streams, busy) in [(100, false), (500, false), (1000, false), (1500, false), (500, true)] {
            let load = Load { streams, gap_us: 10_000, tokens: 500 };
            let _busy = busy.then(Busy::start);
            let name = format!("stamps {streams}{}", if busy { " + busy loop" } else { "" });
            tell(name, stamps(&server, load));
        }
    }
    if wanted("cpu") {
        for round in 0..3 {
            let load = Load { streams: 500, gap_us: 10_000, tokens: 500 };
            let (floor, ours) = (floor(&server, load), ours(&server, load));
            tell(
                format!("cpu per token {round}"),
                vec![("floor", floor, "us"), ("ours", ours, "us"), ("ratio", ours / floor, "x")],
            );
        }
    }
    if wanted("fast") {
        let load = Load { streams: 8, gap_us: 0, tokens: 200_000 };
        let (floor, ours) = (floor(&server, load), ours(&server, load));
        tell(
            "events per core second".to_owned(),
            vec![("floor", 1e6 / floor, "1/s"), ("ours", 1e6 / ours, "1/s"), ("ratio", ours / floor, "x")],
        );
    }
    drop(server);
    if wanted("mm1") {
        for (name, figures) in mm1::figures() {
            tell(name, figures);
        }
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&results).unwrap());
    }
}

/// The null server, until the standard input ends.
fn serve() {
    raise_descriptors();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    scenario::sim::serve_null(listener, &|| false).unwrap();
}

fn raise_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        raise_descriptors();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }

    /// When each chunk of each request was written, on the wall clock.
    fn stamps(&self) -> HashMap<String, Vec<i64>> {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.write_all(b"GET /stamps HTTP/1.1\r\n\r\n").unwrap();
        let mut reader = BufReader::new(socket);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        text.lines()
            .map(|line| {
                let mut words = line.split(' ');
                let id = words.next().unwrap().to_owned();
                (id, words.map(|word| word.parse().unwrap()).collect())
            })
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A thread that keeps a core busy.
struct Busy(Arc<std::sync::atomic::AtomicBool>);

impl Busy {
    fn start() -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !seen.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[derive(Clone, Copy)]
struct Load {
    streams: usize,
    gap_us: u64,
    tokens: u64,
}

impl Load {
    /// Streams start spread over a second, so that their chunks are.
    fn start_of(self, stream: usize) -> Duration {
        if self.gap_us == 0 {
            Duration::ZERO
        } else {
            Duration::from_secs(1).mul_f64(stream as f64 / self.streams as f64)
        }
    }
}

fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// What was seen of a stream.
struct Seen {
    chunks: ChunkTimes,
    /// When the reads returned that brought the events: what a client without the kernel's stamps would say.
    reads_ns: Vec<u64>,
}

/// Plays a load with the wire and the protocol of the product. Gives what it saw of every stream.
fn play(server: &Server, load: Load, keep: bool) -> (Clock, HashMap<String, Seen>) {
    let threads = std::thread::available_parallelism().unwrap().get() as u32;
    let runtime = engine::runtime(threads).unwrap();
    let clock = Clock::start();
    let arrivals = runtime.block_on(async {
        let origin = Origin::resolve(&format!("http://{}/{}/v1", server.address, load.gap_us)).await.unwrap();
        let pool = Arc::new(Pool::new(origin, clock, None).unwrap());
        pool.open_ahead(load.streams).await.unwrap();
        let start = tokio::time::Instant::now();
        let mut streams = tokio::task::JoinSet::new();
        for stream in 0..load.streams {
            let pool = Arc::clone(&pool);
            streams.spawn(async move {
                tokio::time::sleep_until(start + load.start_of(stream)).await;
                read_stream(&pool, clock, stream, load, keep).await
            });
        }
        streams.join_all().await.into_iter().collect()
    });
    (clock, arrivals)
}

async fn read_stream(pool: &Pool, clock: Clock, stream: usize, load: Load, keep: bool) -> (String, Seen) {
    let request_id = format!("bench-{stream}");
    let mut headers = HeaderMap::new();
    headers.insert("x-request-id", request_id.parse().unwrap());
    let request = Request {
        method: Method::POST,
        target: pool.origin().target("/chat/completions").unwrap(),
        headers,
        body: Bytes::from(format!("{{\"stream\":true,\"max_tokens\":{}}}", load.tokens)),
    };
    let mut timing = Timing::default();
    let limits = Limits { body_bytes: u64::MAX, ..Limits::default() };
    let message = pool.message(&request);
    let mut response = pool.send(&message, None, limits, &mut timing).await.unwrap();
    let mut answer = Answer::new(Protocol::OpenaiChat, 200, response.content_type());
    let mut reads = Vec::with_capacity(if keep { load.tokens as usize } else { 0 });
    while let Some(piece) = response.next().await.unwrap() {
        let done = answer.read(piece) == Flow::Done;
        if keep {
            reads.resize(answer.chunks(), piece.arrival.read_ns);
        }
        if done {
            break;
        }
    }
    assert_eq!(answer.chunks() as u64, load.tokens, "stream {stream}");
    response.finish();
    let chunks = answer.end(clock.now_ns(), Ending::EndOfStream).chunks;
    (request_id, Seen { chunks, reads_ns: reads })
}

fn stamps(server: &Server, load: Load) -> Vec<(&'static str, f64, &'static str)> {
    let (clock, arrivals) = play(server, load, true);
    let truth = server.stamps();
    // both clocks may run a little apart: the offset now and at the start
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as i128;
    let now = clock.now_ns();
    let drift = (wall - clock.wall_ns() - i128::from(now)) as f64 / now as f64;
    let of_wall = |wall: i64| {
        let apart = (i128::from(wall) - clock.wall_ns()) as f64;
        apart - apart * drift
    };
    let (mut kernel, mut user, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bounded, mut outside) = (0, 0);
    for (id, seen) in &arrivals {
        let truth = &truth[id];
        assert_eq!(truth.len(), seen.chunks.len());
        let times = seen.chunks.at_ns.iter().zip(&seen.chunks.width_ns).zip(&seen.reads_ns);
        for (written, ((at_ns, width_ns), read_ns)) in truth.iter().zip(times) {
            let (written, at) = (of_wall(*written), *at_ns as f64);
            kernel.push((at - written).abs() / 1e3);
            user.push((*read_ns as f64 - written).abs() / 1e3);
            widths.push(f64::from(*width_ns) / 1e3);
            if *width_ns > 0 {
                bounded += 1;
                // a write takes a few microseconds from its stamp to the other side
                let after = at - f64::from(*width_ns) - 20e3;
                outside += u32::from(written < after || written > at + 1e3);
            }
        }
    }
    let events = kernel.len() as f64;
    let quantile = |values: &mut Vec<f64>, q: f64| {
        values.sort_by(f64::total_cmp);
        values.get(((values.len() as f64 * q).ceil() as usize).saturating_sub(1)).copied().unwrap_or(0.0)
    };
    vec![
        ("p50", quantile(&mut kernel, 0.5), "us"),
        ("p99", quantile(&mut kernel, 0.99), "us"),
        ("p999", quantile(&mut kernel, 0.999), "us"),
        ("user_p50", quantile(&mut user, 0.5), "us"),
        ("user_p99", quantile(&mut user, 0.99), "us"),
        ("bounded", f64::from(bounded) / events * 100.0, "%"),
        ("width_p99", quantile(&mut widths, 0.99), "us"),
        ("within", (1.0 - f64::from(outside) / events) * 100.0, "%"),
    ]
}

/// Microseconds of CPU per token, by the product.
fn ours(server: &Server, load: Load) -> f64 {
    let before = cpu_seconds();
    play(server, load, false);
    let used = cpu_seconds() - before;
    server.stamps();
    used * 1e6 / (load.streams as f64 * load.tokens as f64)
}

/// Microseconds of CPU per token, by a loop that reads and does nothing else.
fn floor(server: &Server, load: Load) -> f64 {
    let before = cpu_seconds();
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(4096);
    let mut sockets = Vec::new();
    for stream in 0..load.streams {
        let mut socket = mio::net::TcpStream::from_std({
            let socket = TcpStream::connect(server.address).unwrap();
            socket.set_nonblocking(true).unwrap();
            nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::ReceiveTimestampns, &true)
                .unwrap();
            socket
        });
        poll.registry().register(&mut socket, mio::Token(stream), mio::Interest::READABLE).unwrap();
        sockets.push((socket, 0u64, false));
    }
    let request = |stream: usize| {
        let body = format!("{{\"stream\":true,\"max_tokens\":{}}}", load.tokens);
        format!(
            "POST /{}/v1/chat/completions HTTP/1.1\r\nx-request-id: floor-{stream}\r\ncontent-length: {}\r\n\r\n{body}",
            load.gap_us,
            body.len()
        )
    };
    let start = Instant::now();
    let (mut started, mut ended) = (0, 0);
    let mut buffer = vec![0; 64 << 10];
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, [u64; 4]);
    while ended < load.streams {
        while started < load.streams && start.elapsed() >= load.start_of(started) {
            sockets[started].0.write_all(request(started).as_bytes()).unwrap();
            started += 1;
        }
        let wait = if started < load.streams {
            load.start_of(started).saturating_sub(start.elapsed())
        } else {
            Duration::from_secs(1)
        };
        poll.poll(&mut events, Some(wait)).unwrap();
        for event in &events {
            let (socket, bytes, over) = &mut sockets[event.token().0];
            loop {
                let mut into = [IoSliceMut::new(&mut buffer)];
                let Ok(read) =
                    recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut control), MsgFlags::MSG_DONTWAIT)
                else {
                    break;
                };
                let _ = read.cmsgs().map(Iterator::count);
                let read = read.bytes;
                *bytes += read as u64;
                if !*over && buffer[..read].ends_with(b"0\r\n\r\n") {
                    *over = true;
                    ended += 1;
                }
                if read < buffer.len() {
                    break;
                }
            }
        }
    }
    let used = cpu_seconds() - before;
    server.stamps();
    used * 1e6 / (load.streams as f64 * load.tokens as f64)
}

//! Clients that do nothing but what cannot be left out: the floor under ours.

use std::{
    io::{ErrorKind, IoSliceMut, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::AsRawFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use nix::sys::socket::{MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns};
use scenario::wire::priority;

/// A request for a stream.
fn request(id: &str, gap_us: u64, tokens: u32) -> String {
    let body = format!("{{\"stream\":true,\"max_tokens\":{tokens}}}");
    format!(
        "POST /{gap_us}/v1/chat/completions HTTP/1.1\r\nx-request-id: {id}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads streams by a loop of `epoll` and `recvmsg` with stamps, and looks at nothing but their ends. They begin evenly
/// spread over `ramp_up`.
pub(crate) fn read(server: SocketAddr, streams: u32, gap_us: u64, tokens: u32, ramp_up: Duration) {
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(4096);
    let mut sockets = Vec::new();
    for stream in 0..streams as usize {
        let mut socket = mio::net::TcpStream::from_std(connect(server));
        setsockopt(&socket, ReceiveTimestampns, &true).unwrap();
        poll.registry().register(&mut socket, mio::Token(stream), mio::Interest::READABLE).unwrap();
        sockets.push((socket, false));
    }
    let start_of = |stream: usize| ramp_up.mul_f64(stream as f64 / f64::from(streams));
    let start = Instant::now();
    let (mut started, mut ended) = (0, 0);
    let mut buffer = vec![0; 64 << 10];
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, [u64; 4]);
    while ended < streams {
        while started < sockets.len() && start.elapsed() >= start_of(started) {
            let request = request(&format!("bare-{started}"), gap_us, tokens);
            sockets[started].0.write_all(request.as_bytes()).unwrap();
            started += 1;
        }
        let wait = if started < sockets.len() {
            start_of(started).saturating_sub(start.elapsed())
        } else {
            Duration::from_secs(1)
        };
        poll.poll(&mut events, Some(wait)).unwrap();
        for event in &events {
            let (socket, over) = &mut sockets[event.token().0];
            loop {
                let mut into = [IoSliceMut::new(&mut buffer)];
                let Ok(read) =
                    recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut control), MsgFlags::MSG_DONTWAIT)
                else {
                    break;
                };
                let _ = read.cmsgs().map(Iterator::count);
                let read = read.bytes;
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
}

/// Sends requests for answers without delay at even times, by a thread that sleeps until each is due and writes it to a
/// connection that is open; another one reads what comes and drops it. Returns how late each was written, in nanoseconds.
pub(crate) fn send(server: SocketAddr, rate: f64, duration: Duration, tokens: u32) -> Vec<f64> {
    /// More than there are answers under way.
    const CONNECTIONS: usize = 256;
    let sockets: Vec<_> = (0..CONNECTIONS).map(|_| connect(server)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let reader = {
        let sockets: Vec<_> = sockets.iter().map(|socket| socket.try_clone().unwrap()).collect();
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || drain(sockets, &stop))
    };
    let pacer = std::thread::spawn(move || {
        priority::raise();
        let start = Instant::now() + Duration::from_millis(10);
        let count = (rate * duration.as_secs_f64()) as usize;
        let requests: Vec<_> =
            (0..CONNECTIONS).map(|number| request(&format!("bare-{number}"), 0, tokens)).collect();
        let mut late = Vec::with_capacity(count);
        for number in 0..count {
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            late.push(due.elapsed().as_nanos() as f64);
            let connection = number % CONNECTIONS;
            (&sockets[connection]).write_all(requests[connection].as_bytes()).unwrap();
        }
        // the last answers
        std::thread::sleep(Duration::from_millis(100));
        late
    });
    let late = pacer.join().unwrap();
    stop.store(true, Relaxed);
    reader.join().unwrap();
    late
}

fn connect(server: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(server).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn drain(sockets: Vec<TcpStream>, stop: &AtomicBool) {
    let mut poll = mio::Poll::new().unwrap();
    let mut events = mio::Events::with_capacity(4096);
    let mut sockets: Vec<_> = sockets.into_iter().map(mio::net::TcpStream::from_std).collect();
    for (number, socket) in sockets.iter_mut().enumerate() {
        poll.registry().register(socket, mio::Token(number), mio::Interest::READABLE).unwrap();
    }
    let mut buffer = vec![0; 64 << 10];
    while !stop.load(Relaxed) {
        poll.poll(&mut events, Some(Duration::from_millis(50))).unwrap();
        for event in &events {
            loop {
                match sockets[event.token().0].read(&mut buffer) {
                    Ok(read) if read == buffer.len() => {}
                    Ok(_) => break,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

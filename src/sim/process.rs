//! The simulated server as a process of its own, with the signals and the standard input that end it.

use std::{
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{null::serve_null, server::serve};
use crate::config::Sim;

/// Everything that the process is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// The name of the model that it lists.
    pub name: String,
    /// How it behaves; taken as checked.
    pub settings: Sim,
    /// Every random choice follows from it.
    pub seed: u64,
    /// It belongs to a parent: it ends when its standard input does, so that it never outlives a parent that was
    /// killed, and it ignores SIGINT, because a Ctrl-C reaches it too while the parent still drains.
    pub attached: bool,
}

/// What the process says once it can be reached. The parent waits for exactly this line on the standard output.
pub fn listening_line(address: SocketAddr) -> String {
    format!("listening on http://{address}/v1")
}

/// Serves until SIGTERM, until SIGINT unless attached, or until the standard input ends if attached. `listening` is
/// called once, when the port is open. The error is that of the port, or of the system refusing threads.
pub fn run(options: Options, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    raise_descriptors();
    let Options { port, name, settings, seed, attached } = options;
    Builder::new_multi_thread().enable_all().build()?.block_on(async {
        // taken over in any case: what is not acted upon is thereby ignored
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let input_end = attached.then(|| end_of(io::stdin())).transpose()?;
        listening(listener.local_addr()?);
        tokio::select! {
            served = serve(listener, settings, name, seed) => served,
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv(), if !attached => Ok(()),
            () = async { if let Some(end) = input_end { let _ = end.await; } }, if attached => Ok(()),
        }
    })
}

/// Serves the [null server](serve_null) on a free port of the loopback address until the standard input ends.
/// `listening` is called once, when the port is open. The error is that of the port, or of the system refusing a thread.
pub fn run_null(listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    raise_descriptors();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    thread::Builder::new().name("null-input".to_owned()).spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        seen.store(true, Relaxed);
    })?;
    listening(listener.local_addr()?);
    serve_null(listener, &|| ended.load(Relaxed))
}

/// Many clients at once need many descriptors; with fewer it still works, for fewer clients.
fn raise_descriptors() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Resolves when `input` ends. The thread that reads it is left behind if nobody waits any more, since nothing
/// else can interrupt a read; the end of the process takes it along.
fn end_of(mut input: impl Read + Send + 'static) -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name("sim-input".to_owned()).spawn(move || {
        let _ = io::copy(&mut input, &mut io::sink());
        drop(ended);
    })?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_end_of_the_input_is_noticed() {
        let (input, mut parent) = io::pipe().expect("a pipe");
        let mut end = end_of(input).expect("a thread");
        parent.write_all(b"not yet").expect("an open pipe");
        assert_eq!(end.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(parent);
        assert!(end.blocking_recv().is_err());
    }

    #[test]
    fn the_line_names_the_base_url() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4711));
        assert_eq!(listening_line(address), "listening on http://127.0.0.1:4711/v1");
    }
}

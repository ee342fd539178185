//! A server that plays a script of raw bytes, one connection after the other.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

/// What the server does next on a connection. When its steps are over it closes it.
#[derive(Clone)]
pub(super) enum Step {
    /// Reads a request, whole.
    Request,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Waits for the test to say so; see [`Server::go`].
    Wait,
    /// Keeps the connection open to the end of the test.
    Hold,
    /// Closes it with a reset.
    Reset,
}

pub(super) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// A running script.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    go: Arc<Semaphore>,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    /// Serves connections by these scripts, in order; then refuses.
    pub(super) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        Self::with(scripts, |stream| async { stream }).await
    }

    /// The same over what `wrap` makes of each connection.
    pub(super) async fn with<S, F>(
        scripts: Vec<Vec<Step>>,
        wrap: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: Stream,
        F: Future<Output = S> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let go = Arc::new(Semaphore::new(0));
        let (told, requests) = mpsc::unbounded_channel();
        let gate = Arc::clone(&go);
        tokio::spawn(async move {
            for script in scripts {
                let (stream, _) = listener.accept().await.expect("a connection");
                let stream = wrap(stream).await;
                tokio::spawn(play(script, stream, Arc::clone(&gate), told.clone()));
            }
        });
        Self { address, go, requests }
    }

    /// Lets one [`Step::Wait`] pass.
    pub(super) fn go(&self) {
        self.go.add_permits(1);
    }

    /// The next request that was read.
    pub(super) async fn request(&mut self) -> String {
        self.requests.recv().await.expect("a request")
    }
}

/// What a script can be played on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn reset(self);
}

impl Stream for TcpStream {
    fn reset(self) {
        SockRef::from(&self).set_linger(Some(Duration::ZERO)).expect("a socket");
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

async fn play(
    script: Vec<Step>,
    mut stream: impl Stream,
    gate: Arc<Semaphore>,
    requests: mpsc::UnboundedSender<String>,
) {
    for step in script {
        match step {
            Step::Request => match read_request(&mut stream).await {
                Some(request) => {
                    let _ = requests.send(request);
                }
                None => return,
            },
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Step::Wait => gate.acquire().await.expect("never closed").forget(),
            Step::Hold => std::future::pending().await,
            Step::Reset => return stream.reset(),
        }
    }
}

async fn read_request(stream: &mut impl Stream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a number"));
            if body.len() == length {
                return Some(text.into_owned());
            }
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
}

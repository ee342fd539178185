//! Waiting until a service can be used.

use std::time::{Duration, Instant};

use reqwest::{Client, redirect};
use tokio::{net::TcpStream, sync::watch};

use super::State;
use crate::{config::Ready, engine::root_cause, plan::PlannedService, units::write_duration};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Longest that one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// Longest that a connection to a port of this machine may take.
const CONNECT: Duration = Duration::from_secs(1);

/// Why a service is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It ended before it was.
    #[error("it ended before it was ready")]
    Ended,
    /// It took too long.
    #[error("it was not ready within {within}: {last}", within = write_duration(*.within))]
    Late {
        /// How long it had.
        within: Duration,
        /// What was seen at the last look.
        last: String,
    },
    /// Nobody can look.
    #[error("cannot set up a HTTP client: {0}")]
    Client(String),
}

/// The first of some places, each `HOST:PORT`, that something listens at already. Whatever it is, it would be taken for the service.
pub async fn in_the_way(places: impl IntoIterator<Item = String>) -> Option<String> {
    for place in places {
        if connects(&place).await.is_ok() {
            return Some(place);
        }
    }
    None
}

/// Waits until a service is ready, counting from now.
///
/// # Errors
/// That it ended, or was not ready in time.
pub async fn ready(service: &PlannedService, state: watch::Receiver<State>) -> Result<(), NotReady> {
    let since = Instant::now();
    let within = service.ready_within;
    // the default provider can be set once per process; a second call finds it set, which is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    // who waits for a server of this machine has no need to know who signed its certificate
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .tls_danger_accept_invalid_certs(true)
        .timeout(LOOK)
        .build()
        .map_err(|error| NotReady::Client(error.to_string()))?;
    let mut last;
    let mut changes = state.clone();
    loop {
        let left = within.saturating_sub(since.elapsed());
        tokio::select! {
            biased;
            _ = changes.wait_for(|state| state.ended.is_some()) => return Err(NotReady::Ended),
            looked = tokio::time::timeout(left.max(PAUSE), look(&service.ready, &client, &state)) => {
                match looked {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(reason)) => last = reason,
                    Err(_) => last = "no answer".to_owned(),
                }
            }
        }
        if since.elapsed() >= within {
            return Err(NotReady::Late { within, last });
        }
        tokio::time::sleep(PAUSE.min(left)).await;
    }
}

/// One look; what is missing where it is not ready.
async fn look(ready: &Ready, client: &Client, state: &watch::Receiver<State>) -> Result<(), String> {
    match ready {
        Ready::Http(url) => {
            let answer = client
                .get(url)
                .send()
                .await
                .map_err(|error| format!("`GET {url}`: {}", root_cause(&error)))?;
            let status = answer.status();
            if status.is_success() { Ok(()) } else { Err(format!("`GET {url}` answers {status}")) }
        }
        Ready::Tcp(places) => {
            for place in places {
                connects(place).await.map_err(|reason| format!("`{place}`: {reason}"))?;
            }
            Ok(())
        }
        Ready::Output(text) => {
            if state.borrow().seen {
                Ok(())
            } else {
                Err(format!("it did not say `{text}`"))
            }
        }
    }
}

async fn connects(place: &str) -> Result<(), String> {
    match tokio::time::timeout(CONNECT, TcpStream::connect(place)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no connection".to_owned()),
    }
}

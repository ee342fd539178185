//! Waiting until a service can be used.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use reqwest::Client;
use tokio::{net::TcpStream, sync::watch};

use super::State;
use crate::{
    config::Ready,
    engine::root_cause,
    hosts,
    plan::PlannedService,
    units::write_duration,
    wire::{Origin, aside},
};

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
    /// Nobody may look: a name leads to a public address.
    #[error("cannot be looked at: {0}")]
    Public(String),
}

/// Why a service cannot be started where it is to listen.
#[derive(Debug, thiserror::Error)]
pub enum InTheWay {
    /// Something is there already. Whatever it is, it would be taken for the service.
    #[error(
        "something listens at `{0}` already, and would be taken for it\n  help: end that, or let the service and its endpoint \
         have another port"
    )]
    Taken(String),
    /// That is a public address, which nobody allowed.
    #[error("{0}")]
    Public(String),
}

/// What is wrong with the first of some places, each `HOST:PORT`. Only hosts that are `allowed` may be public.
pub async fn in_the_way(places: impl IntoIterator<Item = String>, allowed: &[String]) -> Option<InTheWay> {
    for place in places {
        match resolve(&place, allowed).await {
            Ok(addresses) if connects(&addresses).await.is_ok() => return Some(InTheWay::Taken(place)),
            Err(Unseen::Public(why)) => return Some(InTheWay::Public(why)),
            // a name may be known only once the service runs
            Ok(_) | Err(Unseen::NotYet(_) | Unseen::Never(_)) => {}
        }
    }
    None
}

/// Waits until a service is ready, counting from now. Only hosts that are `allowed` may be public.
///
/// # Errors
/// That it ended, was not ready in time, or cannot be looked at.
pub async fn ready(
    service: &PlannedService,
    state: watch::Receiver<State>,
    allowed: &[String],
) -> Result<(), NotReady> {
    let since = Instant::now();
    let within = service.ready_within;
    let mut look = Look { allowed, state: state.clone(), places: BTreeMap::new(), client: None };
    let mut last;
    let mut changes = state;
    loop {
        let left = within.saturating_sub(since.elapsed());
        tokio::select! {
            biased;
            _ = changes.wait_for(|state| state.ended.is_some()) => return Err(NotReady::Ended),
            looked = tokio::time::timeout(left.max(PAUSE), look.at(&service.ready)) => {
                match looked {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(Unseen::NotYet(reason))) => last = reason,
                    Ok(Err(Unseen::Public(reason))) => return Err(NotReady::Public(reason)),
                    Ok(Err(Unseen::Never(reason))) => return Err(NotReady::Client(reason)),
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

/// Why a look did not find it ready.
enum Unseen {
    /// What is missing as yet.
    NotYet(String),
    /// A name leads to a public address.
    Public(String),
    /// Nobody can look.
    Never(String),
}

/// What is looked with, and what was learnt on the way: names are resolved once.
struct Look<'a> {
    allowed: &'a [String],
    state: watch::Receiver<State>,
    places: BTreeMap<String, Vec<SocketAddr>>,
    client: Option<Client>,
}

impl Look<'_> {
    async fn at(&mut self, ready: &Ready) -> Result<(), Unseen> {
        match ready {
            Ready::Http(url) => {
                let answer = self
                    .client(url)
                    .await?
                    .get(url)
                    .send()
                    .await
                    .map_err(|error| Unseen::NotYet(format!("`GET {url}`: {}", root_cause(&error))))?;
                let status = answer.status();
                if status.is_success() {
                    Ok(())
                } else {
                    Err(Unseen::NotYet(format!("`GET {url}` answers {status}")))
                }
            }
            Ready::Tcp(places) => {
                for place in places {
                    if !self.places.contains_key(place) {
                        self.places.insert(place.clone(), resolve(place, self.allowed).await?);
                    }
                    let refused = |reason: String| Unseen::NotYet(format!("`{place}`: {reason}"));
                    connects(&self.places[place]).await.map_err(refused)?;
                }
                Ok(())
            }
            Ready::Output(_) if self.state.borrow().seen => Ok(()),
            Ready::Output(text) => Err(Unseen::NotYet(format!("it did not say `{text}`"))),
        }
    }

    /// The client that asks a URL at the addresses that its host has.
    async fn client(&mut self, url: &str) -> Result<Client, Unseen> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let origin = Origin::resolve(url).await.map_err(|error| Unseen::NotYet(error.to_string()))?;
        let addresses = origin.addresses.iter().map(SocketAddr::ip);
        hosts::refuse_public(&origin.host, addresses, self.allowed).map_err(Unseen::Public)?;
        // who waits for a server of this machine has no need to know who signed its certificate
        let client = aside(&origin, None).tls_danger_accept_invalid_certs(true).timeout(LOOK).build();
        let client = client.map_err(|error| Unseen::Never(error.to_string()))?;
        Ok(self.client.insert(client).clone())
    }
}

/// The addresses of a place, `HOST:PORT`.
async fn resolve(place: &str, allowed: &[String]) -> Result<Vec<SocketAddr>, Unseen> {
    let found = tokio::net::lookup_host(place).await;
    let found = found.map_err(|error| Unseen::NotYet(format!("`{place}`: {error}")))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
    let each = addresses.iter().map(SocketAddr::ip);
    hosts::refuse_public(host, each, allowed).map_err(Unseen::Public)?;
    Ok(addresses)
}

async fn connects(addresses: &[SocketAddr]) -> Result<(), String> {
    match tokio::time::timeout(CONNECT, TcpStream::connect(addresses)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no connection".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_is_not_looked_for_at_public_addresses() {
        let service = |ready: Ready| PlannedService {
            name: "server".to_owned(),
            command: "server".to_owned(),
            args: Vec::new(),
            environment: BTreeMap::new(),
            folder: ".".to_owned(),
            ready,
            ready_within: Duration::from_secs(60),
            stop: crate::config::StopSignal::Terminate,
            stop_within: Duration::from_secs(1),
        };
        let (_changed, state) = watch::channel(State::default());
        for asked in [
            Ready::Http("http://203.0.113.9:8080/health".to_owned()),
            Ready::Tcp(vec!["203.0.113.9:8080".to_owned()]),
        ] {
            let done = ready(&service(asked), state.clone(), &[]).await;
            let Err(NotReady::Public(why)) = done else { panic!("{done:?}") };
            assert!(why.starts_with("`203.0.113.9` leads to the public address 203.0.113.9"), "{why}");
        }
        let refused = in_the_way(["203.0.113.9:8080".to_owned()], &[]).await;
        assert!(matches!(refused, Some(InTheWay::Public(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn what_listens_already_is_in_the_way() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = listener.local_addr().expect("an address").to_string();
        let found = in_the_way([place.clone()], &[]).await;
        assert!(matches!(&found, Some(InTheWay::Taken(at)) if *at == place), "{found:?}");
        drop(listener);
        assert!(in_the_way([place, "no-such-host.invalid:80".to_owned()], &[]).await.is_none());
    }
}

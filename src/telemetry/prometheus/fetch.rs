//! Fetching a page whenever somebody wants to have a newer one.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock, mpsc::Sender},
    time::{Duration, Instant},
};

use http::{HeaderMap, Uri, header::ACCEPT};
use reqwest::Client;
use rustls::ClientConfig;
use tokio::{
    sync::watch::Receiver,
    time::{sleep, timeout_at},
};

use super::reader::{Read, Reader, is_of_server};
use crate::{
    hosts,
    record::{Sample, Subject},
    units::show_bytes,
    wire::{Origin, aside, in_words, trust_of_system},
};

/// Longest that a page may take. A server under load answers late, and what it says then is what is wanted most.
const LONGEST: Duration = Duration::from_secs(5);
/// Shortest time from one page to the next: to make one costs the server work.
const SHORTEST: Duration = Duration::from_millis(500);
/// Shortest time from one look for a page that is not there to the next.
const AGAIN: Duration = Duration::from_secs(2);
/// Bytes that a page may have.
const MOST_BYTES: usize = 8 << 20;
/// Time between two of the last pages.
const SETTLES: Duration = Duration::from_millis(50);
/// Times that a page is looked for which nobody named, where there is one that says nothing known.
const MOST_LOOKS: u32 = 5;
/// Times that a page which is not there any more is told of.
const MOST_TOLD: u32 = 100;

/// A page to be fetched.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) url: String,
    /// The endpoints that it is of.
    pub(super) endpoints: Vec<String>,
    /// Whether somebody wrote it down. Where nobody did, it is looked for once, a few times where there is a page that says nothing known yet, and taken where it is that of a known server.
    pub(super) named: bool,
    /// Whether it is looked for again, and missed, also where nobody wrote it down.
    pub(super) patient: bool,
    /// What goes with each request.
    pub(super) headers: HeaderMap,
    /// Whom its connections trust; where there is none, the system says.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The page that tells of the server, among all that are of the same endpoints, once one does: two in one series would be neither.
    pub(super) teller: Arc<OnceLock<String>>,
}

impl Asked {
    /// Takes out what the page says of a server of which another page tells already.
    fn leave_to_the_first(&self, read: &mut Read, said: &mut bool) {
        let of_server =
            |sample: &Sample| matches!(sample.subject, Subject::Server(_)) && !sample.readings.is_empty();
        if !read.samples.iter().any(of_server) {
            return;
        }
        let first = self.teller.get_or_init(|| self.url.clone());
        if *first == self.url {
            return;
        }
        read.samples.retain(|sample| !of_server(sample));
        if !std::mem::replace(said, true) {
            read.notes.push(format!(
                "is left out, since `{first}` tells of the same server: an endpoint has one, and each of several wants an endpoint of its own"
            ));
        }
    }
}

/// What is wanted of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A newer one.
    Newer,
    /// The last ones, at once: until two in a row say the same of what the server counts, so that all of it is counted.
    Last,
}

/// What came of one page.
#[derive(Debug)]
pub(super) struct Fetched {
    /// When it was there.
    pub(super) at: Instant,
    pub(super) read: Read,
}

/// Fetches a page each time that a newer one is wanted, at most once in `interval`, until the last ones are, or nobody wants any.
pub(super) async fn follow(
    asked: Asked,
    allowed: Vec<String>,
    interval: Duration,
    mut wanted: Receiver<Wanted>,
    fetched: Sender<Fetched>,
) {
    let start = Instant::now();
    let mut reader = Reader::new(asked.endpoints.clone(), exporter(&asked.url));
    let mut client = None;
    let (mut taken, mut there, mut told, mut looks) = (asked.named, true, 0, 0);
    let (mut ends, mut counted, mut left_out) = (false, None, false);
    loop {
        if !ends {
            if wanted.changed().await.is_err() {
                return;
            }
            ends = *wanted.borrow_and_update() == Wanted::Last;
        }
        let begun = tokio::time::Instant::now();
        let text = fetch(&asked, &allowed, &mut client).await;
        let is_unknown = !taken && text.as_ref().is_ok_and(|text| !is_of_server(text));
        let text = if is_unknown { Err("is no page of a known server".to_owned()) } else { text };
        let at = Instant::now();
        if !taken && !asked.patient && text.is_err() {
            // nobody asked for it, so it is not missed; a server may say nothing of its own before its first requests
            looks += u32::from(is_unknown);
            if !is_unknown || looks >= MOST_LOOKS {
                return;
            }
        }
        taken |= text.is_ok();
        let read = match &text {
            Ok(text) => {
                let mut read = reader.read((at - start).as_nanos() as u64, text);
                asked.leave_to_the_first(&mut read, &mut left_out);
                read.again = !there && told > 0;
                read.notes.iter_mut().for_each(|note| *note = format!("`{}` {note}", asked.url));
                read
            }
            Err(_) if !taken && !asked.patient => Read::default(),
            Err(why) if there && told < MOST_TOLD => {
                told += 1;
                Read { notes: vec![format!("`GET {}`: {why}", asked.url)], ..Read::default() }
            }
            Err(_) => Read::default(),
        };
        there = text.is_ok();
        let counts = read.counts();
        if fetched.send(Fetched { at, read }).is_err() {
            return;
        }
        if ends {
            if counts.is_none() || counted == counts {
                return;
            }
            counted = counts;
            sleep(SETTLES).await;
        } else {
            // the last one is not waited for; of another value the next look tells
            let mut last = wanted.clone();
            let pace = if there { SHORTEST } else { AGAIN };
            let _ =
                timeout_at(begun + interval.max(pace), last.wait_for(|wanted| *wanted == Wanted::Last)).await;
        }
    }
}

/// What an exporter is called: host and port.
fn exporter(url: &str) -> String {
    let authority = url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    authority.unwrap_or_else(|| url.to_owned())
}

async fn fetch(asked: &Asked, allowed: &[String], client: &mut Option<Client>) -> Result<String, String> {
    let client = match client {
        Some(client) => client,
        None => client.insert(connect(asked, allowed).await?),
    };
    let request = client
        .get(&asked.url)
        .headers(asked.headers.clone())
        .header(ACCEPT, "text/plain;version=0.0.4")
        .timeout(LONGEST);
    let mut response = request.send().await.map_err(|error| in_words(&error, LONGEST))?;
    if !response.status().is_success() {
        return Err(format!("answered {}", response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| in_words(&error, LONGEST))? {
        if bytes.len() + chunk.len() > MOST_BYTES {
            return Err(format!("has more than {}", show_bytes(MOST_BYTES as u64)));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn connect(asked: &Asked, allowed: &[String]) -> Result<Client, String> {
    let origin = Origin::resolve(&asked.url).await.map_err(|error| error.to_string())?;
    hosts::refuse_public(&origin.host, origin.addresses.iter().map(SocketAddr::ip), allowed)?;
    let system = match &asked.tls {
        None => trust_of_system(&origin)?,
        given => given.clone(),
    };
    let client = aside(&origin, system.as_deref()).build();
    client.map_err(|error| format!("cannot set up a HTTP client: {error}"))
}

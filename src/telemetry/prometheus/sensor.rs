//! The sensors of pages, and where to find pages.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use http::{HeaderMap, Uri};
use tokio::sync::watch::{self, Sender};

use super::fetch::{Asked, Fetched, Wanted, follow};
use crate::{
    config::MetricsPages,
    record::{Sample, SensorKind, Subject},
    telemetry::{
        Found, Missing, Sensor, Server,
        cost::Aside,
        servers::{names, place_of},
    },
};

/// How long the first reading waits for the first pages, so that what was counted before the load is known.
const FIRST: Duration = Duration::from_millis(800);

/// How pages are fetched.
#[derive(Debug, Clone, Copy)]
pub(in crate::telemetry) struct Manner<'a> {
    /// Hosts that may be asked though they are public.
    pub(in crate::telemetry) allow_hosts: &'a [String],
    /// No page is fetched more often, nor more often than every half second.
    pub(in crate::telemetry) interval: Duration,
    /// Whether a page that nobody named and that is not there is missed, and looked for again, like one that was named.
    pub(in crate::telemetry) patient: bool,
}

/// Sensors for the pages of servers, with a thread that fetches them until all are dropped. To be called when the servers are ready: a
/// page that nobody named is not looked for ever, unless one is patient.
pub(in crate::telemetry) fn find(servers: &[Vec<&Server>], manner: Manner<'_>, cost: &Aside) -> Found {
    let Manner { allow_hosts, interval, patient } = manner;
    let first = Instant::now() + FIRST;
    let mut sensors: Vec<Box<dyn Sensor>> = Vec::new();
    let mut tasks = Vec::new();
    for asked in asked(servers) {
        let (wants, mut wanted) = watch::channel(Wanted::Newer);
        wanted.mark_changed();
        let (tells, fetched) = mpsc::channel();
        let subject = Subject::Server(asked.endpoints.clone());
        sensors.push(Box::new(PageSensor {
            subject,
            wants,
            fetched,
            first: Some(first),
            missing: Vec::new(),
            found: false,
        }));
        let asked = Asked { patient, ..asked };
        tasks.push(follow(asked, allow_hosts.to_vec(), interval, wanted, tells));
    }
    match start(tasks, cost.clone()) {
        Ok(()) => (sensors, Vec::new()),
        Err(error) => {
            let why = format!("cannot start a thread for pages: {error}");
            let lost = sensors.iter().map(|sensor| Missing {
                sensor: SensorKind::Prometheus,
                subject: sensor.subject().clone(),
                why: why.clone(),
            });
            (Vec::new(), lost.collect())
        }
    }
}

/// Sees the tasks through on a thread of their own; none where there are none.
fn start(tasks: Vec<impl Future<Output = ()> + Send + 'static>, cost: Aside) -> io::Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // whenever it has nothing to do
    let runtime = runtime.enable_all().on_thread_park(move || cost.take_down()).build()?;
    thread::Builder::new().name("metrics-pages".to_owned()).spawn(move || {
        runtime.block_on(async {
            let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
            for task in tasks {
                // one that panicked has said so; the others go on
                let _ = task.await;
            }
        });
    })?;
    Ok(())
}

/// Every page once, whoever names it: what is on it is of all endpoints of the server.
pub(super) fn asked(servers: &[Vec<&Server>]) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    for (Server { url, pages, headers, tls, .. }, endpoints) in
        servers.iter().flat_map(|server| server.iter().map(move |one| (*one, names(server))))
    {
        let (urls, named) = match pages {
            // the API's version is none of this route's
            MetricsPages::Auto => {
                (vec![format!("{}/metrics", url.strip_suffix("/v1").unwrap_or(url))], false)
            }
            MetricsPages::Off => continue,
            MetricsPages::At(urls) => (urls.clone(), true),
        };
        for page in urls {
            let place = place_of(&page);
            // what identifies its author goes to the server of the endpoint and to no other
            let own = server(&page).is_some() && server(&page) == server(url);
            let headers = if own { headers.clone() } else { HeaderMap::new() };
            let tls = tls.clone().filter(|_| own);
            let same =
                |asked: &&mut Asked| asked.url == page || (place.is_some() && place_of(&asked.url) == place);
            if let Some(known) = all.iter_mut().find(same) {
                known.named |= named;
                // of two that share a page one may have what opens it
                if known.headers.is_empty() && server(&known.url) == server(&page) {
                    known.headers = headers;
                }
                let new: Vec<_> =
                    endpoints.iter().filter(|name| !known.endpoints.contains(name)).cloned().collect();
                known.endpoints.extend(new);
                continue;
            }
            let teller = Arc::default();
            let endpoints = endpoints.clone();
            all.push(Asked { url: page, endpoints, named, patient: false, headers, tls, teller });
        }
    }
    // those of the same endpoints have one
    for index in 1..all.len() {
        let (before, here) = all.split_at_mut(index);
        if let Some(other) = before.iter().find(|other| other.endpoints == here[0].endpoints) {
            here[0].teller = Arc::clone(&other.teller);
        }
    }
    all
}

/// Scheme, host and port.
fn server(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
}

/// Hands on what a page said.
struct PageSensor {
    subject: Subject,
    wants: Sender<Wanted>,
    fetched: Receiver<Fetched>,
    /// Until when the first page is waited for; `None` once it was.
    first: Option<Instant>,
    missing: Vec<String>,
    found: bool,
}

impl PageSensor {
    /// Takes in a page, where a moment of the run is one of the clock.
    fn take(
        &mut self,
        Fetched { at, read }: Fetched,
        (now_ns, now): (u64, Instant),
        samples: &mut Vec<Sample>,
    ) {
        let ns =
            |later: Instant, earlier: Instant| later.saturating_duration_since(earlier).as_nanos() as u64;
        let at_ns = (now_ns + ns(at, now)).saturating_sub(ns(now, at));
        samples.extend(read.samples.into_iter().map(|sample| Sample { at_ns, ..sample }));
        self.missing.extend(read.notes);
        self.found |= read.again;
    }
}

impl Sensor for PageSensor {
    fn kind(&self) -> SensorKind {
        SensorKind::Prometheus
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What was fetched since it was asked last, with the moments at which the pages were there, and the wish for another. A page that was
    /// looked for and not found has nothing to read, ever.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let now = Instant::now();
        let mut samples = Vec::new();
        if let Some(until) = self.first.take()
            && let Ok(fetched) = self.fetched.recv_timeout(until.saturating_duration_since(now))
        {
            self.take(fetched, (at_ns, now), &mut samples);
        }
        while let Ok(fetched) = self.fetched.try_recv() {
            self.take(fetched, (at_ns, now), &mut samples);
        }
        self.wants.send_replace(Wanted::Newer);
        Ok(samples)
    }

    fn read_last(&mut self, at_ns: u64, until: Instant) -> Result<Vec<Sample>, String> {
        let now = Instant::now();
        self.wants.send_replace(Wanted::Last);
        let mut samples = Vec::new();
        // it ends with whoever fetches
        while let Ok(fetched) = self.fetched.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.take(fetched, (at_ns, now), &mut samples);
        }
        Ok(samples)
    }

    fn missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }

    fn found(&mut self) -> bool {
        std::mem::take(&mut self.found)
    }
}

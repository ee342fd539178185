//! The sensors of pages, and where to find pages.

use std::{
    io,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use http::{HeaderMap, Uri};
use tokio::sync::mpsc::Sender;

use super::fetch::{Asked, Fetched, follow};
use crate::{
    config::MetricsPages,
    record::{Sample, SensorKind, Subject},
    telemetry::{Found, Missing, Sensor, Server},
};

/// Sensors for the pages of servers, with a thread that fetches them until all are dropped. To be called when the servers are ready: a
/// page that nobody named is looked for once. No page is fetched more often than once in `interval`, which is half a second at least.
pub(in crate::telemetry) fn find(endpoints: &[Server], allow_hosts: &[String], interval: Duration) -> Found {
    let mut sensors: Vec<Box<dyn Sensor>> = Vec::new();
    let mut tasks = Vec::new();
    for asked in asked(endpoints) {
        // one waits while another is being fetched
        let (wants, wanted) = tokio::sync::mpsc::channel(1);
        let (tells, fetched) = mpsc::channel();
        let subject = Subject::Server(asked.endpoints.first().cloned().unwrap_or_default());
        let _ = wants.try_send(());
        sensors.push(Box::new(PageSensor { subject, wants, fetched, missing: Vec::new() }));
        tasks.push(follow(asked, allow_hosts.to_vec(), interval, wanted, tells));
    }
    match start(tasks) {
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
fn start(tasks: Vec<impl Future<Output = ()> + Send + 'static>) -> io::Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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

/// Every page once, whoever names it.
pub(super) fn asked(endpoints: &[Server]) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    for Server { endpoint, url, pages, headers, tls, .. } in endpoints {
        let (urls, named) = match pages {
            // the API's version is none of this route's
            MetricsPages::Auto => {
                (vec![format!("{}/metrics", url.strip_suffix("/v1").unwrap_or(url))], false)
            }
            MetricsPages::Off => continue,
            MetricsPages::At(urls) => (urls.clone(), true),
        };
        for page in urls {
            if let Some(known) = all.iter_mut().find(|asked| asked.url == page) {
                known.named |= named;
                if !known.endpoints.contains(endpoint) {
                    known.endpoints.push(endpoint.clone());
                }
                continue;
            }
            // what identifies its author goes to the server of the endpoint and to no other
            let own = server(&page).is_some() && server(&page) == server(url);
            let headers = if own { headers.clone() } else { HeaderMap::new() };
            let tls = tls.clone().filter(|_| own);
            all.push(Asked { url: page, endpoints: vec![endpoint.clone()], named, headers, tls });
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
    wants: Sender<()>,
    fetched: Receiver<Fetched>,
    missing: Vec<String>,
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
        let mut samples = Vec::new();
        for Fetched { at, read } in self.fetched.try_iter() {
            let at_ns = at_ns.saturating_sub(at.elapsed().as_nanos() as u64);
            samples.extend(read.samples.into_iter().map(|sample| Sample { at_ns, ..sample }));
            self.missing.extend(read.notes);
        }
        // one that is wanted already is enough
        let _ = self.wants.try_send(());
        Ok(samples)
    }

    fn missing(&mut self) -> Vec<String> {
        std::mem::take(&mut self.missing)
    }
}

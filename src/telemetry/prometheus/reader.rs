//! From a page to samples.

use std::collections::BTreeMap;

use super::{
    gpus::{self, Gpus},
    host::{self, Host},
    page::{self, Page, Series},
    raw::{MOST, Raw, Worth},
    server::Server,
};
use crate::{
    catalog::{Course, Quantity},
    record::{Class, Sample, SensorKind, Subject},
    units::show_count_of,
};

/// Reads one page again and again.
#[derive(Debug)]
pub(super) struct Reader {
    /// The endpoints that it is of.
    endpoints: Vec<String>,
    /// What an exporter is called.
    exporter: String,
    gpus: Gpus,
    host: Host,
    raw: Raw,
    notes: Notes,
}

/// What has been said, since each thing is said once.
#[derive(Debug, Default)]
struct Notes {
    unknown: bool,
    left_out: bool,
    bad_lines: bool,
}

/// What came of a page.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Read {
    /// One for each subject and class.
    pub(super) samples: Vec<Sample>,
    /// What is not there, in words; each only once.
    pub(super) notes: Vec<String>,
    /// Whether it was not there before, and that was told.
    pub(super) again: bool,
}

impl Read {
    /// What the server of the page counts; `None` where it is of none.
    pub(super) fn counts(&self) -> Option<BTreeMap<Quantity, f64>> {
        let counted =
            |sample: &&Sample| sample.class == Class::Counter && matches!(sample.subject, Subject::Server(_));
        self.samples.iter().find(counted).map(|sample| sample.readings.clone())
    }
}

/// Whether a page is that of a known server.
pub(super) fn is_of_server(text: &str) -> bool {
    Server::of(&page::parse(text)).is_some()
}

impl Reader {
    pub(super) fn new(endpoints: Vec<String>, exporter: String) -> Self {
        let (gpus, host, raw, notes) = (Gpus::default(), Host::default(), Raw::default(), Notes::default());
        Self { endpoints, exporter, gpus, host, raw, notes }
    }

    /// What the page says at a moment, in nanoseconds since any other.
    pub(super) fn read(&mut self, at_ns: u64, text: &str) -> Read {
        let page = page::parse(text);
        let server = Server::of(&page);
        let mut samples = Vec::new();
        let mut add = |subject: Subject, class: Class, mut readings: BTreeMap<Quantity, f64>| {
            // sums of what is finite may not be
            readings.retain(|_, value| value.is_finite());
            if !readings.is_empty() {
                samples.push(Sample { readings, ..blank(at_ns, subject, class) });
            }
        };
        if let Some(server) = server {
            let (counted, sampled): (BTreeMap<_, _>, BTreeMap<_, _>) = server
                .readings(&page)
                .into_iter()
                .partition(|(quantity, _)| quantity.course() == Course::Count);
            let subject = Subject::Server(self.endpoints.clone());
            add(subject.clone(), Class::Sampled, sampled);
            add(subject, Class::Counter, counted);
        }
        for (gpu, told) in self.gpus.read(at_ns, &page) {
            for (class, readings) in told {
                add(Subject::Gpu(format!("{}/{gpu}", self.exporter)), class, readings);
            }
        }
        let host::Told { counted, sampled, cores } = self.host.read(&page);
        let of_host = Subject::Host(self.exporter.clone());
        add(of_host.clone(), Class::Sampled, sampled);
        add(of_host.clone(), Class::Counter, counted);
        if let Some(last) = samples.last_mut().filter(|last| last.subject == of_host) {
            last.cores = cores;
        }
        let known = server.is_some() || !samples.is_empty();
        let raw = self.raw.changed(&page, |series| worth(series, server, known));
        if !raw.is_empty() {
            // without readings it is the page of something else, which the endpoint's author wants to have
            if samples.is_empty() {
                samples.push(blank(at_ns, Subject::Server(self.endpoints.clone()), Class::Sampled));
            }
            samples[0].raw = raw;
        }
        let notes = self.news(&page, known);
        Read { samples, notes, again: false }
    }

    /// What has not been said before.
    fn news(&mut self, page: &Page<'_>, known: bool) -> Vec<String> {
        let mut news = Vec::new();
        let mut say = |said: &mut bool, is: bool, words: &dyn Fn() -> String| {
            if is && !std::mem::replace(said, true) {
                news.push(words());
            }
        };
        let Notes { unknown, left_out, bad_lines } = &mut self.notes;
        say(unknown, !known, &|| {
            if page.series.is_empty() {
                "is no page in the text format of Prometheus".to_owned()
            } else {
                "is of no known server or exporter: its series are kept as they are, and there are no readings"
                    .to_owned()
            }
        });
        let missing = self.raw.left_out();
        say(left_out, missing > 0, &|| {
            format!("has more than {MOST} series: {missing} of them are not kept")
        });
        say(bad_lines, page.bad_lines > 0 && !page.series.is_empty(), &|| {
            format!("has {} that cannot be read", show_count_of(page.bad_lines, "line"))
        });
        news
    }
}

fn blank(at_ns: u64, subject: Subject, class: Class) -> Sample {
    let (readings, cores, raw) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    Sample { at_ns, sensor: SensorKind::Prometheus, class, subject, readings, cores, raw }
}

/// What a series is worth keeping: of a known page what readings are made of and what is the server's own, of another one everything.
fn worth(series: &Series<'_>, server: Option<Server>, known: bool) -> Worth {
    let own = |mine: bool| match mine {
        // when a series began, and where the buckets of a histogram end, tells little
        true if series.name.ends_with("_created") => Worth::Nothing,
        true if series.name.ends_with("_bucket") || series.label("quantile").is_some() => Worth::Part,
        true => Worth::Own,
        false => Worth::Nothing,
    };
    if server.is_some_and(|server| server.reads(series.name)) || host::reads(series.name) {
        return Worth::Read;
    }
    own(!known || gpus::owns(series.name) || server.is_some_and(|server| server.owns(series.name)))
}

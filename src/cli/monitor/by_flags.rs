//! The scenario that stands for the flags of `scenario monitor`.

use std::{collections::BTreeSet, fmt::Write as _};

use http::Uri;

use super::super::{
    by_url::Flags,
    starter::quoted,
    terminal::{self, Terminal},
};
use crate::{
    config::{Diagnostic, Problems},
    hosts,
    plan::Plan,
};

/// How problems call the text.
pub(super) const NAME: &str = "the flags of `scenario monitor`";

/// The longest name of a server.
const LONGEST: usize = 60;

/// What is to be read beside this machine.
#[derive(Debug, clap::Args)]
pub(super) struct ByFlags {
    /// Read the server at this base URL, such as `http://127.0.0.1:8000/v1`: the process that listens there, and its
    /// Prometheus page; may be repeated
    #[arg(long = "endpoint", value_name = "URL")]
    endpoints: Vec<String>,
    /// Read this Prometheus page, of a server that has it elsewhere or of an exporter; may be repeated
    #[arg(long, value_name = "URL")]
    metrics: Vec<String>,
    /// The process of the first `--endpoint`, where it is not found by its port
    #[arg(long, value_name = "PID", requires = "endpoints")]
    pid: Option<u32>,
}

/// A server as the scenario has it.
#[derive(Debug, PartialEq)]
struct Watched {
    name: String,
    url: String,
    /// Pages besides the one that a server usually has.
    pages: Vec<String>,
    /// The flag that named it.
    flag: &'static str,
}

impl ByFlags {
    /// The servers: those that were named, each page with the server at its address, else with the first, or as one of its own.
    fn watched(&self) -> Vec<Watched> {
        let named = self.endpoints.iter().map(|url| (url.clone(), Vec::new(), "--endpoint"));
        let mut servers: Vec<(String, Vec<String>, &'static str)> = named.collect();
        for page in &self.metrics {
            let own = servers.iter().position(|(url, ..)| authority(url) == authority(page));
            let first = (!self.endpoints.is_empty()).then_some(0);
            match own.or(first).and_then(|index| servers.get_mut(index)) {
                Some((_, pages, _)) => pages.push(page.clone()),
                None => servers.push((root(page), vec![page.clone()], "--metrics")),
            }
        }
        let mut taken = BTreeSet::new();
        let named = servers.into_iter().map(|(url, pages, flag)| {
            let plain = name_of(&url);
            let mut name = plain.clone();
            let mut number = 1;
            while !taken.insert(name.clone()) {
                number += 1;
                name = format!("{plain}-{number}");
            }
            Watched { name, url, pages, flag }
        });
        named.collect()
    }

    /// The scenario as TOML. It needs a phase, which is not run, and an endpoint, which [`Self::finish`] takes out again where
    /// nobody named one.
    pub(super) fn text(&self) -> String {
        let watched = self.watched();
        let name = match watched.as_slice() {
            [] => "this-machine".to_owned(),
            [only] => only.name.clone(),
            [first, others @ ..] => format!("{}_and_{}_more", first.name, others.len()),
        };
        let mut text = format!(
            "version = 1\nname = {}\n[phases.unused]\nrequests = 1\nload.closed.users = 1\n",
            quoted(&name)
        );
        if watched.is_empty() {
            text.push_str("[endpoints.none]\nurl = \"http://127.0.0.1:1\"\n");
        }
        for (index, Watched { name, url, pages, .. }) in watched.iter().enumerate() {
            // writing to a string does not fail
            let _ = write!(text, "[endpoints.{}]\nurl = {}\n", quoted(name), quoted(url));
            if !pages.is_empty() {
                let usual = self
                    .endpoints
                    .get(index)
                    .filter(|url| url.starts_with("http://") || url.starts_with("https://"))
                    .filter(|_| pages.iter().all(|page| authority(page) != authority(url)));
                let usual =
                    usual.map(|url| format!("{}/metrics", url.trim_end_matches('/').trim_end_matches("/v1")));
                let all: Vec<String> = usual.iter().chain(pages).map(|page| quoted(page)).collect();
                let _ = writeln!(text, "metrics = [{}]", all.join(", "));
            }
            if let Some(pid) = self.pid.filter(|_| index == 0) {
                let _ = writeln!(text, "pid = {pid}");
            }
        }
        text
    }

    /// Takes out of the plan what only the text needed.
    pub(super) fn finish(&self, plan: &mut Plan) {
        if self.endpoints.is_empty() && self.metrics.is_empty() {
            plan.endpoints.clear();
            plan.origins.retain(|origin| !origin.path.starts_with("endpoints."));
        }
    }

    /// Says what is wrong with the flags, and where that is what is laid over the scenario, where it stands there.
    pub(super) fn say(&self, problems: &Problems, terminal: Terminal) {
        let flags = self.watched().into_iter().flat_map(|server| {
            let at = |key: &str| format!("endpoints.{}.{key}", server.name);
            [
                (at("url"), server.flag.to_owned()),
                (at("metrics"), "--metrics".to_owned()),
                (at("pid"), "--pid".to_owned()),
            ]
        });
        let flags = Flags::of(flags);
        let of_flags =
            |problem: &&Diagnostic| problem.labels().first().is_none_or(|label| label.source() == NAME);
        let (own, others): (Vec<&Diagnostic>, Vec<&Diagnostic>) = problems.iter().partition(of_flags);
        for problem in own {
            terminal::say(&flags.tell(problem));
        }
        if !others.is_empty() {
            let others: Problems = others.into_iter().cloned().collect();
            terminal::say(&others.render(terminal.color_err()));
        }
    }
}

/// Host and port of a URL.
fn authority(url: &str) -> Option<String> {
    Some(url.parse::<Uri>().ok()?.authority()?.as_str().to_ascii_lowercase())
}

/// A URL without its path.
fn root(url: &str) -> String {
    let parsed: Option<Uri> = url.parse().ok();
    let parts = parsed.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
    parts.map_or_else(|| url.to_owned(), |(scheme, authority)| format!("{scheme}://{authority}"))
}

/// What a server is called: its host and port, in letters that a name may have.
fn name_of(url: &str) -> String {
    let place = authority(url).unwrap_or_else(|| url.to_owned());
    let here = hosts::of_url(url).filter(|host| hosts::is_this_machine(host));
    let port = place.rsplit_once(':').map_or("", |(_, port)| port);
    let place = if here.is_some() { format!("localhost-{port}") } else { place };
    let clean: String =
        place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(LONGEST).collect();
    let clean = clean.trim_matches('-');
    if clean.is_empty() { "server".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, URL and pages of each server.
    fn watched(endpoints: &[&str], metrics: &[&str]) -> Vec<(String, String, Vec<String>)> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let flags = ByFlags { endpoints: owned(endpoints), metrics: owned(metrics), pid: None };
        flags.watched().into_iter().map(|server| (server.name, server.url, server.pages)).collect()
    }

    #[test]
    fn a_page_goes_with_the_server_at_its_address_else_with_the_first_else_alone() {
        let (one, other) = ("http://127.0.0.1:8000/v1", "http://gpu-box:8001/v1");
        let (own, exporter) = ("http://GPU-box:8001/stats", "http://10.0.0.7:9400/metrics");
        let server = |name: &str, url: &str, pages: &[&str]| {
            (name.to_owned(), url.to_owned(), pages.iter().map(|page| (*page).to_owned()).collect())
        };
        assert_eq!(
            watched(&[one, other], &[own, exporter]),
            [server("localhost-8000", one, &[exporter]), server("gpu-box-8001", other, &[own])]
        );
        assert_eq!(watched(&[], &[exporter]), [server("10-0-0-7-9400", "http://10.0.0.7:9400", &[exporter])]);
        assert_eq!(
            watched(&[one, one], &[]),
            [server("localhost-8000", one, &[]), server("localhost-8000-2", one, &[])]
        );
        assert_eq!(watched(&["sim:rtx_4090"], &[]), [server("sim-rtx-4090", "sim:rtx_4090", &[])]);
    }

    #[test]
    fn a_page_elsewhere_leaves_the_servers_own_to_be_read() {
        let text = |metrics: &str| {
            let (endpoints, metrics) =
                (vec!["http://127.0.0.1:8000/v1".to_owned()], vec![metrics.to_owned()]);
            ByFlags { endpoints, metrics, pid: Some(7) }.text()
        };
        let both =
            "metrics = [\"http://127.0.0.1:8000/metrics\", \"http://127.0.0.1:9400/metrics\"]\npid = 7\n";
        assert!(
            text("http://127.0.0.1:9400/metrics").ends_with(both),
            "{}",
            text("http://127.0.0.1:9400/metrics")
        );
        let own = "metrics = [\"http://127.0.0.1:8000/stats\"]\npid = 7\n";
        assert!(text("http://127.0.0.1:8000/stats").ends_with(own));
        // what is simulated has its page anyway
        let (endpoints, metrics) =
            (vec!["sim:rtx_4090".to_owned()], vec!["http://h:9400/metrics".to_owned()]);
        let text = ByFlags { endpoints, metrics, pid: None }.text();
        assert!(text.ends_with("\nmetrics = [\"http://h:9400/metrics\"]\n"), "{text}");
    }
}

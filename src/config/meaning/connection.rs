//! Whether an endpoint is connected to in a way that its URL allows.

use super::{
    super::{Address, HttpVersion, MetricsPages},
    Check, Diagnostic,
};

impl Check<'_> {
    /// What says how a server is read needs somebody who reads.
    pub(super) fn monitored(&self) {
        let Some(enabled) = self.root.at(&["monitoring", "enabled"]).filter(|_| !self.draft.monitors())
        else {
            return;
        };
        for (name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint else { continue };
            let pages = matches!(endpoint.metrics, MetricsPages::At(_)).then_some("metrics");
            for key in pages.into_iter().chain(endpoint.pid.map(|_| "pid")) {
                let place = self.key(&["endpoints", name, key]);
                // a flag or a platform that turns it off leaves what stands below as it is
                if place.source.layer < enabled.place.source.layer {
                    continue;
                }
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}.{key}` is about nothing"))
                        .label(place, "read while the run goes on")
                        .label(&enabled.place, "nothing is read")
                        .help(format!("remove `monitoring.enabled`, or `endpoints.{name}.{key}`")),
                );
            }
        }
    }

    /// What is said of TLS needs TLS, a simulated server speaks HTTP/1.1, and nobody knows its process before it runs.
    pub(super) fn connections(&self) {
        for (name, endpoint) in &self.draft.endpoints {
            let Some(endpoint) = endpoint else { continue };
            let url = self.place(&["endpoints", name, "url"]);
            let (what, fix) = match &endpoint.url {
                Address::Url(url) if url.starts_with("https://") => continue,
                Address::Url(url) => {
                    let secure = url.replacen("http://", "https://", 1);
                    (
                        "`http://` is not encrypted",
                        format!("write `{secure}` in `endpoints.{name}.url`, or remove"),
                    )
                }
                Address::Sim(_) => ("a simulated server speaks HTTP/1.1 without TLS", "remove".to_owned()),
            };
            if self.root.at(&["endpoints", name, "tls"]).is_some() {
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}.tls` is about nothing"))
                        .label(self.key(&["endpoints", name, "tls"]), "there is no TLS to set up")
                        .label(url, what)
                        .help(format!("{fix} `endpoints.{name}.tls`")),
                );
            }
            if endpoint.pid.is_some() && matches!(endpoint.url, Address::Sim(_)) {
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}.pid` is about nothing"))
                        .label(self.key(&["endpoints", name, "pid"]), "no process of this server")
                        .label(url, "a simulated server is started for the run")
                        .help(format!("remove `endpoints.{name}.pid`")),
                );
            }
            if endpoint.http_version == HttpVersion::Two && matches!(endpoint.url, Address::Sim(_)) {
                self.sink.push(
                    Diagnostic::new(format!("`endpoints.{name}.http_version` cannot be `2`"))
                        .label(self.place(&["endpoints", name, "http_version"]), "not this version")
                        .label(url, what)
                        .help("remove it, or write `\"auto\"`"),
                );
            }
        }
    }
}

//! Whether an endpoint is connected to in a way that its URL allows.

use super::{
    super::{Address, HttpVersion},
    Check, Diagnostic,
};

impl Check<'_> {
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
